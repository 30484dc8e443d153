import { type NewJob, serializeError } from "@lexigram/contracts";
import type { StoredResult } from "../results/result-store.ts";
import type { Attempt } from "./attempt.ts";
import type { WorkerServices } from "./worker-services.ts";

/** Whether a service of the application is to learn of this outcome before the queue does. */
export function needsStoring(attempt: Attempt, services: WorkerServices): boolean {
  if (services.resultStore === undefined && services.deadLetterQueue === undefined) return false;
  const kind = attempt.settlement?.kind;
  if (kind === "fail") return true;
  return services.resultStore !== undefined && (kind === "complete" || kind === "cancel");
}

/**
 * Tells the application's own stores how a job ended, before the settle, so that a crash in between repeats the job
 * rather than losing its outcome. A store that fails is logged and keeps no job from ending. Never rejects.
 */
export async function storeOutcome(
  attempt: Attempt,
  services: WorkerServices,
  value: unknown,
): Promise<void> {
  const { resultStore, deadLetterQueue, logger } = services;
  const settlement = attempt.settlement!;
  try {
    if (resultStore !== undefined) {
      const native = attempt.consumer.queue.capabilities.results;
      const ttl = attempt.plan?.task.policy.resultTtlMs;
      // A queue without results of its own has nothing that says which attempt won, so the first one stands.
      await resultStore.store(attempt.jobId, resultOf(attempt, value), {
        ifAbsent: !native,
        ...(ttl === undefined ? {} : { ttl }),
      });
    }
    if (deadLetterQueue !== undefined && deadLetterQueue !== attempt.consumer.queue.deadLetters)
      if (settlement.kind === "fail")
        await deadLetterQueue.add(asNewJob(attempt), settlement.error, settlement.reason ?? "failed");
  } catch (error) {
    logger.error("the outcome of a job could not be stored", {
      task: attempt.taskName,
      job: attempt.jobId,
      error: serializeError(error),
    });
  }
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
