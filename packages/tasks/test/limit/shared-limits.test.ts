import { StateStoreProtocol } from "@lexigram/contracts";
import { describe, expect, test, vi } from "vitest";
import { z } from "zod";
import { task, TaskConfig, type TaskConfigOptions, TaskQueueProtocol, WorkerPool } from "../../src/index.ts";
import { createTestApp, type TestApp } from "../../src/testing.ts";

const input = z.any();
let running = 0;
let most = 0;
const starts: number[] = [];
const gates: (() => void)[] = [];
const slow = { input, queue: "a" };
async function hold(): Promise<void> {
  running++;
  most = Math.max(most, running);
  await new Promise<void>((resolve) => gates.push(resolve));
  running--;
}
const onA = task({ name: "on-a", ...slow }, hold);
const onB = task({ name: "on-b", input, queue: "b" }, hold);
const quickA = task({ name: "quick-a", input, queue: "a" }, () => void starts.push(0));
const quickB = task({ name: "quick-b", input, queue: "b" }, () => void starts.push(0));

async function app(limits: Pick<TaskConfigOptions, "limits" | "rateLimit">): Promise<TestApp> {
  running = 0;
  most = 0;
  starts.length = 0;
  gates.length = 0;
  return createTestApp({
    tasks: [onA, onB, quickA, quickB],
    config: { backends: [{ name: "a" }, { name: "b" }, { name: "c" }], ...limits },
    mode: "workers",
  });
}

/** Lets all that run end, and the next begin. */
async function pass(t: TestApp): Promise<void> {
  for (const open of gates.splice(0)) open();
  await t.clock.settle();
  await t.clock.advance(200);
}

describe("a limit over several queues", () => {
  test("lets so many attempts run at once, all queues together", async () => {
    await using t = await app({ limits: { api: { queues: ["a", "b"], concurrency: 3 } } });
    for (let i = 0; i < 6; i++) await t.tasks.enqueue(onA, i);
    for (let i = 0; i < 6; i++) await t.tasks.enqueue(onB, i);
    await t.clock.advance(200);
    expect(running).toBe(3);
    for (let i = 0; i < 8; i++) await pass(t);
    expect(most).toBe(3);
    expect(await t.queue("a").count("completed")).toBe(6);
    expect(await t.queue("b").count("completed")).toBe(6);
  });

  test("lets so many start per time, all queues together", async () => {
    await using t = await app({ limits: { api: { queues: ["a", "b"], rate: { rate: 2, burst: 4 } } } });
    for (let i = 0; i < 10; i++) await t.tasks.enqueue(quickA, i);
    for (let i = 0; i < 10; i++) await t.tasks.enqueue(quickB, i);
    await t.clock.settle();
    const seen = [starts.length];
    for (let i = 0; i < 4; i++) {
      await t.clock.advance("1s");
      seen.push(starts.length);
    }
    expect(seen).toEqual([4, 6, 8, 10, 12]);
  });

  test("leaves other queues alone", async () => {
    await using t = await app({
      limits: { api: { queues: ["a"], rate: { rate: 1, per: "1h" }, concurrency: 1 } },
    });
    for (let i = 0; i < 5; i++) await t.tasks.enqueue(quickB, i);
    await t.clock.settle();
    expect(starts).toHaveLength(5);
  });

  test("is also that of rateLimit, over all queues, when it is enabled", async () => {
    for (const enabled of [true, false]) {
      await using t = await app({ rateLimit: { enabled, rate: 3, per: "1m" } });
      for (let i = 0; i < 4; i++) await t.tasks.enqueue(quickA, i);
      for (let i = 0; i < 4; i++) await t.tasks.enqueue(quickB, i);
      await t.clock.settle();
      expect(starts).toHaveLength(enabled ? 3 : 8);
    }
  });

  test("takes nothing for an empty queue that others need", async () => {
    await using t = await app({
      limits: { api: { concurrency: 2, rate: { rate: 1, per: "1s", burst: 5 } } },
    });
    await t.clock.advance("1m");
    for (let i = 0; i < 5; i++) await t.tasks.enqueue(quickB, i);
    await t.clock.advance("10s");
    expect(starts).toHaveLength(5);
    const state = t.app.get(StateStoreProtocol);
    // What this process does not use is there for others.
    await t.clock.advance("1s");
    expect(await state.acquire("permits:api", { holder: "other", limit: 2, n: 2, ttlMs: 1_000 })).toBe(2);
  });

  test("finds delayed jobs that fall due", async () => {
    await using t = await app({ limits: { api: { concurrency: 2, rate: { rate: 10 } } } });
    await t.tasks.enqueue(quickA, 1, { delay: "30s" });
    await t.clock.advance("31s");
    expect(starts).toHaveLength(1);
  });

  test("waits for permits of other processes, and gives its own back when it stops", async () => {
    const t = await app({ limits: { api: { concurrency: 2 } } });
    const state = t.app.get(StateStoreProtocol);
    const other = { holder: "other", limit: 2, n: 2, ttlMs: 60_000 };
    expect(await state.acquire("permits:api", other)).toBe(2);
    await t.tasks.enqueue(quickA, 1);
    await t.clock.advance("1s");
    expect(starts).toHaveLength(0);
    await state.release("permits:api", { holder: "other" });
    await t.clock.advance("1s");
    expect(starts).toHaveLength(1);
    await t.tasks.enqueue(onA, 1);
    await t.clock.settle();
    expect(running).toBe(1);
    const stopped = t.app.get(WorkerPool).stop();
    for (const open of gates.splice(0)) open();
    await t.clock.settle();
    await stopped;
    expect(await state.acquire("permits:api", other)).toBe(2);
    await t[Symbol.asyncDispose]();
  });

  test("hands back what runs when its permits can no longer be renewed", async () => {
    await using t = await app({ limits: { api: { queues: ["a"], concurrency: 1 } } });
    await t.tasks.enqueue(onA, 1);
    await t.clock.settle();
    expect(running).toBe(1);
    const state = t.app.get(StateStoreProtocol);
    const acquire = vi.spyOn(state, "acquire").mockRejectedValue(new Error("away"));
    await t.clock.advance("14s");
    expect(await t.queue("a").count("running")).toBe(1);
    await t.clock.advance("2s");
    for (const open of gates.splice(0)) open();
    acquire.mockRestore();
    await t.clock.advance("1m");
    expect(running).toBeLessThanOrEqual(1);
  });

  test.each([
    [{ limits: { api: {} } }, "tasks.limits.api"],
    [{ limits: { api: { concurrency: 1, queues: ["aa"] } } }, "tasks.limits.api.queues"],
    [{ limits: { tasks: { concurrency: 1 } }, rateLimit: { enabled: true } }, "tasks.limits.tasks"],
    [{ limits: { api: { concurrency: 0 } } }, "tasks.limits.api.concurrency"],
    [{ rateLimit: { rate: 0 } }, "tasks.rateLimit.rate"],
  ])("is refused by name when it is wrong: %j", (config, path) => {
    const make = (): unknown => new TaskConfig({ backends: [{ name: "a" }], ...config });
    expect(make).toThrow(expect.objectContaining({ code: "LEX_ERR_TASK_CONFIG", fields: { path } }));
  });

  test("has the defaults of the ancestor", () => {
    const { limits } = new TaskConfig({ rateLimit: { enabled: true } });
    expect(limits).toEqual([
      {
        name: "tasks",
        queues: undefined,
        rate: { rate: 100, perMs: 1_000, burst: 100 },
        concurrency: undefined,
      },
    ]);
    expect(TaskQueueProtocol).toBeDefined();
  });
});
