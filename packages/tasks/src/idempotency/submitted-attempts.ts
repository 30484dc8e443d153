import {
  type Clock,
  type JobId,
  type Logger,
  serializeError,
  type StateStoreProtocol,
} from "@lexigram/contracts";
import type { QueueBinding } from "../dispatch/queue-binding.ts";
import type { CodecRegistry } from "../job/codec-registry.ts";
import { LockManager } from "../lock/lock-manager.ts";
import { sharedStateOf } from "../lock/shared-state.ts";
import { RetryTask } from "../retry/control-flow.ts";
import { IdempotencyStore } from "./idempotency-store.ts";
import { recordedResult, resultOfRecord } from "./recorded-outcome.ts";

export interface SubmittedAttemptParts {
  /** A queue by its name in the application. */
  readonly bindingOf: (queueName: string) => QueueBinding;
  readonly codecs: CodecRegistry;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The lease of an attempt. */
  readonly leaseMs: number;
}

/** An attempt as far as its record goes. */
export interface SubmittedAttempt {
  readonly jobId: string;
  /** The queue's name in the application. */
  readonly queueName: string;
}

const LATER_MS = 1_000;

/**
 * Runs jobs that were submitted under a key: what the record knows to be completed is not run again, and what a handler
 * returns is written to the record before the job is settled. The first that completes counts.
 */
export class SubmittedAttempts {
  readonly #parts: SubmittedAttemptParts;
  readonly #locks = new Map<StateStoreProtocol, LockManager>();

  constructor(parts: SubmittedAttemptParts) {
    this.#parts = parts;
  }

  /**
   * @param work the handler.
   * @returns what it returned, or what the record says that it did.
   * @throws RetryTask while the record cannot be read, or another worker has the same submission; neither counts an attempt.
   */
  async run(key: string, attempt: SubmittedAttempt, work: () => unknown): Promise<unknown> {
    const binding = this.#parts.bindingOf(attempt.queueName);
    const state = sharedStateOf(binding);
    const store = new IdempotencyStore(state);
    const known = await this.#completedBefore(store, key);
    if (known !== undefined) return known.value;
    // A queue that does not know its jobs may hold a second copy of this one, which another worker has.
    if (binding.queue.capabilities.unique === true)
      return this.#completed(store, key, attempt.jobId, await work());
    const lock = await heard(() => this.#locksOf(state).tryAcquire(`idempotency:${key}`));
    if (lock === undefined) throw later("another worker has the same submission");
    await using _held = lock;
    // It may have been completed between the look and the lock.
    const since = await this.#completedBefore(store, key);
    if (since !== undefined) return since.value;
    return await this.#completed(store, key, attempt.jobId, await work());
  }

  async close(): Promise<void> {
    await Promise.all([...this.#locks.values()].map((locks) => locks.close()));
  }

  async #completedBefore(
    store: IdempotencyStore,
    key: string,
  ): Promise<{ readonly value: unknown } | undefined> {
    const found = await heard(() => store.get(key));
    if (found?.stored.status !== "completed") return undefined;
    return { value: resultOfRecord(found.stored, this.#parts.codecs) };
  }

  async #completed(store: IdempotencyStore, key: string, jobId: JobId, value: unknown): Promise<unknown> {
    const { codecs, logger } = this.#parts;
    const result = recordedResult(value, codecs);
    try {
      const stored = await store.complete(key, jobId, result);
      const isOurs = stored?.status !== "completed" || stored.job?.id !== jobId || stored.result === result;
      return isOurs ? value : resultOfRecord(stored, codecs);
    } catch (error) {
      // What was done is done: the job completes, and its queue tells the result.
      logger.error("the result of a submission could not be recorded", {
        key,
        error: serializeError(error),
      });
      return value;
    }
  }

  #locksOf(state: StateStoreProtocol): LockManager {
    const { clock, logger, leaseMs } = this.#parts;
    let locks = this.#locks.get(state);
    if (locks === undefined)
      this.#locks.set(state, (locks = new LockManager({ state, clock, logger, ttl: leaseMs })));
    return locks;
  }
}

/** Without its record a job is not begun. It is put off, and that counts as no attempt. */
async function heard<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (cause) {
    const retry = later("the record of its submission could not be read");
    retry.cause = cause;
    throw retry;
  }
}

const later = (reason: string): RetryTask => new RetryTask({ delay: LATER_MS, countAttempt: false, reason });
