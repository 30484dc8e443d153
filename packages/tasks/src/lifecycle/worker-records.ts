import { hostname } from "node:os";
import {
  type Clock,
  type JsonValue,
  type Logger,
  serializeError,
  type StateStoreProtocol,
  type Timer,
} from "@lexigram/contracts";

/** What a live process with workers says of itself. */
export interface LiveWorkers {
  /** Names this run of the process. */
  readonly id: string;
  /** `name` of its configuration. */
  readonly name: string;
  readonly host: string;
  readonly pid: number;
  /** Epoch milliseconds. */
  readonly startedAt: number;
  readonly slots: number;
  /** Attempts that run now. */
  readonly running: number;
  /** Names of tasks that it has handlers for. */
  readonly tasks: readonly string[];
  /** Names of the queues it claims from. */
  readonly queues: readonly string[];
  /** How late its event loop last was, in milliseconds. */
  readonly lagMs: number;
  /** When it last said so: epoch milliseconds. */
  readonly seenAt: number;
}

/** What changes from one sign of life to the next. */
type WorkersSnapshot = Pick<LiveWorkers, "slots" | "running" | "tasks" | "queues">;

export interface WorkerRecordOptions {
  readonly id: string;
  readonly name: string;
  /** Between two signs of life, in milliseconds; a record is held three times as long. */
  readonly heartbeatMs: number;
  readonly snapshot: () => WorkersSnapshot;
  readonly state: StateStoreProtocol;
  readonly clock: Clock;
  readonly logger: Logger;
}

const PREFIX = "workers:";
const BEATS_UNTIL_GONE = 3;

/**
 * Keeps a leased record of this process in the state store while its workers run, and lists those of all processes.
 * A process that dies without a word is gone from the list after three signs of life were missed. A store that cannot
 * be reached is logged and tried again with the next one.
 */
export class WorkerRecords {
  readonly #options: WorkerRecordOptions;
  #timer: Timer | undefined;
  readonly #host = hostname();
  #startedAt = 0;
  #dueAt = 0;
  #writing: Promise<void> = Promise.resolve();

  constructor(options: WorkerRecordOptions) {
    this.#options = options;
  }

  /** Writes the record and renews it until `stop`. A second start is a no-op. */
  start(): Promise<void> {
    if (this.#timer !== undefined) return this.#writing;
    this.#startedAt = this.#options.clock.now();
    this.#arm();
    return this.#write(0);
  }

  /** Removes the record. Never rejects; idempotent. */
  async stop(): Promise<void> {
    if (this.#timer === undefined) return;
    this.#timer.cancel();
    this.#timer = undefined;
    await this.#writing;
    await this.#attempt(async ({ state, id }) => void (await state.delete(PREFIX + id)));
  }

  /** The live processes with workers, the oldest first. */
  async list(): Promise<readonly LiveWorkers[]> {
    const found: LiveWorkers[] = [];
    let cursor: string | undefined;
    do {
      const page = await this.#options.state.list(PREFIX, cursor === undefined ? {} : { cursor });
      found.push(...page.items.map(({ value }) => value as unknown as LiveWorkers));
      cursor = page.cursor;
    } while (cursor !== undefined);
    return found.sort((a, b) => a.startedAt - b.startedAt || a.id.localeCompare(b.id));
  }

  #arm(): void {
    const { clock, heartbeatMs } = this.#options;
    this.#dueAt = clock.monotonic() + heartbeatMs;
    this.#timer = clock.setTimer(
      () => {
        const lagMs = Math.max(0, clock.monotonic() - this.#dueAt);
        this.#arm();
        void this.#write(lagMs);
      },
      heartbeatMs,
      { keepAlive: false },
    );
  }

  /** One write after the other, so that a slow one cannot undo a later one. */
  #write(lagMs: number): Promise<void> {
    this.#writing = this.#writing.then(() =>
      this.#attempt(async ({ state, id, name, clock, heartbeatMs, snapshot }) => {
        if (this.#timer === undefined) return;
        const record: LiveWorkers = {
          id,
          name,
          host: this.#host,
          pid: process.pid,
          startedAt: this.#startedAt,
          ...snapshot(),
          lagMs: Math.round(lagMs),
          seenAt: clock.now(),
        };
        await state.put(PREFIX + id, record as unknown as JsonValue, {
          ttlMs: heartbeatMs * BEATS_UNTIL_GONE,
        });
      }),
    );
    return this.#writing;
  }

  async #attempt(work: (options: WorkerRecordOptions) => Promise<void>): Promise<void> {
    try {
      await work(this.#options);
    } catch (error) {
      this.#options.logger.warn("the record of this process's workers could not be written", {
        error: serializeError(error),
      });
    }
  }
}
