import { describe, expect, test } from "vitest";
import { z } from "zod";
import type { TaskContext } from "../../src/worker/task-context.ts";
import { Gate, Workshop } from "./workshop.ts";

describe("an attempt", () => {
  test("runs the handler with the parsed input and stores its result", async () => {
    const shop = new Workshop();
    shop.define("add", (input) => (input as { n: number }).n + 1, {
      input: z.object({ n: z.coerce.number() }),
    });
    const id = await shop.enqueue("add", { n: "41" });
    await shop.start();
    const job = await shop.job(id);
    expect(job.status).toBe("completed");
    expect(job.result).toEqual({ data: "42", encoding: "json" });
  });

  test("stores no result for a handler that returns nothing, and falsy results as they are", async () => {
    const shop = new Workshop();
    shop.define("echo", (input) => (input as { value?: unknown }).value);
    const ids = await Promise.all(
      [{}, { value: 0 }, { value: "" }, { value: null }].map((input) => shop.enqueue("echo", input)),
    );
    await shop.start();
    const results = await Promise.all(ids.map(async (id) => (await shop.job(id)).result?.data));
    expect(results).toEqual([undefined, "0", '""', "null"]);
  });

  test.each([
    ["a text", () => Promise.reject("plain"), "NonError"],
    ["undefined", () => Promise.reject(undefined), "NonError"],
    ["an error", () => Promise.reject(new TypeError("bad")), "TypeError"],
    [
      "an error that cannot be read",
      () =>
        Promise.reject(
          Object.defineProperty(new Error("x"), "message", {
            get: () => {
              throw new Error("no");
            },
          }),
        ),
      "Error",
    ],
  ])("survives a handler that throws %s", async (_what, handler, name) => {
    const shop = new Workshop();
    shop.define("bad", handler, { maxRetries: 0 });
    shop.define("good", () => "fine");
    const bad = await shop.enqueue("bad");
    const good = await shop.enqueue("good");
    await shop.start();
    expect((await shop.job(bad)).status).toBe("failed");
    expect((await shop.job(bad)).error?.name).toBe(name);
    expect((await shop.job(good)).status).toBe("completed");
  });

  test("survives a handler that throws before it returns a promise", async () => {
    const shop = new Workshop();
    shop.define("x", () => "unused");
    const task = shop.tasks.get("x")!;
    const run = (): never => {
      throw new RangeError("at once");
    };
    shop.tasks.set("sync", { ...task, kind: "function", name: "sync", run });
    const id = await shop.enqueue("sync", undefined, { policy: { maxRetries: 0 } });
    await shop.start();
    expect((await shop.job(id)).error?.message).toBe("at once");
  });

  test("waits for a thenable that is no promise", async () => {
    const shop = new Workshop();
    shop.define("x", () => "unused");
    const run = (): unknown => ({ then: (resolve: (value: string) => void) => resolve("later") }); // oxlint-disable-line unicorn/no-thenable -- a foreign one
    shop.tasks.set("foreign", { ...shop.tasks.get("x")!, kind: "function", name: "foreign", run });
    const id = await shop.enqueue("foreign");
    await shop.start();
    expect((await shop.job(id)).result?.data).toBe('"later"');
  });

  test("looks the handler up when it runs, so one that was registered later is seen", async () => {
    const shop = new Workshop();
    await shop.start();
    shop.define("late", () => "here");
    const id = await shop.enqueue("late");
    await shop.settle();
    expect((await shop.job(id)).status).toBe("completed");
  });

  test("puts an input that does not fit aside at once, without using up retries", async () => {
    const shop = new Workshop();
    shop.listen();
    let ran = 0;
    shop.define("strict", () => ran++, { input: z.object({ n: z.number() }) });
    const id = await shop.enqueue("strict", { n: "no number" });
    await shop.start();
    const job = await shop.job(id);
    expect([job.status, job.reason, job.error?.code]).toEqual([
      "failed",
      "invalid",
      "LEX_ERR_TASK_VALIDATION",
    ]);
    expect(ran).toBe(0);
    expect(shop.eventNames()).toEqual(["task.received", "task.failed", "task.dead"]);
  });

  test("puts a body that cannot be read aside, and goes on with the next job", async () => {
    const shop = new Workshop();
    shop.define("ok", () => 1);
    const broken = await shop.enqueue("ok", undefined, { body: { data: "{", encoding: "json" } });
    const foreign = await shop.enqueue("ok", undefined, { body: { data: "{}", encoding: "cbor" } });
    const fine = await shop.enqueue("ok");
    await shop.start();
    expect((await shop.job(broken)).reason).toBe("invalid");
    expect((await shop.job(foreign)).reason).toBe("invalid");
    expect((await shop.job(fine)).status).toBe("completed");
  });

  test("validates with a schema that answers later", async () => {
    const shop = new Workshop();
    const schema = z.object({ n: z.number() }).refine(async ({ n }) => n > 0, "must be positive");
    shop.define("async", (input) => input, { input: schema });
    const good = await shop.enqueue("async", { n: 1 });
    const bad = await shop.enqueue("async", { n: -1 });
    await shop.start();
    expect((await shop.job(good)).status).toBe("completed");
    expect((await shop.job(bad)).error?.message).toContain("must be positive");
  });

  test("fails with a clear error when its result is too large or no data", async () => {
    const shop = new Workshop();
    shop.define("large", () => "x".repeat(2 * 1024 * 1024), { maxRetries: 0 });
    shop.define(
      "circle",
      () => {
        const a: Record<string, unknown> = {};
        a["a"] = a;
        return a;
      },
      { maxRetries: 0 },
    );
    const large = await shop.enqueue("large");
    const circle = await shop.enqueue("circle");
    await shop.start();
    expect((await shop.job(large)).error?.message).toMatch(/the result of task "large" is invalid.*bytes/);
    expect((await shop.job(circle)).error?.code).toBe("LEX_ERR_TASK_VALIDATION");
  });

  test("gives args and kwargs of other producers as one input", async () => {
    const shop = new Workshop();
    shop.define("python", (input) => input);
    const data = JSON.stringify({ v: 1, args: [1, 2], kwargs: { deep: true } });
    const id = await shop.enqueue("python", undefined, { body: { data, encoding: "json" } });
    await shop.start();
    expect(JSON.parse((await shop.job(id)).result?.data as string)).toEqual({
      args: [1, 2],
      kwargs: { deep: true },
    });
  });

  test("tells the handler about its job", async () => {
    const shop = new Workshop();
    let seen: TaskContext | undefined;
    shop.define("look", (_input, context) => (seen = context) && undefined, {
      labels: { team: "mail", tier: "1" },
    });
    await shop.enqueue("look", undefined, {
      id: "j1",
      headers: { traceparent: "00-1" },
      key: "k",
      policy: { labels: { tier: "2" } },
    });
    await shop.start();
    expect(seen?.job).toEqual({
      id: "j1",
      task: "look",
      queue: "work",
      priority: 5,
      key: "k",
      createdAt: shop.clock.now(),
    });
    expect([seen?.attempt, seen?.recoveries]).toEqual([1, 0]);
    expect(seen?.headers).toEqual({ traceparent: "00-1" });
    expect(seen?.labels).toEqual({ team: "mail", tier: "2" });
    expect(seen?.signal.aborted).toBe(false);
    expect(seen?.signal).toBe(seen?.signal);
    seen?.log.info("hello", { more: 1 });
    expect(shop.logged("hello")[0]?.fields).toEqual({ job: "j1", task: "look", attempt: 1, more: 1 });
  });

  test("merges progress updates in quick succession, and the last one always arrives", async () => {
    const shop = new Workshop();
    const written: unknown[] = [];
    const first = new Gate();
    const tracker = {
      update: async (id: string, done: number, total: number, note?: string) => {
        written.push([id, done, total, note]);
        if (written.length === 1) await first.promise;
      },
      complete: async (id: string) => void written.push([id, "complete"]),
      fail: async (id: string, error: string) => void written.push([id, "fail", error]),
      get: async () => undefined,
      subscribe: async function* () {},
    };
    shop.define("steps", async (_input, { progress }) => {
      const updates = [1, 2, 3].map((n) => progress.update(n, 3, `step ${n}`));
      first.open();
      await Promise.all(updates);
    });
    shop.define(
      "breaks",
      async (_input, { progress }) => {
        await progress.update(1);
        throw new Error("no more");
      },
      { maxRetries: 0 },
    );
    const id = await shop.enqueue("steps");
    await shop.start({ services: { progress: tracker } });
    expect(written).toEqual([
      [id, 1, 3, "step 1"],
      [id, 3, 3, "step 3"],
      [id, "complete"],
    ]);
    written.length = 0;
    const other = await shop.enqueue("breaks");
    await shop.settle();
    expect(written).toEqual([
      [other, 1, 0, undefined],
      [other, "fail", "no more"],
    ]);
  });
});
