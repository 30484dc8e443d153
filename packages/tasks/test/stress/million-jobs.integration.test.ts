import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { z } from "zod";
import { Application } from "@lexigram/kernel";
import { task, TaskDispatcher, TaskQueueProtocol, TasksModule } from "@lexigram/tasks";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

const TOTAL = 1_000_000;
const WAVE = 10_000;

async function settledHeap(): Promise<number> {
  for (let i = 0; i < 4; i++) {
    await new Promise((resolve) => setImmediate(resolve));
    collect();
  }
  return process.memoryUsage().heapUsed;
}

const timers = (): number => process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length;

/** Default settings all along: retention, validation, middleware, timeouts, results. */
test("a million jobs through one process leave heap, timers and listeners as they were", async () => {
  const timersBefore = timers();
  const listenersBefore = process.eventNames().length;
  let ran = 0;
  let sum = 0;
  const add = task({ name: "million.add", input: z.object({ n: z.number() }) }, async ({ n }) => {
    ran++;
    sum += n;
    return n;
  });
  const app = await Application.boot({
    modules: [
      TasksModule.configure({ config: { worker: { maxConcurrentTasks: 100 } } }),
      TasksModule.scope(add),
    ],
    config: { logging: { level: "error" } },
  });
  const tasks = app.get(TaskDispatcher);
  const queue = app.get(TaskQueueProtocol);

  const push = async (from: number): Promise<void> => {
    const items = Array.from({ length: WAVE }, (_, i) => ({ task: add, input: { n: from + i } }));
    const handles = await tasks.enqueueMany(items);
    expect(handles.every((handle) => handle.ok)).toBe(true);
    // A waiter for the last of each wave keeps the producer from running ahead of the workers.
    const last = handles.at(-1);
    if (last?.ok === true) expect(await last.value.result()).toBe(from + WAVE - 1);
  };

  // The first waves fill caches, statistics and the retention's 1,000 records; the start is taken after them.
  for (let from = 0; from < 10 * WAVE; from += WAVE) await push(from);
  const before = await settledHeap();
  for (let from = 10 * WAVE; from < TOTAL; from += WAVE) await push(from);
  const after = await settledHeap();

  expect(ran).toBe(TOTAL);
  expect(sum).toBe((TOTAL * (TOTAL - 1)) / 2);
  const { counts } = await queue.stats();
  expect(counts).toMatchObject({ pending: 0, running: 0, scheduled: 0, failed: 0 });
  expect(counts.completed).toBeLessThanOrEqual(1_000);
  expect(after / before).toBeGreaterThan(0.8);
  expect(after / before).toBeLessThan(1.1);

  await app.close();
  expect(timers()).toBeLessThanOrEqual(timersBefore);
  expect(process.eventNames().length).toBeLessThanOrEqual(listenersBefore);
}, 120_000);
