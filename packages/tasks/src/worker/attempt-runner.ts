import { serializeError, type Settlement, TaskCancelledError, TaskNotFoundError } from "@lexigram/contracts";
import { endPasses, passesBreaker } from "../breaker/attempt-passes.ts";
import { parseInput } from "../define/input-validation.ts";
import type { TaskLookup } from "../define/registered-task.ts";
import type { AttemptEvents } from "./attempt-events.ts";
import { inputOf } from "../job/payload-input.ts";
import { JobExecutionContext } from "../middleware/execution-context.ts";
import type { TaskMiddlewarePipeline } from "../middleware/pipeline.ts";
import { type FailureVerdict, judgeFailure } from "../retry/failure-verdict.ts";
import { type Attempt, type AttemptOutcome, Stage } from "./attempt.ts";
import { AttemptContext } from "./attempt-context.ts";
import { deadlineError, limitError, loggedFailure, refusedResult } from "./attempt-errors.ts";
import { runHandler } from "./handler-call.ts";
import type { TimerWheel } from "./timer-wheel.ts";
import type { WorkerServices } from "./worker-services.ts";
import type { WorkerSettings } from "./worker-settings.ts";

const COMPLETED: AttemptOutcome = { kind: "completed" };

export interface RunnerParts {
  readonly handlers: TaskLookup;
  readonly pipeline: TaskMiddlewarePipeline | undefined;
  readonly settings: WorkerSettings;
  readonly services: WorkerServices;
  readonly wheel: TimerWheel;
  readonly events: AttemptEvents;
}

/**
 * Runs attempts: look the handler up, decode, validate, pass through the middleware, call, judge. Whatever is thrown
 * on the way ends here. Each attempt is reported to its consumer once, by `finished`.
 */
export class AttemptRunner {
  readonly #parts: RunnerParts;

  constructor(parts: RunnerParts) {
    this.#parts = parts;
  }

  /** Begins an attempt that was given a slot. Never throws. @param now monotonic milliseconds. */
  begin(attempt: Attempt, now: number): void {
    try {
      this.#begin(attempt, now);
    } catch (error) {
      attempt.handlerRuns = false;
      this.#broke(attempt, error);
    }
  }

  #begin(attempt: Attempt, now: number): void {
    const { handlers, services } = this.#parts;
    const { job } = attempt.delivery;
    attempt.stage = Stage.Running;
    attempt.startedAt = now;
    const task = handlers.lookup(job.task);
    if (task === undefined) return this.#unknownTask(attempt);
    let input: unknown;
    let left = Infinity;
    try {
      const envelope = services.codecs.decode(job.body);
      const plan = attempt.consumer.plans.of(task);
      const { policy } = envelope;
      attempt.plan = plan;
      attempt.policy = policy;
      attempt.maxAttempts = plan.maxAttemptsOf(policy);
      attempt.timeoutMs = plan.timeoutOf(policy);
      attempt.deadline = plan.deadlineOf(policy, job.createdAt);
      if (attempt.deadline !== Infinity) left = attempt.deadline - services.clock.now();
      input = inputOf(envelope);
      if (left > 0 && task.schema !== undefined) input = parseInput(task.schema, input, job.task);
    } catch (error) {
      return this.#fail(attempt, "invalid", error);
    }
    if (left <= 0) return this.#fail(attempt, "deadline", deadlineError(attempt));
    this.#limit(attempt, now, Math.min(attempt.timeoutMs, left));
    if (!(input instanceof Promise)) return this.#ready(attempt, input);
    attempt.handlerRuns = true;
    input.then(
      (parsed: unknown) => this.#parsed(attempt, () => this.#ready(attempt, parsed)),
      (error: unknown) => this.#parsed(attempt, () => this.#fail(attempt, "invalid", error)),
    );
  }

  /** From now on a time limit runs, and behind it the grace period. */
  #limit(attempt: Attempt, now: number, ms: number, graceMs = this.#parts.settings.graceMs): void {
    if (ms !== Infinity) this.#parts.wheel.set(attempt, now + ms);
    attempt.consumer.side?.runsUntil(attempt, now + ms + graceMs, now);
  }

  /** A time limit ran out, or the grace period after one. */
  timeIsUp(attempt: Attempt): void {
    attempt.overdue = attempt.sent;
    if (attempt.overdue) return;
    try {
      if (attempt.stage === Stage.Stopping) this.#stopped(attempt);
      else if (attempt.stage === Stage.Running)
        this.stop(attempt, limitError(attempt, this.#parts.services.clock.now()));
    } catch (error) {
      this.#broke(attempt, error);
    }
  }

  /** Decides the end of a running attempt; its handler has the grace period to come back. */
  stop(attempt: Attempt, error: Error): void {
    const { services, settings } = this.#parts;
    attempt.stage = Stage.Stopping;
    attempt.decided = error;
    attempt.abort(error);
    this.#limit(attempt, services.clock.monotonic(), settings.graceMs, 0);
    if (attempt.repeat !== undefined) this.#stopped(attempt);
  }

  /** The signal was aborted without deciding the end: a repeat that only waits need not. */
  interrupt(attempt: Attempt): void {
    if (attempt.repeat !== undefined && attempt.stage === Stage.Running)
      this.#threw(attempt, attempt.abortReason);
  }

  /** Ends an attempt whatever its handler does. What comes of that later is logged and counts for nothing. */
  conclude(
    attempt: Attempt,
    settlement: Settlement | undefined,
    outcome: AttemptOutcome,
    value?: unknown,
  ): void {
    const { wheel } = this.#parts;
    wheel.remove(attempt);
    attempt.stopRepeat();
    attempt.consumer.zombies.abandon(attempt);
    attempt.settlement = attempt.acknowledged ? undefined : settlement;
    attempt.outcome = attempt.transaction === "committed" ? COMPLETED : outcome;
    attempt.stage = Stage.Settling;
    const { consumer } = attempt;
    if (attempt.passes !== undefined) endPasses(attempt.passes, attempt.outcome);
    if (attempt.settlement !== undefined && consumer.outcomes.needs(attempt))
      void consumer.outcomes.keep(attempt, value).then(() => consumer.finished(attempt));
    else consumer.finished(attempt);
  }

  #parsed(attempt: Attempt, go: () => void): void {
    attempt.handlerRuns = false;
    try {
      if (attempt.stage === Stage.Running) go();
      else this.#late(attempt, undefined);
    } catch (error) {
      this.#broke(attempt, error);
    }
  }

  #ready(attempt: Attempt, input: unknown): void {
    attempt.input = input;
    const { breaker } = attempt.plan!.task.policy;
    if (
      breaker === undefined ||
      passesBreaker(attempt, breaker, (ms) => this.#parsed(attempt, () => this.#admitted(attempt, ms)))
    )
      this.#admitted(attempt, undefined);
  }

  #admitted(attempt: Attempt, putOffMs: number | undefined): void {
    const { receipt } = attempt;
    if (putOffMs !== undefined)
      return this.conclude(attempt, { receipt, kind: "release", delayMs: putOffMs }, { kind: "released" });
    if (attempt.abortReason !== undefined) return this.#threw(attempt, attempt.abortReason);
    if (attempt.plan!.task.policy.ackMode === "after" || attempt.acknowledged) return this.#call(attempt);
    const { wheel } = this.#parts;
    wheel.remove(attempt);
    attempt.consumer.outcomes.settlesFirst(attempt);
    attempt.consumer.settleFirst(attempt, (stored) => {
      if (!stored) return attempt.consumer.dropped(attempt);
      attempt.acknowledged = true;
      attempt.stage = Stage.Running;
      this.#restart(attempt, attempt.timeoutMs);
    });
  }

  #call(attempt: Attempt): void {
    const { events, pipeline, services } = this.#parts;
    let pass: JobExecutionContext | undefined;
    let result: unknown;
    let later: boolean;
    try {
      events.started(attempt);
      const context = (attempt.context = new AttemptContext(attempt));
      const around = pipeline?.around("process");
      attempt.handlerRuns = true;
      if (around === undefined) result = runHandler(attempt, context, services);
      else {
        pass = new JobExecutionContext(attempt, services.clock);
        result = around(pass, () => runHandler(attempt, context, services));
      }
      later = result instanceof Promise;
    } catch (error) {
      this.#threw(attempt, error, pass?.endTime);
      return;
    }
    if (later)
      (result as Promise<unknown>).then(
        (value: unknown) => this.#returned(attempt, value, pass?.endTime),
        (error: unknown) => this.#threw(attempt, error, pass?.endTime),
      );
    else this.#returned(attempt, result, pass?.endTime);
  }

  #returned(attempt: Attempt, value: unknown, endTime: number | undefined): void {
    attempt.handlerRuns = false;
    try {
      if (attempt.stage !== Stage.Running) this.#late(attempt, undefined);
      else this.#accept(attempt, value, endTime);
    } catch (error) {
      this.#broke(attempt, error);
    }
  }

  #accept(attempt: Attempt, value: unknown, endTime: number | undefined): void {
    if (attempt.transaction === "committed") return this.conclude(attempt, undefined, COMPLETED);
    if (this.#isTooLate(attempt, endTime)) return this.#timedOut(attempt);
    let settlement: Settlement;
    try {
      settlement = this.completion(attempt, value);
    } catch (error) {
      return this.#judge(attempt, error);
    }
    this.conclude(attempt, settlement, COMPLETED, value);
  }

  /** What completes an attempt's job. @throws for a value that cannot be stored, or that the task's policy refuses. */
  completion(attempt: Attempt, value: unknown): Settlement {
    const { retry, resultSubject } = attempt.plan!;
    if (retry.judgesResults && retry.refusesResult(value, attempt.facts)) throw refusedResult(attempt);
    const { receipt } = attempt.delivery;
    if (value === undefined || attempt.acknowledged) return { receipt, kind: "complete" };
    return {
      receipt,
      kind: "complete",
      result: this.#parts.services.codecs.encodeValue(value, resultSubject),
    };
  }

  #threw(attempt: Attempt, error: unknown, endTime?: number): void {
    attempt.handlerRuns = false;
    try {
      if (attempt.stage !== Stage.Running) return this.#late(attempt, error);
      // A repeat that waits is not at work, so its time limit does not run.
      if (this.#isTooLate(attempt, endTime) && attempt.repeat === undefined) this.#timedOut(attempt);
      else this.#judge(attempt, error);
    } catch (thrown) {
      this.#broke(attempt, thrown);
    }
  }

  /**
   * Notes how long an attempt took. @returns whether its time was up before it ended: a handler that blocks the event
   * loop is back before the timer can fire.
   */
  #isTooLate(attempt: Attempt, endTime: number | undefined): boolean {
    const { clock } = this.#parts.services;
    const tookMs = (attempt.durationMs = (endTime ?? clock.monotonic()) - attempt.startedAt);
    return tookMs > attempt.timeoutMs || (attempt.deadline !== Infinity && clock.now() > attempt.deadline);
  }

  #timedOut(attempt: Attempt): void {
    const error = limitError(attempt, this.#parts.services.clock.now());
    attempt.decided = error;
    attempt.abort(error);
    this.#judge(attempt, error);
  }

  /** The handling of an attempt itself failed: the attempt ends all the same, and its slot comes free. */
  #broke(attempt: Attempt, error: unknown): void {
    this.#parts.services.logger.error("an attempt could not be handled", loggedFailure(attempt, error));
    if (attempt.stage !== Stage.Running && attempt.stage !== Stage.Stopping) return;
    if (attempt.leaseIsLost) attempt.consumer.dropped(attempt);
    else this.#fail(attempt, "invalid", error);
  }

  /** The handler came back after its end was decided. */
  #late(attempt: Attempt, error: unknown): void {
    if (attempt.stage === Stage.Stopping) return this.#stopped(attempt);
    attempt.consumer.zombies.ended(attempt);
    const outcome = error === undefined ? "returned" : "threw";
    this.#parts.services.logger.warn("the late outcome of an attempt was not accepted", {
      outcome,
      ...loggedFailure(attempt, error),
    });
  }

  #stopped(attempt: Attempt): void {
    attempt.durationMs = this.#parts.services.clock.monotonic() - attempt.startedAt;
    if (attempt.leaseIsLost) {
      attempt.stopRepeat();
      attempt.consumer.dropped(attempt);
    } else this.#judge(attempt, attempt.decided);
  }

  #judge(attempt: Attempt, error: unknown): void {
    const { services, settings } = this.#parts;
    const { receipt } = attempt;
    if (attempt.transaction === "committed") return this.#threwLater(attempt, error);
    if (attempt.handBack && attempt.decided === undefined)
      return this.conclude(attempt, { receipt, kind: "release", delayMs: 0 }, { kind: "released", error });
    if (attempt.cancelRequested) {
      const asked = new TaskCancelledError({ jobId: attempt.jobId, reason: "it was asked for" });
      return this.cancel(attempt, asked, asked.fields.reason);
    }
    const facts = attempt.facts;
    const policy = attempt.plan!.retryOf(attempt.policy);
    const verdict = judgeFailure({
      error,
      facts,
      policy,
      deferrals: attempt.delivery.deferrals,
      maxDeferrals: attempt.plan!.maxDeferrals,
      requeueFloorMs: settings.requeueFloorMs,
      leftMs: attempt.deadline === Infinity ? Infinity : attempt.deadline - services.clock.now(),
      deadline: attempt.deadline,
    });
    if (verdict.kind === "fail") return this.#fail(attempt, verdict.reason, verdict.error);
    if (verdict.kind === "discard") return this.cancel(attempt, verdict.error, verdict.reason);
    if (attempt.acknowledged) return this.#fail(attempt, "failed", error);
    policy.announce(error, facts, verdict.delayMs);
    if (this.#repeatsHere(attempt, verdict)) return this.#repeat(attempt, verdict.delayMs);
    this.#retry(attempt, verdict.error, verdict.delayMs, verdict.countAttempt);
  }

  /** The job is completed, whatever its handler does after that. */
  #threwLater(attempt: Attempt, error: unknown): void {
    const message = "a handler failed after its transaction had completed the job";
    this.#parts.services.logger.warn(message, loggedFailure(attempt, error));
    this.conclude(attempt, undefined, COMPLETED);
  }

  #repeatsHere(attempt: Attempt, verdict: FailureVerdict & { kind: "retry" }): boolean {
    const upToMs = attempt.plan!.inPlaceUpToMs;
    // A handler that has not come back may still be at work, so its job is not run beside it.
    return (
      upToMs > 0 && verdict.countAttempt && verdict.delayMs <= upToMs && attempt.abortReason === undefined
    );
  }

  #repeat(attempt: Attempt, delayMs: number): void {
    const { services, wheel } = this.#parts;
    wheel.remove(attempt);
    attempt.repeat = services.clock.setTimer(() => {
      attempt.repeat = undefined;
      attempt.attempt++;
      const left = attempt.deadline === Infinity ? Infinity : attempt.deadline - services.clock.now();
      this.#restart(attempt, Math.min(attempt.timeoutMs, left));
    }, delayMs);
  }

  /** Calls the handler with a time limit that begins now. */
  #restart(attempt: Attempt, limitMs: number): void {
    try {
      attempt.startedAt = this.#parts.services.clock.monotonic();
      this.#limit(attempt, attempt.startedAt, limitMs);
      this.#call(attempt);
    } catch (error) {
      attempt.handlerRuns = false;
      this.#broke(attempt, error);
    }
  }

  #retry(attempt: Attempt, error: unknown, delayMs: number, countAttempt: boolean): void {
    const serialized = serializeError(error, this.#parts.settings.errors);
    this.conclude(
      attempt,
      { receipt: attempt.receipt, kind: "retry", delayMs, countAttempt, error: serialized },
      { kind: "retried", error, delayMs, countAttempt },
    );
  }

  #fail(attempt: Attempt, reason: NonNullable<AttemptOutcome["reason"]>, error: unknown): void {
    const serialized = serializeError(error, this.#parts.settings.errors);
    this.conclude(
      attempt,
      { receipt: attempt.receipt, kind: "fail", error: serialized, reason },
      { kind: "dead", error, reason },
    );
  }

  /** Ends an attempt as cancelled. */
  cancel(attempt: Attempt, error: unknown, reason: string): void {
    const serialized = serializeError(error, this.#parts.settings.errors);
    this.conclude(
      attempt,
      { receipt: attempt.receipt, kind: "cancel", error: serialized },
      { kind: "cancelled", error, cancelReason: reason },
    );
  }

  #unknownTask(attempt: Attempt): void {
    const { handlers, settings } = this.#parts;
    const { policy, delayMs, limit } = settings.unknownTask;
    const error = new TaskNotFoundError({ task: attempt.taskName, known: handlers.names() });
    if (policy === "dead-letter" || attempt.delivery.deferrals >= limit)
      this.#fail(attempt, "unknown-task", error);
    else this.#retry(attempt, error, delayMs, false);
  }
}
