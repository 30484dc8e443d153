import { DuplicateTaskError, TaskConfigError, UnsupportedError } from "@lexigram/contracts";
import { ManualClock } from "@lexigram/conformance";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { QueueSet, task, TaskDispatcher, unique, UniqueTask } from "../../src/index.ts";
import { createTestApp } from "../../src/testing.ts";
import { memoryBackend } from "../../src/memory/memory-backend.ts";
import { bindingOf, RecordingLogger } from "../dispatch/producer.ts";
import { overlaid } from "../schedule/workshop.ts";

const sync = task({ name: "sync", input: z.object({ id: z.coerce.string() }) }, async ({ id }) => id);
const key = ({ id }: { id: string }): string => id;

describe("a unique task", () => {
  test("is skipped while a job of its key is queued or runs", async () => {
    await using t = await createTestApp({ tasks: [sync] });
    const one = unique(sync, { key });
    const first = await one.applyAsync(t.tasks, { id: "a" });
    expect(await one.applyAsync(t.tasks, { id: "a" })).toBeUndefined();
    expect(await one.applyAsync(t.tasks, { id: "b" })).toBeDefined();
    await t.drain();
    expect(await first?.result()).toBe("a");
    expect(await one.applyAsync(t.tasks, { id: "a" })).toBeDefined();
    expect(one.task).toBe(sync);
  });

  test("is refused, answered with the first, or put in its place, as it says", async () => {
    await using t = await createTestApp({ tasks: [sync] });
    const first = await unique(sync, { key, onConflict: "reject" }).applyAsync(t.tasks, { id: "a" });
    const refused = unique(sync, { key, onConflict: "reject" }).applyAsync(t.tasks, { id: "a" });
    await expect(refused).rejects.toBeInstanceOf(DuplicateTaskError);
    const existing = await unique(sync, { key, onConflict: "existing" }).applyAsync(t.tasks, { id: "a" });
    expect([existing.id, existing.outcome]).toEqual([first.id, "existing"]);
    const replacing = await unique(sync, { key, onConflict: "replace" }).applyAsync(t.tasks, { id: "a" });
    expect(replacing.outcome).toBe("replaced");
    expect(await t.queue().count("pending")).toBe(1);
  });

  test("waits until the key is free: at the end of the job, at its start, or after its time", async () => {
    const clock = new ManualClock();
    const backend = memoryBackend({ clock });
    const queue = backend.queue("q");
    const dispatcher = new TaskDispatcher({ queues: new QueueSet([bindingOf(backend, queue)]), clock });
    const exchange = async (slots: number, settle: Parameters<typeof queue.exchange>[0]["settle"] = []) => {
      const claim = { slots, ahead: 0, leaseMs: 600_000, maxBytes: 1e6 };
      return (await queue.exchange({ session: "s", seq: ++seq, settle, started: [], claim })).deliveries;
    };
    let seq = 0;
    const accepted: string[] = [];
    const waiting = async (
      name: string,
      until: "started" | "settled" | { ttl: "10s" },
      id: string,
    ): Promise<void> => {
      const one = unique(sync, { key, until, onConflict: "wait" });
      await one.applyAsync(dispatcher, { id });
      void one.applyAsync(dispatcher, { id }).then(() => accepted.push(name));
    };
    await waiting("settled", "settled", "a");
    await waiting("started", "started", "b");
    await waiting("ttl", { ttl: "10s" }, "c");
    await clock.advance(3_000);
    expect(accepted).toEqual([]);
    const running = await exchange(3);
    await clock.advance(1_000);
    expect(accepted).toEqual(["started"]);
    await exchange(
      0,
      running.map(({ receipt }) => ({ receipt, kind: "complete" as const })),
    );
    await clock.advance(2_000);
    expect(accepted).toEqual(["started", "settled"]);
    await clock.advance(5_000);
    expect(accepted).toEqual(["started", "settled", "ttl"]);
  });

  test("waits no longer than it is told to, and stops with its signal", async () => {
    const clock = new ManualClock();
    const backend = memoryBackend({ clock });
    const queues = new QueueSet([bindingOf(backend, backend.queue("q"))]);
    const dispatcher = new TaskDispatcher({ queues, clock });
    await unique(sync, { key }).applyAsync(dispatcher, { id: "a" });
    const abort = new AbortController();
    const late = unique(sync, { key, onConflict: "wait", waitTimeout: "2500ms" }).applyAsync(dispatcher, {
      id: "a",
    });
    const stopped = unique(sync, { key, onConflict: "wait", signal: abort.signal }).applyAsync(dispatcher, {
      id: "a",
    });
    const outcomes = Promise.all([late, stopped].map((one) => one.catch((error: unknown) => error)));
    await clock.advance(2_000);
    abort.abort(new Error("enough"));
    await clock.advance(1_000);
    const [first, second] = await outcomes;
    expect(first).toBeInstanceOf(DuplicateTaskError);
    expect(second).toMatchObject({ message: "enough" });
  });

  test("is refused by a queue that knows no unique keys", async () => {
    const backend = memoryBackend();
    const queue = backend.queue("q");
    const refusing = overlaid(queue, {
      capabilities: { ...queue.capabilities, unique: false },
      enqueueMany: async (jobs) =>
        jobs.map(
          () => ({ ok: false, error: new UnsupportedError({ subject: "q", capability: "unique" }) }) as const,
        ),
    });
    const dispatcher = new TaskDispatcher({ queues: new QueueSet([bindingOf(backend, refusing)]) });
    await expect(unique(sync, { key }).applyAsync(dispatcher, { id: "a" })).rejects.toBeInstanceOf(
      UnsupportedError,
    );
  });

  test("refuses what it cannot be told", () => {
    expect(() => new UniqueTask(sync, { key, onConflict: "skipp" as never })).toThrow('"skip"');
    expect(() => new UniqueTask(sync, {} as never)).toThrow("key");
    expect(() => new UniqueTask("sync" as never, { key: "a" })).toThrow(TaskConfigError);
    expect(() => new UniqueTask(sync, { key, waitTimeout: "1s" })).toThrow("does not wait");
  });
});

describe("an idempotency key that is the same for all inputs", () => {
  test("is warned of once at boot; one of a task without input is not", async () => {
    const fixed = task({ name: "fixed", input: z.string(), idempotencyKey: "always" }, async () => 1);
    const daily = task({ name: "daily", idempotencyKey: "always" }, async () => 1);
    const logger = new RecordingLogger();
    await using _t = await createTestApp({ tasks: [fixed, daily, sync], logger });
    const warned = logger.lines.filter(({ message }) => message.includes("idempotency key"));
    expect(warned).toMatchObject([{ level: "warn", fields: { tasks: ["fixed"] } }]);
  });
});
