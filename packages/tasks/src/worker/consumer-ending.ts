import type { Attempt } from "./attempt.ts";
import type { AttemptRunner } from "./attempt-runner.ts";

/** Who runs attempts. */
export interface RunsAttempts {
  readonly runner: AttemptRunner;
  attempts(): readonly Attempt[];
  dropped(attempt: Attempt): void;
}

/** Asks every handler to stop; what does not finish is handed back. */
export function abortRunning(consumer: RunsAttempts, reason: Error): void {
  for (const attempt of consumer.attempts()) {
    attempt.handBack = !attempt.acknowledged;
    attempt.abort(reason);
    consumer.runner.interrupt(attempt);
  }
}

/** Hands every job back whose handler has not come back. */
export function handBackRunning(consumer: RunsAttempts): void {
  for (const attempt of consumer.attempts()) {
    const outcome = { kind: "released", error: attempt.abortReason } as const;
    if (attempt.leaseIsLost) consumer.dropped(attempt);
    else
      consumer.runner.conclude(attempt, { receipt: attempt.receipt, kind: "release", delayMs: 0 }, outcome);
  }
}
