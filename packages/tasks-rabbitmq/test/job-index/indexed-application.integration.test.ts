import { Application } from "@lexigram/kernel";
import {
  named,
  type NamedBackendOptions,
  type Runnable,
  task,
  TaskDispatcher,
  TaskQueueProtocol,
  TasksModule,
} from "@lexigram/tasks";
import { describe, expect, test, vi } from "vitest";
import { serverOfTest } from "../rabbit-server.ts";

const PATIENCE_MS = 20_000;

/** @param entry more of the queue's entry; by default where its index lies. */
async function booted(tasks: readonly Runnable[], entry: Partial<NamedBackendOptions> = { state: "main" }) {
  const { url, namespace, names } = await serverOfTest();
  names("mail");
  const extra = { namespace, queueType: "classic", jobIndex: true };
  const backends = [{ name: "main" }, { name: "mail", type: "rabbitmq", amqpUrl: url, extra, ...entry }];
  return Application.boot({
    modules: [TasksModule.configure({ backends }), TasksModule.scope(...tasks)],
    configFile: false,
    config: { logging: { level: "silent" } },
    env: {},
  });
}

describe("an application whose queue on RabbitMQ has an index of jobs", { timeout: 60_000 }, () => {
  test("finds, cancels and counts jobs, and takes each unique key once", async () => {
    const send = task({ name: "send", queue: "mail" }, () => undefined);
    await using app = await booted([send], { state: "main", consume: false });
    const dispatcher = app.get(TaskDispatcher);
    const queue = app.get(named(TaskQueueProtocol, "mail"));
    const first = await dispatcher.enqueue(send, undefined, { idempotencyKey: "a", delay: "1h" });
    const again = await dispatcher.enqueue(send, undefined, { idempotencyKey: "a" });
    expect({ id: again.id, outcome: again.outcome }).toEqual({ id: first.id, outcome: "existing" });
    expect(await first.job()).toMatchObject({ task: "send", status: "scheduled", attempt: 0 });
    expect(await queue.count("scheduled")).toBe(1);
    expect(await first.cancel()).toBe("cancelled");
    expect(await first.status()).toBe("cancelled");
    expect(await queue.count()).toBe(0);
    await expect(first.result({ timeout: "5s" })).rejects.toMatchObject({ code: "LEX_ERR_TASK_CANCELLED" });
  });

  test("stops a handler whose job is cancelled", async () => {
    let began = false;
    const waits = task({ name: "waits", queue: "mail" }, async (ctx) => {
      began = true;
      await new Promise((_, reject) => {
        ctx.signal.addEventListener("abort", () => reject(ctx.signal.reason as Error));
      });
    });
    await using app = await booted([waits]);
    const handle = await app.get(TaskDispatcher).enqueue(waits);
    await vi.waitFor(() => expect(began).toBe(true), PATIENCE_MS);
    expect(await handle.cancel()).toBe("requested");
    await expect(handle.result({ timeout: "15s" })).rejects.toMatchObject({ code: "LEX_ERR_TASK_CANCELLED" });
    expect(await handle.status()).toBe("cancelled");
  });

  test("runs nothing while it is paused, and what came meanwhile after that", async () => {
    let ran = 0;
    const work = task({ name: "work", queue: "mail" }, () => void ran++);
    await using app = await booted([work]);
    const queue = app.get(named(TaskQueueProtocol, "mail"));
    await queue.pause();
    expect((await queue.stats()).paused).toBe(true);
    const handle = await app.get(TaskDispatcher).enqueue(work);
    await expect(handle.result({ timeout: "1s" })).rejects.toMatchObject({
      code: "LEX_ERR_TASK_RESULT_TIMEOUT",
    });
    expect(ran).toBe(0);
    await queue.resume();
    await handle.result({ timeout: "15s" });
    expect(ran).toBe(1);
  });

  test("is refused when no entry is named for the index", async () => {
    const failed: unknown = await booted([], {}).catch((error: unknown) => error);
    expect(failed).toMatchObject({
      cause: { code: "LEX_ERR_TASK_CONFIG", fields: { path: "tasks.backends.mail.state" } },
    });
  });
});
