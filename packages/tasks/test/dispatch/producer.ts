import type {
  Logger,
  LogFields,
  Random,
  Settlement,
  TaskBackend,
  TaskQueueProtocol,
} from "@lexigram/contracts";
import type { QueueBinding } from "../../src/dispatch/queue-binding.ts";
import { QueueSet } from "../../src/dispatch/queue-set.ts";
import { TaskDispatcher, type TaskDispatcherOptions } from "../../src/dispatch/task-dispatcher.ts";
import { CodecRegistry } from "../../src/job/codec-registry.ts";
import { memoryBackend } from "../../src/memory/memory-backend.ts";
import { TestClock } from "../../src/testing/test-clock.ts";

/** Numbers from 0 (included) to 1 (excluded) that repeat with the seed. */
export function seeded(seed: number): Random {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state / 2_147_483_648;
  };
}

export class RecordingLogger implements Logger {
  readonly lines: {
    readonly level: string;
    readonly message: string;
    readonly fields: LogFields | undefined;
  }[] = [];
  readonly debug = this.#at("debug");
  readonly info = this.#at("info");
  readonly warn = this.#at("warn");
  readonly error = this.#at("error");

  #at(level: string): Logger["info"] {
    return (message, fields) => void this.lines.push({ level, message, fields });
  }
}

export function bindingOf(
  backend: TaskBackend,
  queue: TaskQueueProtocol,
  more: Partial<QueueBinding> = {},
): QueueBinding {
  if (backend.state === undefined) throw new Error("the backend of a test has state");
  return {
    name: queue.name,
    primary: false,
    queue,
    backend,
    state: backend.state,
    defaults: { priority: undefined, maxRetries: undefined, timeoutMs: undefined, backoff: undefined },
    consume: true,
    concurrency: undefined,
    weight: 1,
    policy: undefined,
    ...more,
  };
}

/** A dispatcher over queues in memory that no worker serves: a test takes the jobs and says how they end. */
export class Producer {
  readonly clock: TestClock;
  readonly backend: TaskBackend;
  readonly queue: TaskQueueProtocol;
  readonly emails: TaskQueueProtocol;
  readonly queues: QueueSet;
  readonly codecs = new CodecRegistry();
  readonly dispatcher: TaskDispatcher;
  #seq = 0;

  constructor(options: Partial<TaskDispatcherOptions> = {}, clock = new TestClock()) {
    this.clock = clock;
    this.backend = memoryBackend({ clock: this.clock });
    this.queue = this.backend.queue("main");
    this.emails = this.backend.queue("emails");
    this.queues = new QueueSet([bindingOf(this.backend, this.queue), bindingOf(this.backend, this.emails)]);
    this.dispatcher = new TaskDispatcher({
      queues: this.queues,
      codecs: this.codecs,
      clock: this.clock,
      random: seeded(7),
      ...options,
    });
  }

  /** What a worker would find in the body of a job. */
  async envelope(id: string, queue = this.queue): Promise<ReturnType<CodecRegistry["decode"]>> {
    const job = await queue.getJob(id);
    if (job === undefined) throw new Error(`there is no job ${id}`);
    return this.codecs.decode(job.body);
  }

  /** Takes the next job and settles it. @returns its id. */
  async settleNext(
    settlement: (receipt: Settlement["receipt"]) => Settlement,
    queue = this.queue,
  ): Promise<string> {
    const call = (): { session: string; seq: number } => ({ session: "the test's", seq: ++this.#seq });
    const claim = { slots: 1, ahead: 0, leaseMs: 10_000, maxBytes: 1_000_000 };
    const { deliveries } = await queue.exchange({ ...call(), settle: [], started: [], claim });
    const [delivery] = deliveries;
    if (delivery === undefined) throw new Error("no job waits");
    await queue.exchange({
      ...call(),
      settle: [settlement(delivery.receipt)],
      started: [],
      claim: { ...claim, slots: 0 },
    });
    return delivery.job.id;
  }

  /** Lets the next job complete with a result. */
  complete(result: unknown, queue = this.queue): Promise<string> {
    return this.settleNext(
      (receipt) => ({ receipt, kind: "complete", result: this.codecs.encodeValue(result, "a result") }),
      queue,
    );
  }
}

/** What a promise rejects with. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("it did not reject");
}
