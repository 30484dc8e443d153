import type { Application } from "@lexigram/kernel";
import { TaskQueueProtocol } from "@lexigram/tasks";
import type { Books } from "../accounts/books.ts";
import { bootApp } from "../processes/chaos-app.ts";
import type { Stage } from "../scenario.ts";

/** The store as an application sees it that neither enqueues nor works; connected when it is first asked. */
export class StoreView implements AsyncDisposable {
  readonly #stage: Stage;
  #app: Promise<Application> | undefined;

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  async queue(): Promise<TaskQueueProtocol> {
    const { queue, observed = queue, beside = [] } = this.#stage;
    this.#app ??= bootApp({ queue: observed, beside, worker: {} });
    return (await this.#app).get(TaskQueueProtocol);
  }

  async unfinished(): Promise<number> {
    const { counts } = await (await this.queue()).stats();
    return counts.pending + counts.running + counts.scheduled + counts.waiting;
  }

  /** Accepted jobs that it does not call completed. */
  async unsettled({ accepted, poisonings }: Books): Promise<number> {
    const queue = await this.queue();
    // A broker holds what is not completed, and remembers nothing else.
    if (!queue.capabilities.results) return (await queue.stats()).counts.failed - poisonings.size;
    const ids = [...accepted.keys()];
    let completed = 0;
    for (let at = 0; at < ids.length; at += 500)
      for (const { status } of await queue.results(ids.slice(at, at + 500)))
        if (status === "completed") completed++;
    return ids.length - completed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await (await this.#app)?.close();
  }
}
