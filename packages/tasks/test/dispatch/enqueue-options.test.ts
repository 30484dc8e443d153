import { DuplicateTaskError, JobNotFoundError, type TaskValidationError } from "@lexigram/contracts";
import { describe, expect, test } from "vitest";
import { task, type } from "../../src/define/task.ts";
import type { EnqueueOptions } from "../../src/dispatch/enqueue-options.ts";
import { CodecRegistry } from "../../src/job/codec-registry.ts";
import { TaskMiddlewarePipeline } from "../../src/middleware/pipeline.ts";
import { Producer, rejection } from "./producer.ts";

const ping = task({ name: "ping", labels: { team: "a" } }, () => "pong");
const DAY = 86_400_000;

async function refusalOf(options: EnqueueOptions): Promise<{ issue: unknown; hint: string }> {
  const { dispatcher, queue } = new Producer();
  const error = (await rejection(dispatcher.enqueue(ping, undefined, options))) as TaskValidationError;
  expect(error.code).toBe("LEX_ERR_TASK_VALIDATION");
  expect(await queue.count()).toBe(0);
  return { issue: error.fields.issues[0], hint: error.hint };
}

describe("delay and runAt", () => {
  test("put a job off, by a span or to an instant, however far", async () => {
    const { dispatcher, clock } = new Producer();
    const runAt = new Date(clock.now() + 400 * DAY);
    const late = await dispatcher.enqueue(ping, undefined, { runAt });
    const later = await dispatcher.enqueue(ping, undefined, { delay: "30d" });
    expect((await late.job())?.runAt).toBe(runAt.getTime());
    expect((await later.job())?.runAt).toBe(clock.now() + 30 * DAY);
  });

  test("an instant in the past means now", async () => {
    const { dispatcher, clock } = new Producer();
    const handle = await dispatcher.enqueue(ping, undefined, { runAt: new Date(clock.now() - DAY) });
    expect(await handle.status()).toBe("pending");
  });

  test("exclude each other", async () => {
    expect((await refusalOf({ delay: 1, runAt: new Date(0) })).issue).toEqual({
      path: "runAt",
      message: "and delay exclude each other; give one of them",
    });
  });
});

describe("ids", () => {
  test("may be chosen, and a known one is refused with the job that has it", async () => {
    const { dispatcher } = new Producer();
    const handle = await dispatcher.enqueue(ping, undefined, { id: "order-7" });
    expect(handle.id).toBe("order-7");
    const error = (await rejection(
      dispatcher.enqueue(ping, undefined, { id: "order-7" }),
    )) as DuplicateTaskError;
    expect(error).toBeInstanceOf(DuplicateTaskError);
    expect(error.fields.existingId).toBe("order-7");
  });
});

describe("policy of a call", () => {
  test("travels in the envelope, in milliseconds", async () => {
    const producer = new Producer();
    const handle = await producer.dispatcher.enqueue(ping, undefined, {
      maxRetries: 0,
      timeout: "2s",
      deadline: "1m",
      labels: { tenant: "x" },
      retry: { strategy: "fixed", baseDelay: "3s", jitter: true },
    });
    expect((await producer.envelope(handle.id)).policy).toEqual({
      maxRetries: 0,
      timeoutMs: 2_000,
      deadline: producer.clock.now() + 60_000,
      labels: { tenant: "x" },
      backoff: { strategy: "fixed", baseDelayMs: 3_000, jitter: 0.25 },
    });
  });

  test("takes no limit and an instant as they are", async () => {
    const producer = new Producer();
    const handle = await producer.dispatcher.enqueue(ping, undefined, {
      timeout: null,
      deadline: new Date(5),
    });
    expect((await producer.envelope(handle.id)).policy).toEqual({ timeoutMs: null, deadline: 5 });
  });

  test("reaches the store where the store judges it", async () => {
    const { dispatcher, clock } = new Producer();
    const first = await dispatcher.enqueue(ping);
    const handle = await dispatcher.enqueue(ping, undefined, {
      expiresIn: "10s",
      maxRecoveries: 0,
      dependsOn: [first.id],
      resultTtl: null,
    });
    expect(await handle.job()).toMatchObject({
      expiresAt: clock.now() + 10_000,
      maxRecoveries: 0,
      dependsOn: [first.id],
      status: "waiting",
    });
  });

  test("builds barriers", async () => {
    const producer = new Producer();
    const callback = await producer.dispatcher.enqueue(ping, undefined, { barrier: { size: 1 } });
    await producer.dispatcher.enqueue(ping, undefined, { notifies: callback.id });
    expect(await callback.status()).toBe("waiting");
    await producer.complete(1);
    expect(await callback.status()).toBe("pending");
  });

  test("with an unknown dependency is the queue's to refuse", async () => {
    const { dispatcher } = new Producer();
    const error = await rejection(dispatcher.enqueue(ping, undefined, { dependsOn: ["nobody"] }));
    expect(error).toBeInstanceOf(JobNotFoundError);
  });
});

describe("headers", () => {
  test("are the caller's and those of the options that write them", async () => {
    const { dispatcher } = new Producer();
    const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    const handle = await dispatcher.enqueue(ping, undefined, {
      headers: { tenant: "x" },
      correlationId: "c-1",
      causationId: "order-7",
      traceparent,
    });
    expect((await handle.job())?.headers).toEqual({
      tenant: "x",
      "correlation-id": "c-1",
      "causation-id": "order-7",
      traceparent,
    });
  });

  test.each([
    "not a trace",
    "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
    "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
  ])("with the traceparent %j are refused", async (traceparent) => {
    expect((await refusalOf({ traceparent })).issue).toMatchObject({ path: "headers.traceparent" });
    expect((await refusalOf({ headers: { traceparent } })).issue).toMatchObject({
      path: "headers.traceparent",
    });
  });

  test("of a dispatcher within a job name that job as the cause and keep correlation and trace", async () => {
    const { dispatcher } = new Producer();
    const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    const job = { id: "job-1", task: "t", queue: "main", priority: 5, createdAt: 0 };
    const inner = dispatcher.within({ job, headers: { "correlation-id": "c-1", traceparent, other: "x" } });
    const plain = await inner.enqueue(ping);
    const own = await inner.enqueue(ping, undefined, { correlationId: "c-2" });
    const first = await dispatcher.within({ job, headers: {} }).enqueue(ping);
    expect((await plain.job())?.headers).toEqual({
      "correlation-id": "c-1",
      "causation-id": "job-1",
      traceparent,
    });
    expect((await own.job())?.headers).toMatchObject({ "correlation-id": "c-2", "causation-id": "job-1" });
    expect((await first.job())?.headers).toEqual({ "correlation-id": "job-1", "causation-id": "job-1" });
  });
});

describe("headers beyond their bounds", () => {
  const many = (count: number): Record<string, string> =>
    Object.fromEntries(Array.from({ length: count }, (_, i) => [`h${i}`, "x"]));

  test("are refused: too many of them, inherited ones included, and names that are none", async () => {
    expect(await refusalOf({ headers: many(65) })).toEqual({
      issue: { path: "headers", message: "are 65, and 64 are allowed" },
      hint: expect.stringMatching(/./),
    });
    expect((await refusalOf({ headers: many(64), correlationId: "c" })).issue).toMatchObject({
      path: "headers",
    });
    expect((await refusalOf({ headers: { "": "x" } })).issue).toMatchObject({ path: "headers." });
    const long = await refusalOf({ headers: { ["n".repeat(129)]: "x" } });
    expect(long.issue).toMatchObject({ message: "must have a name of 1 to 128 characters" });
    const { dispatcher } = new Producer();
    const handle = await dispatcher.enqueue(ping, undefined, {
      headers: { ...many(63), ["n".repeat(128)]: "x" },
    });
    expect(Object.keys((await handle.job())?.headers ?? {})).toHaveLength(64);
  });

  test("count with the payload, in bytes", async () => {
    const open = task({ name: "open", input: type<string>() }, () => undefined);
    const { dispatcher, queue } = new Producer({ codecs: new CodecRegistry({ maxPayloadBytes: 1_000 }) });
    // The envelope takes 18 bytes around the text, the header's name 1.
    const headers = { a: "é".repeat(100) };
    await dispatcher.enqueue(open, "x".repeat(781), { headers });
    const error = (await rejection(
      dispatcher.enqueue(open, "x".repeat(782), { headers }),
    )) as TaskValidationError;
    expect(error.fields.issues).toEqual([
      { path: "headers", message: "take 1001 bytes with the payload, and 1000 are allowed" },
    ]);
    expect(await queue.count()).toBe(1);
  });

  test("are refused also when middleware writes them", async () => {
    const pipeline = new TaskMiddlewarePipeline();
    const { dispatcher, queue } = new Producer({ pipeline });
    pipeline.use((context, next) => {
      Object.assign(context.headers, many(65));
      return next();
    });
    const error = (await rejection(dispatcher.enqueue(ping))) as TaskValidationError;
    expect(error.fields.issues[0]?.path).toBe("headers");
    expect(await queue.count()).toBe(0);
  });
});

describe("an option that is wrong", () => {
  test("is unknown: the nearest name is told", async () => {
    const options = { dealy: "5m", priority: 1 } as EnqueueOptions;
    expect(await refusalOf(options)).toEqual({
      issue: { path: "dealy", message: "there is no such option" },
      hint: 'did you mean "delay"?',
    });
    expect(await refusalOf({ retry: { basedelay: 1 } as never })).toMatchObject({
      issue: { path: "retry.basedelay" },
      hint: 'did you mean "baseDelay"?',
    });
  });

  test.each<[string, EnqueueOptions]>([
    ["delay", { delay: "5 minutes" as never }],
    ["delay", { delay: -1 }],
    ["runAt", { runAt: new Date(Number.NaN) }],
    ["runAt", { runAt: 12 as never }],
    ["id", { id: "two words" }],
    ["id", { id: "x".repeat(129) }],
    ["priority", { priority: 21 }],
    ["priority", { priority: 1.5 }],
    ["maxRetries", { maxRetries: -1 }],
    ["timeout", { timeout: 0 }],
    ["expiresIn", { expiresIn: 0 }],
    ["deadline", { deadline: new Date(Number.NaN) }],
    ["unique", { unique: { key: "a" }, idempotencyKey: "b" }],
    ["unique.key", { unique: { key: "" } }],
    ["unique.onConflict", { unique: { key: "a", onConflict: "wait" as never } }],
    ["idempotencyKey", { idempotencyKey: "" }],
    ["key", { key: "k".repeat(513) }],
    ["retry.factor", { retry: { factor: 0 } }],
    ["labels.a", { labels: { a: 1 as never } }],
    ["headers.a", { headers: { a: null as never } }],
    ["headers.a", { headers: { a: "x".repeat(5_000) } }],
    ["barrier.size", { barrier: { size: 0 } }],
    ["dependsOn", { dependsOn: Array.from({ length: 101 }, String) }],
    ["maxRecoveries", { maxRecoveries: -1 }],
    ["resultTtl", { resultTtl: 0 }],
  ])("is named: %s of %j", async (path, options) => {
    expect((await refusalOf(options)).issue).toMatchObject({ path });
  });
});
