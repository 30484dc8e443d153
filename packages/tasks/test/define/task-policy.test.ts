import { type AnySchema, Priority, TaskConfigError } from "@lexigram/contracts";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { task } from "../../src/define/task.ts";
import type { TaskOptions } from "../../src/define/task-options.ts";
import { compilePolicy } from "../../src/define/task-policy.ts";

const none = (): number => 1;

function refusalOf(options: object): TaskConfigError {
  try {
    task({ name: "t", ...options } as TaskOptions, none);
  } catch (error) {
    expect(error).toBeInstanceOf(TaskConfigError);
    return error as TaskConfigError;
  }
  throw new Error("it was accepted");
}

describe("the policy of a task", () => {
  test("is in milliseconds, and leaves out what was not said", () => {
    expect(compilePolicy({ name: "t" })).toEqual({
      queue: "default",
      priority: undefined,
      maxRetries: undefined,
      backoff: undefined,
      retry: undefined,
      inPlaceUpToMs: 0,
      timeoutMs: undefined,
      expiresInMs: undefined,
      deadlineMs: undefined,
      resultTtlMs: undefined,
      maxRecoveries: undefined,
      maxDeferrals: 100,
      ackMode: "after",
      labels: {},
      unique: undefined,
      constantKey: false,
      key: undefined,
      limits: undefined,
      calmMs: undefined,
      breaker: undefined,
    });
    const retry = { baseDelay: "2s", jitter: false, retryOn: [Error], inPlaceUpTo: "50ms" } as const;
    expect(
      compilePolicy({
        name: "t",
        queue: "emails",
        priority: Priority.HIGH,
        maxRetries: 0,
        retry,
        timeout: "30s",
        expiresIn: "1h",
        deadline: "1h30m",
        resultTtl: null,
        maxRecoveries: 0,
        maxDeferrals: 3,
        ackMode: "before",
        labels: { team: "a" },
      }),
    ).toMatchObject({
      queue: "emails",
      priority: 10,
      maxRetries: 0,
      backoff: { baseDelayMs: 2_000, jitter: 0 },
      retry,
      inPlaceUpToMs: 50,
      timeoutMs: 30_000,
      expiresInMs: 3_600_000,
      deadlineMs: 5_400_000,
      resultTtlMs: null,
      maxRecoveries: 0,
      maxDeferrals: 3,
      ackMode: "before",
      labels: { team: "a" },
    });
  });

  test("tells no time limit from none given", () => {
    expect(compilePolicy({ name: "t", timeout: null }).timeoutMs).toBeNull();
    expect(compilePolicy({ name: "t" }).timeoutMs).toBeUndefined();
  });

  test("has unique keys under the task's name", () => {
    const byId = ({ id }: { id: string }): string => id;
    const input = z.object({ id: z.string() }) as AnySchema;
    expect(compilePolicy({ name: "t", input, idempotencyKey: byId }).unique?.({ id: "7" })).toEqual({
      key: "t:7",
      until: { ttlMs: 86_400_000 },
      onConflict: "existing",
    });
    expect(compilePolicy({ name: "t", input, unique: { key: byId } }).unique?.({ id: "7" })).toEqual({
      key: "t:7",
      until: "settled",
      onConflict: "reject",
    });
    const unique = { key: "all", until: { ttl: "1m" }, onConflict: "replace" } as const;
    expect(compilePolicy({ name: "t", unique }).unique?.(undefined)).toEqual({
      key: "t:all",
      until: { ttlMs: 60_000 },
      onConflict: "replace",
    });
  });

  test("has lanes as they are", () => {
    expect(compilePolicy({ name: "t", key: "lane" }).key?.(undefined)).toBe("lane");
  });
});

describe("options of a task", () => {
  test("that nobody knows are refused with the nearest name, in a variable too", () => {
    const options = { name: "t", timout: "30s" };
    const error = refusalOf(options);
    expect(error.message).toBe('task "t" has no option "timout"');
    expect(error.fields.path).toBe("timout");
    expect(error.hint).toBe('did you mean "timeout"?');
    expect(refusalOf({ retry: { baseDely: 1 } }).hint).toBe('did you mean "baseDelay"?');
    expect(refusalOf({ unique: { key: "a", onconflict: "reject" } }).hint).toBe('did you mean "onConflict"?');
  });

  test.each<[string, object]>([
    ["queue", { queue: "two words" }],
    ["queue", { queue: "" }],
    ["input", { input: {} }],
    ["priority", { priority: 21 }],
    ["priority", { priority: -1 }],
    ["priority", { priority: 2.5 }],
    ["maxRetries", { maxRetries: -1 }],
    ["maxRetries", { maxRetries: 1.5 }],
    ["maxRetries", { maxRetries: Infinity }],
    ["timeout", { timeout: "30 s" }],
    ["timeout", { timeout: 0 }],
    ["timeout", { timeout: "-5s" }],
    ["expiresIn", { expiresIn: 0 }],
    ["deadline", { deadline: "1.5h" }],
    ["resultTtl", { resultTtl: 0 }],
    ["maxRecoveries", { maxRecoveries: -1 }],
    ["maxDeferrals", { maxDeferrals: 0.5 }],
    ["ackMode", { ackMode: "never" }],
    ["labels.a", { labels: { a: 1 } }],
    ["key", { key: "" }],
    ["key", { key: 5 }],
    ["idempotencyKey", { idempotencyKey: "" }],
    ["unique", { unique: { key: "a" }, idempotencyKey: "b" }],
    ["unique.key", { unique: {} }],
    ["unique.onConflict", { unique: { key: "a", onConflict: "skip" } }],
    ["unique.until", { unique: { key: "a", until: "later" } }],
    ["unique.until.ttl", { unique: { key: "a", until: { ttl: 0 } } }],
    ["retry.factor", { retry: { factor: 0.5 } }],
    ["retry.jitter", { retry: { jitter: 2 } }],
    ["retry.strategy", { retry: { strategy: "random" } }],
    ["retry.baseDelay", { retry: { baseDelay: "soon" } }],
    ["retry.retryOn", { retry: { retryOn: Error } }],
    ["retry.abortIf", { retry: { abortIf: true } }],
    ["retry.inPlaceUpTo", { retry: { inPlaceUpTo: "x" } }],
  ])("that are out of range are refused by name: %s of %j", (path, options) => {
    expect(refusalOf(options).fields.path).toBe(path);
  });

  test.each(["", "two words", "tab\t", "x".repeat(201), "null\0", 7, undefined])(
    "refuse the name %j",
    (name) => {
      expect(() => task({ name: name as string }, none)).toThrow(TaskConfigError);
    },
  );

  test("take any other name", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 }), (name) => {
        fc.pre(!/[\s\p{Cc}]/u.test(name));
        expect(task({ name }, none).name).toBe(name);
      }),
    );
  });
});
