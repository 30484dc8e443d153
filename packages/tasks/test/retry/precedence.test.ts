import { type Duration, silentLogger } from "@lexigram/contracts";
import { describe, expect, test } from "vitest";
import { TaskConfig } from "../../src/config/task-config.ts";
import { compilePolicy } from "../../src/define/task-policy.ts";
import type { JobPolicy } from "../../src/job/envelope.ts";
import { backoffFields, DEFAULT_BACKOFF } from "../../src/retry/backoff.ts";
import type { BackoffOptions, RetryOptions } from "../../src/retry/retry-options.ts";
import { TaskPlan } from "../../src/worker/task-plan.ts";
import { workerSettings } from "../../src/worker/worker-settings.ts";
import { Workshop } from "../worker/workshop.ts";

interface Levels {
  readonly call?: BackoffOptions;
  readonly task?: RetryOptions;
  readonly queue?: BackoffOptions;
  readonly retryPolicy?: RetryOptions;
  readonly configuration?: BackoffOptions;
}

function planOf({ task, queue, retryPolicy, configuration }: Levels): TaskPlan {
  const config = new TaskConfig({
    ...(configuration === undefined ? {} : { retry: configuration }),
    backends: [{ name: "q", ...(queue === undefined ? {} : { retry: queue }) }],
  });
  const policy = compilePolicy({ name: "t", ...(task === undefined ? {} : { retry: task }) });
  return new TaskPlan(
    { name: "t", kind: "function", policy, schema: undefined, takesInput: false, run: () => undefined },
    {
      settings: workerSettings({ backoff: config.retry.backoff }),
      defaults: {
        priority: undefined,
        maxRetries: undefined,
        timeoutMs: undefined,
        backoff: config.queues[0]?.backoff,
      },
      random: () => 0.5,
      logger: silentLogger,
      retryPolicy,
    },
  );
}

function backoffUnder(levels: Levels): unknown {
  const policy: JobPolicy = levels.call === undefined ? {} : { backoff: backoffFields(levels.call, "call") };
  return planOf(levels).retryOf(policy).backoff;
}

const HIGHEST_FIRST = ["call", "task", "queue", "retryPolicy", "configuration"] as const;
const delays: readonly Duration[] = ["1m", "2m", "3m", "4m", "5m"];

describe("the wait between attempts", () => {
  test.each(HIGHEST_FIRST.map((level, i) => [level, i] as const))(
    "is what the %s says of a field, when nothing above it names that",
    (level, at) => {
      const levels = Object.fromEntries(
        HIGHEST_FIRST.map((name, i) => [name, i < at ? { factor: 7 } : { baseDelay: delays[i]! }]),
      );
      expect(backoffUnder(levels)).toMatchObject({ baseDelayMs: (at + 1) * 60_000 });
      expect(backoffUnder({ [level]: { baseDelay: delays[at]! } })).toEqual({
        ...DEFAULT_BACKOFF,
        baseDelayMs: (at + 1) * 60_000,
      });
    },
  );

  test("is put together field by field", () => {
    expect(
      backoffUnder({
        call: { strategy: "linear" },
        task: { jitter: false },
        queue: { baseDelay: "7s" },
        retryPolicy: { factor: 3, baseDelay: "9s" },
        configuration: { maxDelay: "8m", factor: 5, jitter: 1 },
      }),
    ).toEqual({ strategy: "linear", jitter: 0, baseDelayMs: 7_000, factor: 3, maxDelayMs: 480_000 });
  });

  test("is the defaults' when nobody names anything", () => {
    expect(backoffUnder({})).toEqual(DEFAULT_BACKOFF);
    expect(backoffUnder({ call: {}, task: {}, queue: {}, retryPolicy: {}, configuration: {} })).toEqual(
      DEFAULT_BACKOFF,
    );
  });

  test("is the task's own where the module has rules for tasks that have none", async () => {
    const shop = new Workshop();
    shop.listen();
    shop.define(
      "t",
      () => {
        throw new Error("no luck");
      },
      { retry: { baseDelay: "5s" } },
    );
    await shop.enqueue("t");
    await shop.start({ services: { retryPolicy: { baseDelay: "1s" } } });
    expect(shop.events("task.retried")[0]?.payload["delayMs"]).toBe(5_000);
  });
});

describe("the rules of the module", () => {
  test("hold for a task that names waits alone, and not for one with rules of its own", () => {
    const retryPolicy = { abortOn: [TypeError], inPlaceUpTo: "1s" } as const;
    const facts = { taskName: "t", jobId: "j", attempt: 1, maxAttempts: 3 };
    const waitsAlone = planOf({ task: { baseDelay: "5s" }, retryPolicy });
    expect(waitsAlone.retry.allowsRetry(new TypeError("x"), facts)).toBe(false);
    expect(waitsAlone.inPlaceUpToMs).toBe(1_000);
    const own = planOf({ task: { abortOn: [RangeError] }, retryPolicy });
    expect(own.retry.allowsRetry(new TypeError("x"), facts)).toBe(true);
    expect(own.inPlaceUpToMs).toBe(0);
  });
});
