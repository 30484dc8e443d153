import {
  type Clock,
  type JobId,
  type JsonValue,
  type Logger,
  type ProgressStatus,
  refuseUnknownOptions,
  serializeError,
  silentLogger,
  systemClock,
  TaskValidationError,
} from "@lexigram/contracts";
import { ProgressInfo } from "./progress-info.ts";
import type { ProgressStore } from "./progress-store.ts";

export interface ProgressTrackerOptions {
  readonly clock?: Clock;
  /** Told of writes that failed. */
  readonly logger?: Logger;
  /** Goes on from here instead of from nothing. */
  readonly resume?: ProgressInfo;
}

const MAX_TEXT = 4_096;
const MAX_METADATA = 16_384;

/**
 * Reports how far one job is. Handlers are given one as `ctx.progress`.
 *
 * At most one write is in flight; what is reported meanwhile is merged, the latest wins, and the last one is always
 * written. Reporting never waits for a write, so a loop may report at every turn; `complete`, `fail` and `flush` wait.
 */
export class ProgressTracker {
  readonly jobId: JobId;
  readonly #store: ProgressStore;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #startedAt: number;
  /** Monotonic milliseconds of the start. */
  readonly #origin: number;
  #current = 0;
  #total = 0;
  #status: ProgressStatus = "pending";
  #message = "";
  #error = "";
  #metadata: Readonly<Record<string, JsonValue>> = {};
  #updatedAt: number;
  #elapsedMs = 0;
  /** Something is not written yet, and not being written. */
  #changed = false;
  #closed = false;
  #writing: Promise<void> | undefined;
  #failure: { readonly cause: unknown } | undefined;

  /** @throws TaskConfigError for an unknown option. */
  constructor(jobId: JobId, store: ProgressStore, options: ProgressTrackerOptions = {}) {
    refuseUnknownOptions("ProgressTracker", options, ["clock", "logger", "resume"]);
    const { clock = systemClock, logger = silentLogger, resume } = options;
    this.jobId = jobId;
    this.#store = store;
    this.#clock = clock;
    this.#logger = logger;
    this.#startedAt = resume?.startedAt ?? clock.now();
    this.#origin =
      clock.monotonic() - (resume === undefined ? 0 : Math.max(0, clock.now() - resume.startedAt));
    this.#updatedAt = resume?.updatedAt ?? this.#startedAt;
    if (resume === undefined) return;
    this.#current = resume.current;
    this.#total = resume.total;
    this.#status = resume.status;
    this.#message = resume.message;
    this.#error = resume.error;
    this.#metadata = resume.metadata;
    this.#elapsedMs = resume.elapsedMs;
  }

  /** What was reported last, written or not. */
  get info(): ProgressInfo {
    return new ProgressInfo({
      jobId: this.jobId,
      current: this.#current,
      total: this.#total,
      status: this.#status,
      message: this.#message,
      error: this.#error,
      startedAt: this.#startedAt,
      updatedAt: this.#updatedAt,
      elapsedMs: this.#elapsedMs,
      metadata: this.#metadata,
    });
  }

  /** Whether `complete` or `fail` was called. */
  get isFinal(): boolean {
    return this.#status === "complete" || this.#status === "failed";
  }

  get #isOver(): boolean {
    return this.#closed || this.isFinal;
  }

  /**
   * Tells how much is done. Does nothing after the end or `close`. A write that fails is logged and not repeated until the next
   * report or `flush`.
   *
   * @param total how much there is; 0: unknown. Default: as before, at first unknown.
   * @param message cut at 4,096 characters. Default empty.
   * @param metadata plain data, at most 16 KiB as JSON. Default empty.
   * @throws TaskValidationError when a number is negative or not finite, or the metadata is not such data.
   */
  async update(
    current: number,
    total: number = this.#total,
    message = "",
    metadata?: Readonly<Record<string, unknown>>,
  ): Promise<void> {
    if (this.#isOver) return;
    amount(current, "current");
    amount(total, "total");
    const told = cut(message, "message");
    const data = metadata === undefined ? {} : plainData(metadata);
    this.#current = current;
    this.#total = total;
    this.#message = told;
    this.#metadata = data;
    this.#report("running");
  }

  /** Reports the end, everything done. Does nothing after the end or `close`. Rejects with what the write fails with. */
  async complete(message = "Complete"): Promise<void> {
    const told = cut(message, "message");
    if (!this.#isOver) {
      this.#current = Math.max(this.#current, this.#total);
      this.#message = told;
      this.#report("complete");
    }
    await this.flush();
  }

  /** Reports a failed end. Does nothing after the end or `close`. Rejects with what the write fails with. */
  async fail(error: string): Promise<void> {
    const told = cut(error, "error");
    if (!this.#isOver) {
      this.#error = told;
      this.#message = cut(`FAILED: ${error}`, "message");
      this.#report("failed");
    }
    await this.flush();
  }

  /** Waits until everything reported is written. Rejects with what the last write fails with; may be called again. */
  async flush(): Promise<void> {
    if (this.#failure !== undefined) this.#write();
    await this.#writing;
    if (this.#failure !== undefined) throw this.#failure.cause;
  }

  /** Takes no more reports, as of an attempt that is over, and waits like `flush`. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.flush();
  }

  #report(status: ProgressStatus): void {
    this.#status = status;
    this.#updatedAt = this.#clock.now();
    this.#elapsedMs = this.#clock.monotonic() - this.#origin;
    this.#write();
  }

  #write(): void {
    this.#changed = true;
    this.#writing ??= this.#writeAll();
  }

  async #writeAll(): Promise<void> {
    while (this.#changed) {
      this.#changed = false;
      this.#failure = undefined;
      try {
        await this.#store.save(this.info);
      } catch (cause) {
        this.#failure = { cause };
        this.#logger.warn("progress could not be written", {
          jobId: this.jobId,
          error: serializeError(cause),
        });
      }
    }
    this.#writing = undefined;
  }
}

function amount(value: number, path: string): void {
  if (Number.isFinite(value) && value >= 0) return;
  throw refusal(path, "must be a finite number of at least 0");
}

function plainData(metadata: Readonly<Record<string, unknown>>): Readonly<Record<string, JsonValue>> {
  let text: string;
  try {
    text = JSON.stringify(metadata);
  } catch {
    throw refusal("metadata", "has no form in JSON");
  }
  if (typeof text !== "string") throw refusal("metadata", "has no form in JSON");
  if (text.length > MAX_METADATA)
    throw refusal("metadata", `has more than ${MAX_METADATA} characters as JSON`);
  return JSON.parse(text) as Readonly<Record<string, JsonValue>>;
}

function cut(text: string, path: string): string {
  if (typeof text !== "string") throw refusal(path, "must be a text");
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT - 1)}…` : text;
}

function refusal(path: string, message: string): TaskValidationError {
  return new TaskValidationError({ subject: "progress", issues: [{ path, message }] });
}
