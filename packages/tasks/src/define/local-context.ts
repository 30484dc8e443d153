import { silentLogger, systemClock } from "@lexigram/contracts";
import type { TaskContext, TaskJobInfo } from "../worker/task-context.ts";

const NO_TEXTS: Readonly<Record<string, string>> = Object.freeze({});
const done = Promise.resolve();

/** What a handler that runs without a job is told: there is no job, no lease to renew, and nobody watches progress. */
class LocalContext {
  readonly #task: string;
  readonly #given: Partial<TaskContext>;
  #signal: AbortSignal | undefined;
  #job: TaskJobInfo | undefined;

  constructor(task: string, given: Partial<TaskContext>) {
    this.#task = task;
    this.#given = given;
    this.#signal = given.signal;
    this.#job = given.job;
  }

  get job(): TaskJobInfo {
    const task = this.#task;
    return (this.#job ??= { id: "local", task, queue: "local", priority: 0, createdAt: systemClock.now() });
  }
  get attempt(): number {
    return this.#given.attempt ?? 1;
  }
  get recoveries(): number {
    return this.#given.recoveries ?? 0;
  }
  get headers(): TaskContext["headers"] {
    return this.#given.headers ?? NO_TEXTS;
  }
  get labels(): TaskContext["labels"] {
    return this.#given.labels ?? NO_TEXTS;
  }
  get log(): TaskContext["log"] {
    return this.#given.log ?? silentLogger;
  }
  get signal(): AbortSignal {
    return (this.#signal ??= new AbortController().signal);
  }
  get progress(): TaskContext["progress"] {
    return this.#given.progress ?? { update: () => done };
  }

  async heartbeat(): Promise<void> {
    if (this.#given.heartbeat !== undefined) return this.#given.heartbeat();
    this.#signal?.throwIfAborted();
  }
}

/**
 * A context for a handler that is called here, outside of any worker: what `given` lacks is filled in. Members that
 * other packages add are copied as they are.
 */
export function localContext(task: string, given: Partial<TaskContext> = {}): TaskContext {
  const context = new LocalContext(task, given);
  for (const [name, value] of Object.entries(given))
    if (!(name in context)) Object.defineProperty(context, name, { value, enumerable: true });
  return context;
}
