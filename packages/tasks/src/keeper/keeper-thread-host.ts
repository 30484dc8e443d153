import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import { type Clock, type Logger, serializeError, type Timer } from "@lexigram/contracts";
import type { KeeperMessage, KeeperNews, KeeperStart } from "./keeper-messages.ts";

export interface ThreadHostParts {
  readonly clock: Clock;
  readonly logger: Logger;
  /** What a thread begins with; asked anew for each. */
  readonly start: () => KeeperStart;
}

const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 60_000;
const CLOSE_MS = 2_000;

/** Megabytes: it holds a few connections and no jobs. */
const HEAP_MB = 128;

/**
 * The keeper's thread from the first start to the end: one that dies is said and replaced, one that cannot begin is said. It
 * keeps no process alive.
 */
export class KeeperThreadHost {
  readonly #parts: ThreadHostParts;
  #thread: Worker | undefined;
  #again: Timer | undefined;
  #waitMs = FIRST_WAIT_MS;
  #closed = false;

  constructor(parts: ThreadHostParts) {
    this.#parts = parts;
    this.#open();
  }

  get runs(): boolean {
    return this.#thread !== undefined;
  }

  /** To the thread that runs; the next one begins with what holds then. */
  send(message: KeeperMessage): void {
    this.#thread?.postMessage(message);
  }

  /** Resolves when the thread and its connections are gone. Never rejects; idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#again?.cancel();
    const thread = this.#thread;
    if (thread === undefined) return;
    thread.ref();
    const timer = this.#parts.clock.setTimer(() => void thread.terminate(), CLOSE_MS);
    await new Promise<void>((resolve) => {
      thread.once("exit", () => resolve());
      thread.postMessage({ kind: "close" } satisfies KeeperMessage);
    });
    timer.cancel();
  }

  #open(): void {
    this.#again = undefined;
    let thread: Worker;
    try {
      // By its name in package.json, because what runs in a thread is what is published, whoever asks.
      const file = createRequire(import.meta.url).resolve("#keeper-thread");
      thread = new Worker(pathToFileURL(file), {
        name: "lexigram-keeper",
        workerData: this.#parts.start(),
        // What the process was started with is about its program: a text to run, hooks, a debugger.
        execArgv: [],
        resourceLimits: { maxOldGenerationSizeMb: HEAP_MB },
      });
    } catch (error) {
      // The next one would not begin either, as where all was put into one file and this one is not there.
      this.#parts.logger.warn(
        "leases are not renewed while the event loop is blocked: no thread can be started",
        {
          error: serializeError(error, { stack: false }),
        },
      );
      return;
    }
    this.#thread = thread;
    thread.unref();
    let cause: unknown;
    thread.on("message", (news: KeeperNews) => this.#tell(news));
    thread.on("error", (error) => (cause = error));
    thread.on("exit", (code) => {
      this.#thread = undefined;
      this.#gone(cause ?? new Error(`it ended with code ${code}`));
    });
  }

  #tell({ message }: KeeperNews): void {
    this.#parts.logger.warn("leases are not renewed while the event loop is blocked: its thread cannot", {
      message,
    });
  }

  #gone(cause: unknown): void {
    if (this.#closed) return;
    const { clock, logger } = this.#parts;
    const waitMs = this.#waitMs;
    this.#waitMs = Math.min(2 * waitMs, LONGEST_WAIT_MS);
    logger.warn("the thread that renews leases while the event loop is blocked ended; it is started again", {
      waitMs,
      error: serializeError(cause),
    });
    this.#again = clock.setTimer(() => this.#open(), waitMs, { keepAlive: false });
  }
}
