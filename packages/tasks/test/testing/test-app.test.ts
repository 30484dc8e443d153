import { AssertionError } from "node:assert";
import { readFile } from "node:fs/promises";
import { Clock, named, RemoteTaskError, TaskQueueProtocol } from "@lexigram/contracts";
import { inject, injectable, module, provide } from "@lexigram/kernel";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { task } from "../../src/define/task.ts";
import { TaskDispatcher } from "../../src/dispatch/task-dispatcher.ts";
import { TasksModule } from "../../src/tasks-module.ts";
import { createTestApp, testContext, TestClock } from "../../src/testing.ts";

const ran: string[] = [];
const note = task({ name: "note", input: z.object({ text: z.string() }) }, ({ text }) => {
  ran.push(text);
  return text.length;
});
const fails = task({ name: "fails", maxRetries: 2 }, () => {
  throw new Error("no luck");
});

describe("a test's application in manual mode", () => {
  test("runs nothing until it is drained", async () => {
    ran.length = 0;
    await using t = await createTestApp({ tasks: [note] });
    const handle = await t.tasks.enqueue(note, { text: "a" });
    await t.clock.advance("1m");
    expect(ran).toEqual([]);
    expect(await handle.status()).toBe("pending");
    expect(await t.drain()).toMatchObject({ completed: 1, failed: 0, retried: 0, left: { pending: 0 } });
    expect(ran).toEqual(["a"]);
    expect(await handle.result()).toBe(1);
  });

  test("drains what jobs enqueue, and again what comes later", async () => {
    const child = task({ name: "child" }, () => undefined);
    let app: Awaited<ReturnType<typeof createTestApp>>;
    const parent = task({ name: "parent" }, async () => {
      await Promise.all([app.tasks.enqueue(child), app.tasks.enqueue(child)]);
    });
    app = await createTestApp({ tasks: [parent, child] });
    await app.tasks.enqueue(parent);
    expect((await app.drain()).completed).toBe(3);
    await app.tasks.enqueue(child);
    expect((await app.drain()).completed).toBe(1);
    expect((await app.drain()).completed).toBe(0);
    await app.stop();
  });

  test("leaves delayed jobs and retries, or follows them by moving the clock", async () => {
    await using t = await createTestApp({ tasks: [note, fails] });
    await t.tasks.enqueue(note, { text: "later" }, { delay: "2h" });
    await t.tasks.enqueue(fails);
    expect(await t.drain()).toMatchObject({ completed: 0, failed: 0, retried: 1, left: { scheduled: 2 } });
    const report = await t.drain({ followDelays: true });
    expect(report).toMatchObject({ completed: 1, failed: 1, retried: 1, left: { scheduled: 0, pending: 0 } });
    expect(report.failures).toEqual([
      expect.objectContaining({
        task: "fails",
        reason: "failed",
        error: expect.objectContaining({ message: "no luck" }),
      }),
    ]);
    expect(t.clock.monotonic()).toBeGreaterThanOrEqual(7_200_000);
    expect(t.clock.monotonic()).toBeLessThan(7_300_000);
  });

  test("throws for a failed job only when it is asked to", async () => {
    const once = task({ name: "once", maxRetries: 0 }, () => {
      throw new Error("no luck");
    });
    await using t = await createTestApp({ tasks: [once] });
    await t.tasks.enqueue(once);
    expect((await t.drain()).failed).toBe(1);
    await t.tasks.enqueue(once);
    await expect(t.drain({ throwOnFailure: true })).rejects.toBeInstanceOf(RemoteTaskError);
  });

  test("waits for handlers that wait for the outside world, whether or not it follows delays", async () => {
    const reads = task({ name: "reads" }, async () => (await readFile(import.meta.filename, "utf8")).length);
    await using t = await createTestApp({ tasks: [reads] });
    for (const followDelays of [false, true]) {
      const handle = await t.tasks.enqueue(reads);
      expect(await t.drain({ followDelays })).toMatchObject({ completed: 1, failed: 0 });
      expect(await handle.result()).toBeGreaterThan(1_000);
    }
  });

  test("lets drains at the same time follow one another", async () => {
    await using t = await createTestApp({ tasks: [note] });
    await t.tasks.enqueue(note, { text: "a" });
    const reports = await Promise.all([t.drain(), t.drain(), t.drain()]);
    expect(reports.map(({ completed }) => completed)).toEqual([1, 0, 0]);
  });

  test("reports what a pause holds back", async () => {
    await using t = await createTestApp({ tasks: [note] });
    await t.queue().pause();
    await t.tasks.enqueue(note, { text: "held" });
    expect(await t.drain()).toMatchObject({ completed: 0, left: { pending: 1 } });
    await t.queue().resume();
    expect((await t.drain()).completed).toBe(1);
  });

  test("ends a handler that hangs by its time limit, when delays are followed", async () => {
    const hangs = task({ name: "hangs", maxRetries: 0, timeout: "30s" }, () => new Promise<never>(() => {}));
    await using t = await createTestApp({ tasks: [hangs] });
    await t.tasks.enqueue(hangs);
    const report = await t.drain({ followDelays: true });
    expect(report.failures[0]?.error.code).toBe("LEX_ERR_TASK_TIMEOUT");
  });
});

describe("a test's application in inline mode", () => {
  test("runs each job before its enqueue resolves, through the same path", async () => {
    ran.length = 0;
    await using t = await createTestApp({ tasks: [note], mode: "inline" });
    const handle = await t.tasks.enqueue(note, { text: "now" });
    expect(ran).toEqual(["now"]);
    expect(await handle.status()).toBe("completed");
    expect(t.events.map(({ event }) => event)).toEqual(
      expect.arrayContaining(["task.queued", "task.started", "task.completed"]),
    );
  });

  test("runs what jobs enqueue, however deep", async () => {
    let app: Awaited<ReturnType<typeof createTestApp>>;
    const depths: number[] = [];
    const deep = task({ name: "deep", input: z.number() }, async (depth) => {
      if (depth > 0) await app.tasks.enqueue("deep", depth - 1);
      depths.push(depth);
    });
    app = await createTestApp({ tasks: [deep], mode: "inline" });
    await app.tasks.enqueue(deep, 30);
    expect(depths).toHaveLength(31);
    expect(depths[0]).toBe(0);
    await app.stop();
  });

  test("does not wait for a job that is delayed, fails and is retried, or lies in a paused queue", async () => {
    await using t = await createTestApp({ tasks: [note, fails], mode: "inline" });
    const later = await t.tasks.enqueue(note, { text: "x" }, { delay: "1h" });
    expect(await later.status()).toBe("scheduled");
    const failing = await t.tasks.enqueue(fails);
    expect(await failing.status()).toBe("retrying");
    await t.clock.advance("1m");
    expect(await failing.status()).toBe("failed");
    await t.queue().pause();
    expect(await (await t.tasks.enqueue(note, { text: "x" })).status()).toBe("pending");
  });
});

describe("a test's application with workers", () => {
  test("moves on when its clock does", async () => {
    ran.length = 0;
    await using t = await createTestApp({ tasks: [note], mode: "workers" });
    await t.tasks.enqueue(note, { text: "late" }, { delay: "1d" });
    await t.tasks.enqueue(note, { text: "soon" });
    await t.clock.settle();
    expect(ran).toEqual(["soon"]);
    await t.clock.advance("1d");
    expect(ran).toEqual(["soon", "late"]);
  });

  test("returns from advance while a handler waits for the clock, and when it has gone on", async () => {
    const told: string[] = [];
    @injectable()
    class Sleeper {
      constructor(@inject(Clock) readonly clock: Clock) {}
      @task({ name: "sleep" }) async sleep(): Promise<void> {
        told.push(`asleep at ${this.clock.monotonic()}`);
        await new Promise<void>((resolve) => this.clock.setTimer(resolve, 10_000));
        told.push(`awake at ${this.clock.monotonic()}`);
      }
    }
    await using t = await createTestApp({ tasks: [Sleeper], mode: "workers" });
    await t.tasks.of(Sleeper).sleep();
    await t.clock.advance("9s");
    expect(told).toEqual(["asleep at 0"]);
    await t.clock.advance("1s");
    expect(told).toEqual(["asleep at 0", "awake at 10000"]);
  });
});

describe("what was enqueued", () => {
  test("is found by task and part of its input, in any mode and by any way", async () => {
    await using t = await createTestApp({
      tasks: [note],
      config: { backends: [{ name: "a" }, { name: "b" }] },
    });
    await t.tasks.enqueue(note, { text: "one" }, { priority: 10, headers: { tenant: "x" } });
    await t.tasks.enqueue(note, { text: "two" }, { queue: "b", delay: "1m", key: "k" });
    const body = { data: JSON.stringify({ v: 1, input: { text: "three" } }), encoding: "json" };
    await t.queue("b").enqueue({ id: "by-hand", task: "note", body, headers: {}, priority: 5 });
    expect(t.enqueued().map(({ queue, input }) => [queue, input])).toEqual([
      ["a", { text: "one" }],
      ["b", { text: "two" }],
      ["b", { text: "three" }],
    ]);
    expect(t.expectEnqueued(note, { text: "one" }, { priority: 10, headers: { tenant: "x" } })).toHaveLength(
      1,
    );
    t.expectEnqueued("note", { text: expect.stringMatching(/^t/) }, { queue: "b", count: 2 });
    t.expectEnqueued(note, undefined, { delayMs: 60_000, key: "k" });
    t.expectEnqueued(note, undefined, { id: "by-hand" });
    t.refuteEnqueued(note, { text: "four" });
    await t.drain({ followDelays: true });
    t.expectEnqueued(note, undefined, { count: 3 });
    t.forget();
    t.refuteEnqueued(note);
    expect(t.events).toEqual([]);
  });

  test("is listed with near misses when it is not as expected", async () => {
    await using t = await createTestApp({ tasks: [note] });
    await t.tasks.enqueue(note, { text: "one" });
    const failure = (act: () => unknown): AssertionError => {
      try {
        act();
      } catch (error) {
        if (error instanceof AssertionError) return error;
        throw error;
      }
      throw new Error("nothing was thrown");
    };
    const missed = failure(() => t.expectEnqueued(note, { text: "two" }, { queue: "elsewhere" }));
    expect(missed.message).toContain(`expected a job of task "note"`);
    expect(missed.message).toContain(`- text: expected 'two', found 'one'`);
    expect(missed.message).toContain(`- queue: expected 'elsewhere', found 'tasks'`);
    expect(failure(() => t.expectEnqueued("nott")).message).toContain("enqueued were: note");
    expect(failure(() => t.expectEnqueued(note, undefined, { count: 2 })).message).toContain(
      "exactly 2 jobs",
    );
    expect(failure(() => t.refuteEnqueued(note, { text: "one" })).message).toContain("expected no job");
    expect(() => t.expectEnqueued(note, {}, { qeue: "x" } as never)).toThrow(/queue/);
  });

  test("counts a job once that stands for another", async () => {
    await using t = await createTestApp({ tasks: [note] });
    for (let i = 0; i < 3; i++) await t.tasks.enqueue(note, { text: "same" }, { idempotencyKey: "k" });
    expect(t.expectEnqueued(note, undefined, { count: 1 })).toHaveLength(1);
  });
});

describe("a test's application", () => {
  test("takes the modules of production as they are", async () => {
    @injectable()
    class Orders {
      constructor(
        @inject(TaskDispatcher) readonly tasks: TaskDispatcher,
        @inject(named(TaskQueueProtocol, "mail")) readonly mails: TaskQueueProtocol,
      ) {}
    }
    @module({
      imports: [
        TasksModule.configure({
          backends: [
            { name: "main", type: "redis", redisUrl: "redis://nowhere:1" },
            { name: "mail", type: "postgres", postgresDsn: "postgres://nowhere/db", state: "main" },
          ],
        }),
        TasksModule.scope(note),
      ],
      providers: [Orders],
    })
    class AppModule {}
    await using t = await createTestApp({ modules: [AppModule] });
    const orders = t.app.get(Orders);
    await orders.tasks.enqueue(note, { text: "x" }, { queue: "mail" });
    expect(await orders.mails.getTaskCount()).toBe(1);
    expect((await t.drain()).completed).toBe(1);
  });

  test("puts bindings in place of others, and lends its clock", async () => {
    @injectable()
    class Mailer {
      send(): string {
        return "really";
      }
    }
    @injectable()
    class Mails {
      constructor(@inject(Mailer) readonly mailer: Mailer) {}
      @task({ name: "mail" }) send(): string {
        return this.mailer.send();
      }
    }
    @module({ providers: [Mailer], exports: [Mailer] })
    class MailModule {}
    await using t = await createTestApp({
      modules: [MailModule],
      tasks: [Mails],
      overrides: [provide(Mailer, { useValue: { send: () => "not really" } })],
    });
    const handle = await t.tasks.of(Mails).send();
    await t.drain();
    expect(await handle.result()).toBe("not really");
    expect(t.app.get(Clock)).toBe(t.clock);
    expect(t.app.get(TestClock)).toBe(t.clock);
  });

  test("refuses input that storing would change", async () => {
    const dated = task({ name: "dated", input: z.object({ at: z.date() }) }, () => undefined);
    await using t = await createTestApp({ tasks: [dated] });
    await expect(t.tasks.enqueue(dated, { at: new Date(0) })).rejects.toMatchObject({
      code: "LEX_ERR_TASK_VALIDATION",
    });
  });

  test("refuses an option that it does not know", async () => {
    await expect(createTestApp({ taks: [] } as never)).rejects.toMatchObject({
      code: "LEX_ERR_TASK_CONFIG",
      hint: 'did you mean "tasks"?',
    });
  });

  test("stops more than once without harm", async () => {
    const t = await createTestApp();
    await Promise.all([t.stop(), t.stop()]);
    await t.stop();
    expect(t.app.state).toBe("stopped");
  });
});

describe("a test's context", () => {
  test("lets a handler be called directly", async () => {
    const seen: unknown[] = [];
    const handler = task({ name: "h", input: z.string() }, async (input, ctx) => {
      await ctx.progress.update(1, 2);
      await ctx.heartbeat();
      seen.push(input, ctx.attempt, ctx.headers["tenant"], ctx.signal.aborted);
    });
    await handler.handler("x", testContext({ attempt: 3, headers: { tenant: "t" } }));
    expect(seen).toEqual(["x", 3, "t", false]);
  });
});
