import { silentLogger, TaskDeadlineError } from "@lexigram/contracts";
import { describe, expect, test, vi } from "vitest";
import { AGGRESSIVE_RETRY, backoffOf, CONSERVATIVE_RETRY, DEFAULT_BACKOFF } from "../../src/retry/backoff.ts";
import { DiscardTask, RejectTask, RetryTask } from "../../src/retry/control-flow.ts";
import { type FailureCase, judgeFailure } from "../../src/retry/failure-verdict.ts";
import type { RetryOptions } from "../../src/retry/retry-options.ts";
import { RetryPolicy } from "../../src/retry/retry-policy.ts";

const facts = { taskName: "t", jobId: "j", attempt: 1, maxAttempts: 4 };
const services = { random: () => 0.5, logger: silentLogger };
const policy = (rules?: RetryOptions): RetryPolicy => new RetryPolicy(rules, services);

class Transient extends Error {}
class Fatal extends Error {}

describe("retry rules", () => {
  test("repeat everything thrown unless they say otherwise, also what is no error", () => {
    for (const thrown of [new Error("x"), "text", undefined, null, 0])
      expect(policy().allowsRetry(thrown, facts)).toBe(true);
  });

  test("repeat only what retryOn or retryIf names", () => {
    const rules = policy({ retryOn: [Transient], retryIf: (error) => (error as Error).message === "again" });
    expect(rules.allowsRetry(new Transient("x"), facts)).toBe(true);
    expect(rules.allowsRetry(new Error("again"), facts)).toBe(true);
    expect(rules.allowsRetry(new Error("x"), facts)).toBe(false);
    expect(rules.allowsRetry("text", facts)).toBe(false);
  });

  test("never repeat what abortOn or abortIf names, whatever the others say", () => {
    const rules = policy({
      retryOn: [Error],
      abortOn: [Fatal],
      abortIf: (_error, { attempt }) => attempt > 1,
    });
    expect(rules.allowsRetry(new Fatal(), facts)).toBe(false);
    expect(rules.allowsRetry(new Error("x"), facts)).toBe(true);
    expect(rules.allowsRetry(new Error("x"), { ...facts, attempt: 2 })).toBe(false);
  });

  test("look at causes, however deep, and end with a cycle of them", () => {
    const wrapped = new Error("a", { cause: new Error("b", { cause: new Fatal("c") }) });
    expect(policy({ abortOn: [Fatal] }).allowsRetry(wrapped, facts)).toBe(false);
    const cycle = new Error("a");
    cycle.cause = cycle;
    expect(policy({ retryOn: [Fatal] }).allowsRetry(cycle, facts)).toBe(false);
  });

  test("count a predicate that throws as not matching, and say so", () => {
    const error = vi.fn();
    const broken = (): never => {
      throw new Error("mine");
    };
    const rules = new RetryPolicy(
      { abortIf: broken, retryIf: broken, retryOnResult: broken },
      { ...services, logger: { ...silentLogger, error } },
    );
    expect(rules.allowsRetry(new Error("x"), facts)).toBe(false);
    expect(rules.refusesResult(1, facts)).toBe(false);
    expect(error).toHaveBeenCalledTimes(3);
  });

  test("survive an onRetry that throws or rejects", async () => {
    const error = vi.fn();
    const given = { ...services, logger: { ...silentLogger, error } };
    new RetryPolicy(
      {
        onRetry: () => {
          throw new Error("a");
        },
      },
      given,
    ).announce("x", facts, 1);
    new RetryPolicy({ onRetry: () => Promise.reject(new Error("b")) }, given).announce("x", facts, 1);
    await Promise.resolve();
    await Promise.resolve();
    expect(error).toHaveBeenCalledTimes(2);
  });

  test("take the backoff they are given where they name none", () => {
    const fixed = backoffOf({ strategy: "fixed", baseDelay: 70, jitter: 0 }, "x");
    expect(new RetryPolicy({}, { ...services, backoff: fixed }).delayAfter(3)).toBe(70);
    expect(new RetryPolicy({ baseDelay: 10 }, { ...services, backoff: fixed }).delayAfter(3)).toBe(10);
    expect(policy({ baseDelay: 10, jitter: 0 }).withBackoff(fixed).delayAfter(1)).toBe(70);
    expect(policy().backoff).toEqual(DEFAULT_BACKOFF);
  });

  test("may be presets", () => {
    const { maxRetries: _quick, ...aggressive } = AGGRESSIVE_RETRY;
    const { maxRetries: _slow, ...conservative } = CONSERVATIVE_RETRY;
    const waits = (rules: RetryOptions): number[] =>
      [1, 2, 3, 9].map((n) => policy({ ...rules, jitter: 0 }).delayAfter(n));
    expect(waits(aggressive)).toEqual([100, 150, 225, 2_000]);
    expect(waits(conservative)).toEqual([2_000, 4_000, 8_000, 30_000]);
  });
});

describe("the verdict over a failed attempt", () => {
  const judge = (error: unknown, changes: Partial<FailureCase> = {}) =>
    judgeFailure({
      error,
      facts,
      policy: policy({ baseDelay: 100, jitter: 0 }),
      deferrals: 0,
      maxDeferrals: 2,
      requeueFloorMs: 1_000,
      leftMs: Infinity,
      deadline: undefined,
      ...changes,
    });

  test("is a retry after the backoff, until the attempts are used up", () => {
    expect(judge("x")).toEqual({ kind: "retry", delayMs: 100, countAttempt: true, error: "x" });
    expect(judge("x", { facts: { ...facts, attempt: 3 } })).toMatchObject({ delayMs: 400 });
    expect(judge("x", { facts: { ...facts, attempt: 4 } })).toEqual({
      kind: "fail",
      reason: "failed",
      error: "x",
    });
  });

  test("follows RetryTask past the rules, within attempts and deferrals", () => {
    const refusing = policy({ retryOn: [], baseDelay: 100, jitter: 0 });
    expect(judge(new RetryTask({ delay: "2s" }), { policy: refusing })).toMatchObject({
      kind: "retry",
      delayMs: 2_000,
    });
    expect(judge(new RetryTask(), { facts: { ...facts, attempt: 4 } })).toMatchObject({
      kind: "fail",
      reason: "failed",
    });
    const deferral = new RetryTask({ countAttempt: false });
    expect(judge(deferral, { facts: { ...facts, attempt: 4 } })).toMatchObject({
      kind: "retry",
      countAttempt: false,
    });
    expect(judge(deferral, { deferrals: 1 })).toMatchObject({ kind: "retry", delayMs: 200 });
    expect(judge(deferral, { deferrals: 2 })).toMatchObject({ kind: "fail", reason: "failed" });
  });

  test("puts a rejected job back with a floor under the wait, or rejects it", () => {
    expect(judge(new RejectTask({ requeue: true, delay: 5 }))).toMatchObject({
      kind: "retry",
      delayMs: 1_000,
      countAttempt: true,
    });
    expect(judge(new RejectTask({ requeue: true, delay: "9s" }))).toMatchObject({ delayMs: 9_000 });
    expect(judge(new RejectTask({ requeue: true }), { facts: { ...facts, attempt: 4 } })).toMatchObject({
      reason: "rejected",
    });
    expect(judge(new RejectTask())).toMatchObject({ kind: "fail", reason: "rejected" });
  });

  test("discards without a dead letter", () => {
    expect(judge(new DiscardTask({ reason: "old" }))).toMatchObject({
      kind: "discard",
      reason: "old",
      error: { code: "LEX_ERR_TASK_DISCARDED" },
    });
  });

  test("gives up on what cannot be repeated before its deadline", () => {
    expect(judge("x", { leftMs: 100, deadline: 7 })).toMatchObject({
      kind: "fail",
      reason: "deadline",
      error: { cause: "x" },
    });
    expect(judge("x", { leftMs: 101, deadline: 7 })).toMatchObject({ kind: "retry" });
    const late = new TaskDeadlineError({ task: "t", jobId: "j", deadline: 7 });
    expect(judge(late)).toEqual({ kind: "fail", reason: "deadline", error: late });
  });
});

describe("control-flow errors", () => {
  test("have their documented defaults", () => {
    expect(new RetryTask()).toMatchObject({ name: "RetryTask", delayMs: undefined, countAttempt: true });
    expect(new RejectTask()).toMatchObject({ name: "RejectTask", requeue: false, delayMs: undefined });
    expect(new DiscardTask({ reason: "r" })).toMatchObject({
      name: "DiscardTask",
      reason: "r",
      message: "r",
    });
  });

  test("refuse a delay that is none", () => {
    expect(() => new RetryTask({ delay: -1 })).toThrow(
      expect.objectContaining({ code: "LEX_ERR_DURATION_INVALID" }),
    );
    expect(() => new RejectTask({ delay: "soon" as never })).toThrow(
      expect.objectContaining({ code: "LEX_ERR_DURATION_INVALID" }),
    );
  });
});
