import { type NewJob, serializeError } from "@lexigram/contracts";
import type { Run } from "../results/attempt-results.ts";
import { CacheBackendResultStore } from "../results/cache-backend-result-store.ts";
import type { ResultStore, StoredResult, StoreResultOptions } from "../results/result-store.ts";
import type { Activity } from "./activity.ts";
import type { Attempt } from "./attempt.ts";
import type { ConsumedQueue } from "./consumed-queue.ts";
import type { WorkerServices } from "./worker-services.ts";
import type { WorkerSettings } from "./worker-settings.ts";

export interface OutcomeParts {
  readonly services: WorkerServices;
  readonly settings: WorkerSettings;
  /** Counts what is under way. */
  readonly activity: Activity;
}

/** Where the outcomes of one queue's jobs go besides the queue. */
export class OutcomeStores {
  /** Learn how a job ended before its queue does. */
  readonly #early: readonly ResultStore[];
  /** Learn it when the queue has accepted it, so that the outcome of an attempt that lost its lease never counts. */
  readonly #accepted: readonly ResultStore[];
  readonly #services: WorkerServices;
  readonly #activity: Activity;
  readonly #telling = new Set<Promise<void>>();

  constructor({ queue, state }: Pick<ConsumedQueue, "queue" | "state">, parts: OutcomeParts) {
    const { services, settings, activity } = parts;
    this.#services = services;
    this.#activity = activity;
    const { resultStore: given, clock } = services;
    const { results } = queue.capabilities;
    const shared = given instanceof CacheBackendResultStore ? given : undefined;
    const accepted: ResultStore[] = [];
    if (!results && state !== undefined && shared?.state !== state)
      accepted.push(new CacheBackendResultStore(state, { clock, ttl: settings.resultTtlMs }));
    const isEarly = results && shared === undefined;
    if (given !== undefined && !isEarly) accepted.push(given);
    this.#early = given !== undefined && isEarly ? [given] : [];
    this.#accepted = accepted;
  }

  /** Whether somebody besides the queue is to learn of this outcome. */
  needs(attempt: Attempt): boolean {
    const kind = attempt.settlement?.kind;
    if (kind === "fail" && this.#services.deadLetterQueue !== undefined) return true;
    if (this.#early.length === 0 && this.#accepted.length === 0) return false;
    return kind === "complete" || kind === "fail" || kind === "cancel";
  }

  /**
   * Keeps how an attempt ended, before the settle, so that a crash in between repeats the job rather than losing its
   * outcome. A store that fails is logged and keeps no job from ending. Never rejects.
   */
  async keep(attempt: Attempt, value: unknown): Promise<void> {
    const { deadLetterQueue } = this.#services;
    const settlement = attempt.settlement!;
    const result = resultOf(attempt, value);
    if (this.#accepted.length > 0) attempt.unaccepted = result;
    await this.#logged(attempt, async () => {
      for (const store of this.#early) await store.store(attempt.jobId, result, keptFor(attempt));
      for (const store of this.#accepted)
        if (store instanceof CacheBackendResultStore)
          await store.attempts.keep(runOf(attempt), result, store.msOf(keptFor(attempt)));
      if (deadLetterQueue !== undefined && deadLetterQueue !== attempt.consumer.queue.deadLetters)
        if (settlement.kind === "fail")
          await deadLetterQueue.add(asNewJob(attempt), settlement.error, settlement.reason ?? "failed");
    });
  }

  /** The attempt is settled before it runs: its job has no value, once that is accepted. */
  settlesFirst(attempt: Attempt): void {
    if (this.#accepted.length === 0) return;
    attempt.unaccepted = { status: "ok", task: attempt.taskName, attempt: attempt.attempt };
  }

  /** The queue has accepted an attempt's outcome, which makes it that of its job, or refused it. */
  answered(attempt: Attempt, isAccepted: boolean): void {
    const result = attempt.unaccepted;
    if (result === undefined) return;
    attempt.unaccepted = undefined;
    this.#activity.begin();
    const telling = this.#tell(attempt, isAccepted ? result : undefined).finally(() => {
      this.#telling.delete(telling);
      this.#activity.end();
    });
    this.#telling.add(telling);
  }

  /** Resolves when every store has been told. */
  async quiet(): Promise<void> {
    while (this.#telling.size > 0) await Promise.all(this.#telling);
  }

  #tell(attempt: Attempt, result: StoredResult | undefined): Promise<void> {
    return this.#logged(attempt, async () => {
      for (const store of this.#accepted) {
        if (result !== undefined) await store.store(attempt.jobId, result, keptFor(attempt));
        if (store instanceof CacheBackendResultStore) await store.attempts.drop(runOf(attempt));
      }
    });
  }

  async #logged(attempt: Attempt, store: () => Promise<void>): Promise<void> {
    try {
      await store();
    } catch (error) {
      this.#services.logger.error("the outcome of a job could not be stored", {
        task: attempt.taskName,
        job: attempt.jobId,
        error: serializeError(error),
      });
    }
  }
}

function keptFor(attempt: Attempt): StoreResultOptions {
  const ttl = attempt.plan?.task.policy.resultTtlMs;
  return ttl === undefined ? {} : { ttl };
}

/** The attempt as the store counts it: repeats in place count up here and are not known there. */
function runOf({ jobId, delivery, receipt }: Attempt): Run {
  return { jobId, attempt: delivery.attempt, recoveries: delivery.recoveries, receipt };
}

function resultOf(attempt: Attempt, value: unknown): StoredResult {
  const settlement = attempt.settlement!;
  const facts = { task: attempt.taskName, attempt: attempt.attempt, durationMs: attempt.durationMs };
  if (settlement.kind === "complete") return { status: "ok", value, ...facts };
  const status = settlement.kind === "cancel" ? "cancelled" : "failed";
  const error = settlement.kind === "cancel" || settlement.kind === "fail" ? settlement.error : undefined;
  return error === undefined ? { status, ...facts } : { status, error, ...facts };
}

function asNewJob(attempt: Attempt): NewJob {
  const { id, task, body, headers, priority, key } = attempt.delivery.job;
  return { id, task, body, headers, priority, ...(key === undefined ? {} : { key }) };
}
