import { type CircuitHook, named, StateStoreProtocol, TaskQueueProtocol } from "@lexigram/contracts";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import {
  type CircuitBreakerOptions,
  QueueSet,
  RetryTask,
  task,
  TaskProvider,
  type TaskRef,
} from "../../src/index.ts";
import { Workshop } from "../worker/workshop.ts";
import { createTestApp, type TestApp } from "../../src/testing.ts";

let fails: Error | undefined;
let ran = 0;
let running = 0;
let most = 0;
let gates: (() => void)[] | undefined;
const work = async (): Promise<void> => {
  ran++;
  running++;
  most = Math.max(most, running);
  try {
    if (gates !== undefined) await new Promise<void>((resolve) => gates?.push(resolve));
    if (fails !== undefined) throw fails;
  } finally {
    running--;
  }
};
const once = { maxRetries: 0 };
const input = z.any();
const plain = task({ name: "plain", input, ...once }, work);
const other = task({ name: "other", input, ...once }, () => undefined);

const events: string[] = [];

async function app(
  queueBreaker: CircuitBreakerOptions | undefined,
  taskBreaker?: CircuitBreakerOptions,
): Promise<TestApp & { guarded: TaskRef<unknown, unknown> }> {
  fails = undefined;
  gates = undefined;
  ran = running = most = 0;
  events.length = 0;
  const guarded = task(
    {
      name: "guarded",
      input,
      ...once,
      ...(taskBreaker === undefined ? {} : { circuitBreaker: taskBreaker }),
    },
    work,
  );
  const entry = { name: "q", ...(queueBreaker === undefined ? {} : { circuitBreaker: queueBreaker }) };
  const t = await createTestApp({
    tasks: [plain, other, guarded],
    config: { backends: [entry] },
    mode: "workers",
  });
  for (const name of ["circuit.opened", "circuit.half-open", "circuit.closed"] as const)
    t.tasks.on(name, ({ scope, name: of }: CircuitHook) => void events.push(`${name} ${scope} ${of}`));
  return Object.assign(t, { guarded });
}

async function enqueue(t: TestApp, n: number, which: TaskRef<unknown, unknown> = plain): Promise<void> {
  for (let i = 0; i < n; i++) {
    await t.tasks.enqueue(which, i);
    await t.clock.settle();
  }
}

const broken = new Error("the service is away");

describe("the circuit breaker of a queue", () => {
  test("opens after failures in a row, and lets nothing start while it is open", async () => {
    await using t = await app({ failures: 3, resetTimeout: "10s" });
    fails = broken;
    await enqueue(t, 5);
    expect(ran).toBe(3);
    expect((await t.queue().stats()).breaker).toBe("open");
    expect(await t.queue().count("pending")).toBe(2);
    await t.clock.advance("9s");
    expect(ran).toBe(3);
    expect(events).toEqual(["circuit.opened queue q"]);
  });

  test("counts failures in a row: a success between them begins anew", async () => {
    await using t = await app({ failures: 3 });
    for (const failing of [true, true, false, true, true]) {
      fails = failing ? broken : undefined;
      await enqueue(t, 1);
    }
    expect((await t.queue().stats()).breaker).toBe("closed");
    expect(ran).toBe(5);
  });

  test("lets one probe run once its time is over, and closes when that succeeds", async () => {
    await using t = await app({ failures: 1, resetTimeout: "10s" });
    fails = broken;
    await enqueue(t, 4);
    expect(ran).toBe(1);
    fails = undefined;
    gates = [];
    await t.clock.advance("10s");
    expect([ran, running]).toEqual([2, 1]);
    expect((await t.queue().stats()).breaker).toBe("half-open");
    await t.clock.advance("1s");
    expect(running).toBe(1);
    for (const open of gates.splice(0)) open();
    gates = undefined;
    await t.clock.settle();
    await t.clock.advance("1s");
    expect((await t.queue().stats()).breaker).toBe("closed");
    expect(ran).toBe(4);
    expect(events).toEqual(["circuit.opened queue q", "circuit.half-open queue q", "circuit.closed queue q"]);
  });

  test("opens again when a probe fails", async () => {
    await using t = await app({ failures: 1, resetTimeout: "10s" });
    fails = broken;
    await enqueue(t, 6);
    await t.clock.advance("10s");
    expect(ran).toBe(2);
    await t.clock.advance("9s");
    expect(ran).toBe(2);
    await t.clock.advance("1s");
    expect(ran).toBe(3);
  });

  test("runs as many probes at once as it is told, and closes after as many successes", async () => {
    await using t = await app({ failures: 1, resetTimeout: "10s", halfOpenProbes: 3 });
    fails = broken;
    await enqueue(t, 9);
    fails = undefined;
    gates = [];
    most = 0;
    await t.clock.advance("10s");
    expect(most).toBe(3);
    gates.shift()?.();
    await t.clock.settle();
    expect((await t.queue().stats()).breaker).toBe("half-open");
    const opened = gates;
    gates = undefined;
    for (const open of opened) open();
    await t.clock.advance("2s");
    expect((await t.queue().stats()).breaker).toBe("closed");
    expect(ran).toBe(9);
  });

  test("counts only what its predicate says, and nothing that steers a job", async () => {
    class Busy extends Error {}
    await using t = await app({ failures: 2, isFailure: (error) => error instanceof Busy });
    fails = broken;
    await enqueue(t, 4);
    expect((await t.queue().stats()).breaker).toBe("closed");
    fails = new Busy();
    await enqueue(t, 2);
    expect((await t.queue().stats()).breaker).toBe("open");

    await using u = await app({ failures: 1 });
    fails = new RetryTask({ delay: "1h" });
    await enqueue(u, 3);
    expect((await u.queue().stats()).breaker).toBe("closed");
  });

  test("is one for all processes, by the time of their store", async () => {
    await using t = await app({ failures: 1, resetTimeout: "10s" });
    const state = t.app.get(named(StateStoreProtocol, "q"));
    // As another process would.
    await state.put("breaker:queue:q:hold", 1, { ttlMs: 10_000 });
    await state.put("breaker:queue:q", { v: 1, status: "open", failures: 1, successes: 0 });
    await state.publish("breaker:queue:q", 1);
    await t.clock.settle();
    await enqueue(t, 1);
    expect(ran).toBe(0);
    await t.clock.advance("11s");
    expect(ran).toBe(1);
    expect((await state.get("breaker:queue:q"))?.value).toMatchObject({ status: "closed", failures: 0 });
  });

  test("is known within a second where no message tells", async () => {
    await using t = await app({ failures: 1, resetTimeout: "1h" });
    const state = t.app.get(named(StateStoreProtocol, "q"));
    await t.clock.advance("2s");
    await state.put("breaker:queue:q:hold", 1, { ttlMs: 3_600_000 });
    await state.put("breaker:queue:q", { v: 1, status: "open", failures: 1, successes: 0 });
    await t.clock.advance("1100ms");
    await enqueue(t, 5);
    expect(ran).toBe(0);
  });

  test("is asked for by a process that starts while it is open", async () => {
    const workshop = new Workshop();
    const breaker = { failures: 1, resetMs: 1_000, probes: 1, isFailure: undefined };
    const binding = workshop.binding("work", { queue: workshop.queue, breaker });
    await binding.state.put("breaker:queue:work:hold", 1, { ttlMs: 60_000 });
    await binding.state.put("breaker:queue:work", { v: 1, status: "open", failures: 1, successes: 0 });
    workshop.define("work", () => undefined);
    await workshop.enqueue("work");
    await workshop.start({ queues: new QueueSet([binding]) });
    expect(workshop.began).toEqual([]);
  });

  test("shows in health", async () => {
    await using t = await app({ failures: 1, resetTimeout: "10s" });
    fails = broken;
    const health = () => t.app.get(TaskProvider).healthCheck();
    expect(await health()).toMatchObject({ status: "healthy", details: { queues: [{ breaker: "closed" }] } });
    await enqueue(t, 2);
    expect(await health()).toMatchObject({
      status: "degraded",
      message: expect.stringContaining("circuit breaker"),
      details: { queues: [{ queue: "q", breaker: "open", running: 0 }] },
    });
  });
});

describe("the circuit breaker of a task", () => {
  test("puts jobs of its task off, without an attempt, and leaves other tasks alone", async () => {
    await using t = await app(undefined, { failures: 2, resetTimeout: "10s" });
    fails = broken;
    await enqueue(t, 4, t.guarded);
    expect(ran).toBe(2);
    await enqueue(t, 3, other);
    expect(await t.queue().count("completed")).toBe(3);
    const [job] = (await t.queue().list({ status: "scheduled", limit: 10 })).items;
    expect(job).toMatchObject({ attempt: 0, deferrals: 0, recoveries: 0 });
    expect(events).toEqual(["circuit.opened task guarded"]);
  });

  test("lets one probe run once its time is over, and closes when that succeeds", async () => {
    await using t = await app(undefined, { failures: 1, resetTimeout: "10s" });
    fails = broken;
    await enqueue(t, 5, t.guarded);
    expect(ran).toBe(1);
    fails = undefined;
    gates = [];
    most = 0;
    await t.clock.advance("11s");
    expect([ran, most]).toEqual([2, 1]);
    for (const open of gates.splice(0)) open();
    gates = undefined;
    await t.clock.advance("15s");
    expect(await t.queue().count("completed")).toBe(4);
  });

  test("opens again when a probe fails", async () => {
    await using t = await app(undefined, { failures: 1, resetTimeout: "10s" });
    fails = broken;
    await enqueue(t, 8, t.guarded);
    await t.clock.advance("12s");
    expect(ran).toBe(2);
  });
});

test("a queue without a breaker says nothing of one", async () => {
  await using t = await app(undefined);
  expect("breaker" in (await t.app.get(TaskQueueProtocol).stats())).toBe(false);
});
