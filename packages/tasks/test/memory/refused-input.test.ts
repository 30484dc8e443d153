import { type JobChange, type NewJob, type QueuePolicy, TaskValidationError } from "@lexigram/contracts";
import { describe, expect, test } from "vitest";
import { Bench, job } from "./jobs.ts";

const long = "x".repeat(513);

describe("a job that is refused", () => {
  test.each<[string, object]>([
    ["id", { id: "" }],
    ["id", { id: long }],
    ["id", { id: 7 }],
    ["task", { task: long }],
    ["body", { body: { data: 1, encoding: "json" } }],
    ["headers", { headers: null }],
    ["headers.a", { headers: { a: 1 } }],
    ["priority", { priority: 21 }],
    ["priority", { priority: 1.5 }],
    ["delayMs", { delayMs: -1 }],
    ["delayMs", { delayMs: Number.POSITIVE_INFINITY }],
    ["expiresInMs", { expiresInMs: Number.NaN }],
    ["key", { key: "" }],
    ["notifies", { notifies: long }],
    ["maxRecoveries", { maxRecoveries: -1 }],
    ["resultTtlMs", { resultTtlMs: -1 }],
    ["unique.key", { unique: { key: "", until: "started", onConflict: "reject" } }],
    ["unique.until", { unique: { key: "k", until: { ttlMs: 0 }, onConflict: "reject" } }],
    ["unique.onConflict", { unique: { key: "k", until: "started", onConflict: "skip" } }],
    ["unique.ttl", { unique: { key: "k", until: "started", onConflict: "reject", ttl: 1 } }],
    ["dependsOn", { dependsOn: Array.from({ length: 101 }, (_, i) => `d${i}`) }],
    ["dependsOn", { dependsOn: [""] }],
    ["barrier.size", { barrier: { size: -1 } }],
    ["delay", { delay: 5 }],
  ])("names %s, and nothing is stored", async (path, given) => {
    const bench = new Bench();
    const [result] = await bench.put(job(given));
    if (result?.ok !== false) throw new Error("it was accepted");
    expect(result.error).toBeInstanceOf(TaskValidationError);
    expect((result.error as TaskValidationError).fields.issues.map((issue) => issue.path)).toEqual([path]);
    expect(await bench.queue.count()).toBe(0);
  });

  test("tells the nearest name of an unknown field", async () => {
    const [result] = await new Bench().put({ ...job(), delayMS: 5 } as NewJob);
    expect(!result?.ok && result?.error.message).toContain('did you mean "delayMs"?');
  });

  test("takes the longest id and key, and a barrier of nobody as no barrier", async () => {
    const bench = new Bench();
    const results = await bench.put(
      job({ id: long.slice(1), key: long.slice(1) }),
      job({ barrier: { size: 0 } }),
    );
    expect(results.map((result) => result.ok)).toEqual([true, true]);
    expect(await bench.queue.count("pending")).toBe(2);
  });

  test("names a job to notify that the queue does not know", async () => {
    const [result] = await new Bench().put(job({ notifies: "nobody" }));
    expect(!result?.ok && result?.error.code).toBe("LEX_ERR_TASK_JOB_NOT_FOUND");
  });
});

describe("a policy that is refused", () => {
  test.each<[string, object]>([
    ["maxSize", { maxSize: 0 }],
    ["keepCompleted", { keepCompleted: 5 }],
    ["keepFailed.count", { keepFailed: { ageMs: 1 } }],
    ["keepFailed.ageMs", { keepFailed: { ageMs: -1, count: 1 } }],
    ["concurrency", { concurrency: 1.5 }],
    ["rate.perMs", { rate: { rate: 1, perMs: 0, burst: 1 } }],
    ["rate.burst", { rate: { rate: 1, perMs: 1, burst: 0 } }],
    ["rate.rate", { rate: { perMs: 1, burst: 1 } }],
    ["perTask.mail.concurrency", { perTask: { mail: { concurrency: 0 } } }],
    ["perTask.mail.limit", { perTask: { mail: { limit: 1 } } }],
    ["perKey.order", { perKey: { order: "lifo" } }],
    ["perKey.fair", { perKey: { fair: 1 } }],
    ["perKey.onFailure", { perKey: { onFailure: "stop" } }],
    ["concurency", { concurency: 1 }],
  ])("names %s, and the rules stay as they were", async (path, policy) => {
    const { queue } = new Bench();
    await queue.setPolicy({ concurrency: 7 });
    const error = await queue.setPolicy(policy as QueuePolicy).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(TaskValidationError);
    expect((error as TaskValidationError).fields.issues.map((issue) => issue.path)).toContain(path);
    expect(await queue.getPolicy()).toEqual({ concurrency: 7 });
  });

  test("is not the caller's object any more once it is taken", async () => {
    const { queue } = new Bench();
    const policy = { perKey: { concurrency: 2 } };
    await queue.setPolicy(policy);
    policy.perKey.concurrency = 9;
    expect(await queue.getPolicy()).toEqual({ perKey: { concurrency: 2 } });
  });
});

describe("a call that is refused", () => {
  const claim = { slots: 1, ahead: 0, leaseMs: 1_000, maxBytes: 10 };
  const error = { name: "Error", message: "it failed" };

  test.each<[string, object]>([
    ["session", { session: "" }],
    ["seq", { seq: -1 }],
    ["settle", { settle: undefined }],
    ["settle.0.kind", { settle: [{ receipt: "0.1", kind: "done" }] }],
    ["settle.0", { settle: [null] }],
    ["settle.0.receipt", { settle: [{ receipt: 5, kind: "cancel" }] }],
    ["settle.0.result", { settle: [{ receipt: "0.1", kind: "complete", result: "text" }] }],
    [
      "settle.0.delayMs",
      { settle: [{ receipt: "0.1", kind: "retry", delayMs: -1, countAttempt: true, error }] },
    ],
    ["settle.0.countAttempt", { settle: [{ receipt: "0.1", kind: "retry", delayMs: 0, error }] }],
    ["settle.0.error", { settle: [{ receipt: "0.1", kind: "fail", error: "text" }] }],
    ["settle.0.reason", { settle: [{ receipt: "0.1", kind: "fail", error, reason: "fail" }] }],
    ["settle.0.delayMs", { settle: [{ receipt: "0.1", kind: "release" }] }],
    ["started", { started: "0.1" }],
    ["started.0", { started: [null] }],
    ["claim", { claim: null }],
    ["claim.slots", { claim: { ...claim, slots: -1 } }],
    ["claim.ahead", { claim: { ...claim, ahead: 0.5 } }],
    ["claim.leaseMs", { claim: { ...claim, leaseMs: 0 } }],
    ["claim.maxBytes", { claim: { ...claim, maxBytes: Number.NaN } }],
  ])("names %s, and nothing is applied", async (path, part) => {
    const bench = new Bench();
    await bench.put(job());
    const request = { session: "s", seq: 1, settle: [], started: [], claim, ...part };
    const refusal = await bench.queue.exchange(request as never).catch((thrown: unknown) => thrown);
    expect(refusal).toBeInstanceOf(TaskValidationError);
    expect((refusal as TaskValidationError).fields.issues.map((issue) => issue.path)).toEqual([path]);
    expect(await bench.queue.count("pending")).toBe(1);
  });

  test("is one that is older than the last of its session", async () => {
    const { queue } = new Bench();
    await queue.enqueueMany([job()], { session: "s", seq: 5 });
    await expect(queue.enqueueMany([job()], { session: "s", seq: 4 })).rejects.toThrow(/older than 5/);
    await expect(queue.enqueueMany([job()], { session: "s", seq: 7 })).resolves.toHaveLength(1);
  });

  test.each<[string, JobChange]>([
    ["runAt", { runAt: Number.NaN }],
    ["priority", { priority: 99 }],
    ["body", { body: {} as never }],
    ["runat", { runat: 1 } as JobChange],
  ])("is an update of %s that is none", async (path, change) => {
    const bench = new Bench();
    await bench.put(job({ id: "a" }));
    const result = await bench.queue.update("a", change);
    expect(!result.ok && (result.error as TaskValidationError).fields.issues[0]?.path).toBe(path);
  });

  test("is a listing with a limit, cursor, status or field that is none", async () => {
    const { queue } = new Bench();
    await expect(queue.list({ status: "pending", limit: 1_001 })).rejects.toThrow("limit");
    await expect(queue.list({ status: "pending", limit: 1, cursor: "x" })).rejects.toThrow("cursor");
    await expect(queue.list({ status: "done" as never, limit: 1 })).rejects.toThrow("status");
    await expect(queue.list({ status: "pending", limit: 1, tsk: "a" } as never)).rejects.toThrow('"task"');
    await expect(queue.listActive({ limit: 0 })).rejects.toThrow("limit");
    await expect(queue.deadLetters.list({ limit: 0 })).rejects.toThrow("limit");
    await expect(queue.deadLetters.purge(-1)).rejects.toThrow("olderThanMs");
    await expect(queue.clear({ state: "failed" } as object)).rejects.toThrow("state");
  });

  test("is a dead letter by hand that would wait for others", async () => {
    const { queue } = new Bench();
    const error = { name: "Error", message: "by hand" };
    const result = await queue.deadLetters.add(job({ barrier: { size: 1 } }), error);
    expect(!result.ok && result.error.message).toContain("barrier");
  });
});
