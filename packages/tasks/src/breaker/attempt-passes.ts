import { type Attempt, type AttemptOutcome, Stage } from "../worker/attempt.ts";
import type { BreakerRule } from "./breaker-options.ts";
import type { BreakerPass } from "./circuit-breaker.ts";

/** Tells breakers how an attempt ended. */
export function endPasses(passes: readonly BreakerPass[], outcome: AttemptOutcome | undefined): void {
  const { kind, error, reason, countAttempt = true } = outcome ?? { kind: "released" };
  for (const pass of passes)
    if (kind === "completed") pass.ended("succeeded");
    else if ((kind === "retried" && countAttempt) || (kind === "dead" && reason === "failed"))
      pass.ended("failed", error);
    else pass.ended("neither");
}

/**
 * Lets an attempt through the breaker of its task: at once where that is closed, else when the store has said whether it
 * may.
 *
 * @param later called when the answer is there, if not at once: `undefined` to go on, else milliseconds to put it off.
 * @returns whether it may go on at once.
 */
export function passesBreaker(
  attempt: Attempt,
  rule: BreakerRule,
  later: (putOffMs: number | undefined) => void,
): boolean {
  const { services, state } = attempt.consumer;
  const breaker = services.breakers.ofTask(attempt.taskName, rule, state);
  const passes = (attempt.passes ??= []);
  if (breaker.allowance === Infinity) {
    passes.push(breaker.enter());
    return true;
  }
  attempt.handlerRuns = true;
  breaker
    .tryEnter()
    .catch(() => undefined)
    .then((pass) => {
      if (attempt.stage !== Stage.Running) pass?.ended("neither");
      else if (pass !== undefined) passes.push(pass);
      later(pass === undefined ? breaker.retryInMs : undefined);
    })
    .catch(() => undefined);
  return false;
}
