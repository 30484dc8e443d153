import { ManualClock } from "@lexigram/conformance";
import {
  type AnySchema,
  type JobId,
  type JobView,
  type Logger,
  type NewJob,
  type QueuePolicy,
  type StateStoreProtocol,
  type TaskEventName,
  type TaskQueueProtocol,
} from "@lexigram/contracts";
import type { RegisteredTask, TaskLookup } from "../../src/define/registered-task.ts";
import { compilePolicy } from "../../src/define/task-policy.ts";
import type { TaskOptions } from "../../src/define/task-options.ts";
import type { QueueBinding } from "../../src/dispatch/queue-binding.ts";
import { TaskEmitter } from "../../src/events/task-emitter.ts";
import type { JobPolicy } from "../../src/job/envelope.ts";
import { memoryBackend } from "../../src/memory/memory-backend.ts";
import type { MemoryFaults } from "../../src/memory/memory-faults.ts";
import type { TaskContext } from "../../src/worker/task-context.ts";
import type { TaskWorkerServices } from "../../src/worker/worker-services.ts";
import type { WorkerSettings } from "../../src/worker/worker-settings.ts";
import { WorkerPool, type WorkerPoolOptions } from "../../src/worker/worker-pool.ts";

export type Handler = (input: unknown, context: TaskContext) => unknown;

export interface LogLine {
  readonly level: keyof Logger;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** A promise that is settled from outside. */
export class Gate<T = void> {
  readonly promise: Promise<T>;
  open!: (value: T) => void;
  break!: (error: unknown) => void;
  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.open = resolve;
      this.break = reject;
    });
  }
}

const TICK_MS = 50;
const EVENTS: readonly TaskEventName[] = [
  "task.received",
  "task.started",
  "task.completed",
  "task.failed",
  "task.retried",
  "task.dead",
  "task.cancelled",
  "task.lease-lost",
  "worker.heartbeat",
  "worker.blocked",
  "queue.availability",
];

/** One turn of the event loop. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A memory queue, tasks, and workers on a clock that tests move. */
export class Workshop implements TaskLookup {
  readonly clock = new ManualClock();
  /** What the wire does to calls; may be replaced at any time. */
  onCall: NonNullable<MemoryFaults["onCall"]> = () => "apply";
  readonly logs: LogLine[] = [];
  readonly logger: Logger = {
    debug: (message, fields = {}) => void this.logs.push({ level: "debug", message, fields }),
    info: (message, fields = {}) => void this.logs.push({ level: "info", message, fields }),
    warn: (message, fields = {}) => void this.logs.push({ level: "warn", message, fields }),
    error: (message, fields = {}) => void this.logs.push({ level: "error", message, fields }),
  };
  readonly emitter = new TaskEmitter(this.logger);
  readonly backend = memoryBackend({
    clock: this.clock,
    random: () => 0.5,
    faults: { onCall: (name) => this.onCall(name) },
  });
  readonly queue: TaskQueueProtocol = this.backend.queue("work");
  readonly tasks = new Map<string, RegisteredTask>();
  readonly pools: WorkerPool[] = [];
  /** Names of jobs in the order in which their handlers began. */
  readonly began: JobId[] = [];
  /** Handlers at work now, and the most there were at once. */
  atWork = 0;
  mostAtWork = 0;
  readonly #events: { name: TaskEventName; payload: Record<string, unknown> }[] = [];
  #listening = false;
  #jobs = 0;

  lookup(name: string): RegisteredTask | undefined {
    return this.tasks.get(name);
  }

  names(): readonly string[] {
    return [...this.tasks.keys()];
  }

  /** Registers a function under a name. */
  define(name: string, handler: Handler, options: Omit<TaskOptions<AnySchema>, "name"> = {}): void {
    const run: Handler = async (input, context) => {
      this.began.push(context.job.id);
      this.atWork++;
      this.mostAtWork = Math.max(this.mostAtWork, this.atWork);
      try {
        return await handler(input, context);
      } finally {
        this.atWork--;
      }
    };
    const policy = compilePolicy({ name, ...options });
    this.tasks.set(name, { kind: "function", name, policy, schema: options.input, takesInput: true, run });
  }

  /** Stores a job, in the main queue unless another is given. @returns its id. */
  async enqueue(
    task: string,
    input?: unknown,
    options: Partial<NewJob> & { readonly policy?: JobPolicy; readonly queue?: TaskQueueProtocol } = {},
  ): Promise<JobId> {
    const { policy, queue = this.queue, ...fields } = options;
    const id = fields.id ?? `job-${++this.#jobs}`;
    const data = JSON.stringify({ v: 1, input, ...(policy === undefined ? {} : { policy }) });
    const job: NewJob = { id, task, body: { data, encoding: "json" }, headers: {}, priority: 5, ...fields };
    const result = await queue.enqueue(job);
    if (!result.ok) throw result.error;
    return id;
  }

  async enqueueAll(
    task: string,
    count: number,
    options: Parameters<Workshop["enqueue"]>[2] = {},
  ): Promise<JobId[]> {
    return Promise.all(Array.from({ length: count }, () => this.enqueue(task, undefined, options)));
  }

  pool(
    options: Omit<Partial<WorkerPoolOptions>, "settings" | "services"> & {
      readonly settings?: Partial<WorkerSettings>;
      readonly services?: TaskWorkerServices;
    } = {},
  ): WorkerPool {
    const { clock, logger, emitter } = this;
    const pool = new WorkerPool({
      queues: this.queue,
      handlers: this,
      maxConcurrentTasks: 1,
      ...options,
      settings: { prefetch: 0, ...options.settings },
      services: { clock, logger, emitter, random: () => 0.5, ...options.services },
    });
    this.pools.push(pool);
    return pool;
  }

  /** Makes and starts a pool, and lets it take what is there. */
  async start(options: Parameters<Workshop["pool"]>[0] = {}): Promise<WorkerPool> {
    const pool = this.pool(options);
    await pool.start();
    await this.settle();
    return pool;
  }

  /** Until nothing can happen without time passing. */
  async settle(): Promise<void> {
    for (let quiet = 0, last = -1; quiet < 4;) {
      await turn();
      const now = this.pools.reduce((sum, pool) => sum + pool.activity.turn, 0);
      const busy = this.pools.some((pool) => pool.activity.busy > 0);
      quiet = now === last && !busy ? quiet + 1 : 0;
      last = now;
    }
  }

  /** Moves time, tick by tick, and lets everything that it makes possible happen. */
  async advance(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= TICK_MS) {
      await this.clock.advance(Math.min(left, TICK_MS));
      for (let i = 0; i < 6; i++) await turn();
    }
    await turn();
  }

  /** Begins to remember events. */
  listen(): void {
    if (this.#listening) return;
    this.#listening = true;
    for (const name of EVENTS)
      this.emitter.on(name, (payload) => void this.#events.push({ name, payload: { ...payload } }));
  }

  /** What was announced since `listen`, but signs of life. */
  events(name?: TaskEventName): readonly { name: TaskEventName; payload: Record<string, unknown> }[] {
    return this.#events.filter((event) =>
      name === undefined ? event.name !== "worker.heartbeat" : event.name === name,
    );
  }

  eventNames(): TaskEventName[] {
    return this.events().map((event) => event.name);
  }

  async job(id: JobId, queue: TaskQueueProtocol = this.queue): Promise<JobView> {
    const job = await queue.getJob(id);
    if (job === undefined) throw new Error(`there is no job ${id}`);
    return job;
  }

  logged(message: string): readonly LogLine[] {
    return this.logs.filter((line) => line.message === message);
  }

  binding(name: string, changes: Partial<QueueBinding> = {}): QueueBinding {
    return {
      name,
      primary: false,
      queue: this.backend.queue(name),
      backend: this.backend,
      state: this.backend.state as StateStoreProtocol,
      defaults: { priority: undefined, maxRetries: undefined, timeoutMs: undefined, backoff: undefined },
      consume: true,
      concurrency: undefined,
      weight: 1,
      policy: undefined satisfies QueuePolicy | undefined,
      ...changes,
    };
  }
}
