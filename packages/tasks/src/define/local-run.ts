import {
  type Clock,
  refuseUnknownOptions,
  RetriesExhaustedError,
  silentLogger,
  systemClock,
  systemRandom,
  TaskTimeoutError,
} from "@lexigram/contracts";
import { DEFAULT_BACKOFF } from "../retry/backoff.ts";
import { judgeFailure } from "../retry/failure-verdict.ts";
import type { RetryFacts } from "../retry/retry-options.ts";
import { RetryPolicy } from "../retry/retry-policy.ts";
import type { TaskContext } from "../worker/task-context.ts";
import { DEFAULT_WORKER_SETTINGS } from "../worker/worker-settings.ts";
import { parseInput } from "./input-validation.ts";
import { localContext } from "./local-context.ts";
import type { FunctionTask } from "./registered-task.ts";
import type { ApplyServices } from "./task-definition.ts";

/** Runs a function once, after validation. */
export async function runOnce(
  task: FunctionTask,
  input: unknown,
  given?: Partial<TaskContext>,
): Promise<unknown> {
  const parsed = task.schema === undefined ? input : await parseInput(task.schema, input, task.name);
  return task.run(parsed, localContext(task.name, given));
}

/**
 * Runs a function under its task's policy: time limit for each attempt, retries with their waits in between.
 *
 * @throws RetriesExhaustedError when the last attempt that is allowed failed too; the error itself when the rules do
 *   not repeat it.
 */
export async function runWithPolicy(
  task: FunctionTask,
  input: unknown,
  given: Partial<TaskContext>,
  services: ApplyServices,
): Promise<unknown> {
  refuseUnknownOptions(`apply of task "${task.name}"`, services, ["clock", "random"]);
  const { clock = systemClock, random = systemRandom } = services;
  const { policy, name, schema } = task;
  const parsed = schema === undefined ? input : await parseInput(schema, input, name);
  const defaults = DEFAULT_WORKER_SETTINGS;
  const rules = new RetryPolicy(policy.retry, {
    random,
    logger: given.log ?? silentLogger,
    backoff: { ...DEFAULT_BACKOFF, ...policy.backoff },
  });
  const timeoutMs = policy.timeoutMs === undefined ? defaults.defaultTimeoutMs : policy.timeoutMs;
  const maxAttempts = (policy.maxRetries ?? defaults.maxRetries) + 1;
  const deadline = policy.deadlineMs === undefined ? undefined : clock.now() + policy.deadlineMs;
  let attempt = 1;
  let deferrals = 0;
  for (;;) {
    const context = { ...given, attempt };
    const facts: RetryFacts = { taskName: name, jobId: given.job?.id ?? "local", attempt, maxAttempts };
    const outcome = await attemptOnce(task, parsed, context, { clock, timeoutMs, jobId: facts.jobId });
    if (outcome.ok && !rules.refusesResult(outcome.value, facts)) return outcome.value;
    const error = outcome.ok ? new Error("retryOnResult asked for another attempt") : outcome.error;
    const verdict = judgeFailure({
      error,
      facts,
      policy: rules,
      deferrals,
      maxDeferrals: policy.maxDeferrals,
      requeueFloorMs: defaults.requeueFloorMs,
      leftMs: deadline === undefined ? Infinity : deadline - clock.now(),
      deadline,
    });
    if (verdict.kind === "fail" && verdict.reason === "failed" && attempt >= maxAttempts)
      throw new RetriesExhaustedError({ task: name, attempts: attempt }, { cause: verdict.error });
    if (verdict.kind !== "retry") throw verdict.error;
    rules.announce(error, facts, verdict.delayMs);
    if (verdict.countAttempt) attempt++;
    else deferrals++;
    await waitFor(verdict.delayMs, clock, given.signal);
  }
}

type Outcome =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly error: unknown };

/** One attempt within its time limit; what comes later than that counts for nothing. */
async function attemptOnce(
  task: FunctionTask,
  input: unknown,
  given: Partial<TaskContext>,
  limits: { readonly clock: Clock; readonly timeoutMs: number | null; readonly jobId: string },
): Promise<Outcome> {
  const { clock, timeoutMs, jobId } = limits;
  const stop = new AbortController();
  const outer = given.signal;
  const onAbort = (): void => stop.abort(outer?.reason);
  if (outer?.aborted === true) onAbort();
  else outer?.addEventListener("abort", onAbort, { once: true });
  const timer =
    timeoutMs === null
      ? undefined
      : clock.setTimer(
          () => stop.abort(new TaskTimeoutError({ task: task.name, jobId, timeoutMs })),
          timeoutMs,
        );
  try {
    stop.signal.throwIfAborted();
    const stopped = new Promise<never>((_, reject) => {
      stop.signal.addEventListener("abort", () => reject(stop.signal.reason as Error), { once: true });
    });
    const running = (async () =>
      task.run(input, localContext(task.name, { ...given, signal: stop.signal })))();
    return { ok: true, value: await Promise.race([running, stopped]) };
  } catch (error) {
    if (outer?.aborted === true) throw error;
    return { ok: false, error };
  } finally {
    timer?.cancel();
    outer?.removeEventListener("abort", onAbort);
  }
}

/** @throws the reason of the signal when that is aborted first. */
function waitFor(ms: number, clock: Clock, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      timer.cancel();
      reject(signal?.reason as Error);
    };
    const timer = clock.setTimer(() => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    }, ms);
    if (signal?.aborted === true) onAbort();
    else signal?.addEventListener("abort", onAbort, { once: true });
  });
}
