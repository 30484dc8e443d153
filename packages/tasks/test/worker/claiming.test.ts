import { describe, expect, test } from "vitest";
import { Gate, turn, Workshop } from "./workshop.ts";

describe("a pool's slots", () => {
  test("run exactly as many attempts at once as there are, over all its workers", async () => {
    const shop = new Workshop();
    shop.define("t", async () => {
      for (let i = 0; i < 3; i++) await turn();
    });
    await shop.enqueueAll("t", 200);
    const pool = await shop.start({ size: 3, maxConcurrentTasks: 4, settings: { prefetch: 7 } });
    expect(shop.mostAtWork).toBe(12);
    expect(new Set(shop.began).size).toBe(200);
    expect(pool.getWorkerStats().every((worker) => worker.jobsProcessed > 0)).toBe(true);
  });

  test("ask the store for exactly what is free", async () => {
    const shop = new Workshop();
    const claims: [number, number][] = [];
    const exchange = shop.queue.exchange.bind(shop.queue);
    shop.queue.exchange = (request) => {
      claims.push([request.claim.slots, request.claim.ahead]);
      return exchange(request);
    };
    const gates = [new Gate(), new Gate()];
    shop.define("t", (input) => gates[input as number]!.promise);
    await shop.enqueue("t", 0);
    await shop.enqueue("t", 1);
    await shop.start({ maxConcurrentTasks: 3 });
    gates[0]!.open();
    await shop.settle();
    expect(claims).toEqual([
      [3, 0],
      [2, 0],
    ]);
    gates[1]!.open();
  });

  test("make no calls while there is nothing to do, however many there are", async () => {
    const shop = new Workshop();
    let calls = 0;
    shop.onCall = (name) => {
      if (name === "exchange") calls++;
      return "apply";
    };
    shop.define("t", () => 0);
    await shop.enqueueAll("t", 10);
    await shop.start({ maxConcurrentTasks: 2_000 });
    expect(shop.began).toHaveLength(10);
    const before = calls;
    for (let i = 0; i < 50; i++) await turn();
    expect(calls).toBe(before);
  });

  test("yield to timers and sockets however quick the handlers are", async () => {
    const shop = new Workshop();
    shop.define("x", () => 0);
    let ran = 0;
    const run = (): void => void ran++;
    shop.tasks.set("sync", { ...shop.tasks.get("x")!, kind: "function", name: "sync", run });
    await shop.enqueueAll("sync", 10_000);
    const pool = shop.pool({ maxConcurrentTasks: 2_000, settings: { prefetch: 900 } });
    await pool.start();
    let most = 0;
    for (let before = ran; ran < 10_000; before = ran) {
      await turn();
      most = Math.max(most, ran - before);
    }
    expect(most).toBeLessThanOrEqual(2_100);
  });
});

describe("two calls under way", () => {
  test("leave no slot behind, however few a second one could ask for", async () => {
    const slots = 520;
    const shop = new Workshop();
    const gate = new Gate();
    shop.define("held", () => gate.promise);
    await shop.enqueueAll("held", 3 * slots);
    const pool = await shop.start({ maxConcurrentTasks: slots, settings: { prefetch: 500 } });
    expect(pool.getPoolStats().running).toBe(slots);
    gate.open();
  });
});

describe("claiming ahead", () => {
  const claimsOf = (shop: Workshop): number[] => {
    const ahead: number[] = [];
    const exchange = shop.queue.exchange.bind(shop.queue);
    shop.queue.exchange = (request) => {
      ahead.push(request.claim.ahead);
      return exchange(request);
    };
    return ahead;
  };

  test("is not done for long handlers", async () => {
    const shop = new Workshop();
    const ahead = claimsOf(shop);
    // An exchange takes 5 ms, a handler 500 ms.
    shop.onCall = (name) => {
      if (name !== "exchange") return "apply";
      return new Promise((resolve) => shop.clock.setTimer(() => resolve("apply"), 5));
    };
    shop.define("long", () => new Promise((resolve) => shop.clock.setTimer(() => resolve(0), 500)));
    await shop.enqueueAll("long", 30);
    const pool = shop.pool({ settings: { prefetch: "auto" } });
    await pool.start();
    await shop.advance(10_000);
    expect(shop.began.length).toBeGreaterThan(10);
    expect(Math.max(...ahead)).toBe(0);
  });

  test("is done for quick ones, within its bound", async () => {
    const shop = new Workshop();
    const ahead = claimsOf(shop);
    shop.onCall = (name) => {
      if (name !== "exchange") return "apply";
      return new Promise((resolve) => shop.clock.setTimer(() => resolve("apply"), 5));
    };
    shop.define("quick", () => 0);
    await shop.enqueueAll("quick", 400);
    const pool = shop.pool({ maxConcurrentTasks: 2, settings: { prefetch: "auto" } });
    await pool.start();
    await shop.advance(2_000);
    expect(shop.began).toHaveLength(400);
    expect(Math.max(...ahead)).toBe(100);
  });

  test.each([
    ["a limit of its own in this process", { concurrency: 5 }, {}],
    ["a concurrency limit", {}, { concurrency: 5 }],
    ["a rate", {}, { rate: { rate: 1_000, perMs: 1, burst: 1_000 } }],
    ["limits by task", {}, { perTask: { other: { concurrency: 1 } } }],
    ["an order by key", {}, { perKey: { order: "fifo" as const } }],
  ])("is never done in a queue with %s", async (_what, binding, policy) => {
    const { QueueSet } = await import("../../src/dispatch/queue-set.ts");
    const shop = new Workshop();
    const ahead = claimsOf(shop);
    await shop.queue.setPolicy(policy);
    shop.define("quick", () => 0);
    await shop.enqueueAll("quick", 50);
    await shop.start({
      queues: new QueueSet([shop.binding("work", { queue: shop.queue, ...binding })]),
      maxConcurrentTasks: 5,
      settings: { prefetch: 10 },
    });
    expect(shop.began).toHaveLength(50);
    expect(Math.max(...ahead)).toBe(0);
  });

  test("ends when this process sets a limit", async () => {
    const shop = new Workshop();
    shop.define("quick", () => 0);
    await shop.start({ settings: { prefetch: 5 } });
    const ahead = claimsOf(shop);
    await shop.queue.setPolicy({ concurrency: 3 });
    shop.emitter.emit("queue.policy", { queueName: "work" });
    await shop.settle();
    await shop.enqueueAll("quick", 20);
    await shop.settle();
    expect(Math.max(...ahead)).toBe(0);
  });

  test("is undone when what runs turns out slow, so that others may take the jobs", async () => {
    const shop = new Workshop();
    shop.onCall = (name) => {
      if (name !== "exchange") return "apply";
      return new Promise((resolve) => shop.clock.setTimer(() => resolve("apply"), 5));
    };
    const gate = new Gate();
    shop.define("t", (input) => (input === "slow" ? gate.promise : 0));
    for (let i = 0; i < 20; i++) await shop.enqueue("t", "quick");
    await shop.enqueue("t", "slow");
    const after = await shop.enqueueAll("t", 10);
    const pool = shop.pool({ settings: { prefetch: "auto" } });
    await pool.start();
    await shop.advance(300);
    await shop.advance(300);
    expect(shop.began).toHaveLength(21);
    const jobs = await Promise.all(after.map((id) => shop.job(id)));
    expect(jobs.map((job) => [job.status, job.attempt])).toEqual(
      Array.from({ length: 10 }, () => ["pending", 0]),
    );
    gate.open();
    await shop.advance(500);
    expect(shop.began).toHaveLength(31);
  });

  test("is undone for what a call under way brings, too, so that jobs begin in their order", async () => {
    const shop = new Workshop();
    const stall = new Gate<"apply">();
    let stalls = false;
    shop.onCall = (name) => {
      if (name !== "exchange") return "apply";
      if (stalls) return stall.promise;
      return new Promise((resolve) => shop.clock.setTimer(() => resolve("apply"), 5));
    };
    const slow = new Gate();
    shop.define("t", (input) => (input === "slow" ? slow.promise : 0));
    for (let i = 0; i < 20; i++) await shop.enqueue("t", "quick");
    const pool = shop.pool({ settings: { prefetch: "auto" } });
    await pool.start();
    await shop.advance(50);
    await shop.enqueue("t", "slow");
    const held = await shop.enqueueAll("t", 10);
    await shop.advance(50);
    expect(shop.began).toHaveLength(21);
    stalls = true;
    const under = await shop.enqueueAll("t", 10);
    await shop.advance(200);
    stalls = false;
    stall.open("apply");
    slow.open();
    await shop.advance(500);
    expect(shop.began.slice(21)).toEqual([...held, ...under]);
  });

  test("is undone when the queue is paused", async () => {
    const shop = new Workshop();
    const gate = new Gate();
    shop.define("t", () => gate.promise);
    const ids = await shop.enqueueAll("t", 3);
    await shop.start({ maxConcurrentTasks: 2, settings: { prefetch: 1 } });
    await shop.queue.pause();
    gate.open();
    await shop.settle();
    await shop.queue.resume();
    await shop.advance(200);
    expect(shop.began.toSorted()).toEqual(ids.toSorted());
  });
});

describe("an empty queue", () => {
  test("is looked at when it wakes the worker", async () => {
    const shop = new Workshop();
    shop.define("t", () => 0);
    await shop.start();
    const id = await shop.enqueue("t");
    await shop.settle();
    expect((await shop.job(id)).status).toBe("completed");
  });

  test("is looked at in growing intervals when a wake is missed, from pollInterval up to 5 s", async () => {
    const shop = new Workshop();
    const waits: number[] = [];
    const waitForWork = shop.queue.waitForWork.bind(shop.queue);
    shop.queue.waitForWork = (maxMs, signal) => {
      waits.push(maxMs);
      return waitForWork(maxMs, signal);
    };
    await shop.start({ settings: { pollIntervalMs: 100 } });
    await shop.advance(20_000);
    expect(waits.slice(0, 8)).toEqual([100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
    waits.length = 0;
    shop.define("t", () => 0);
    await shop.enqueue("t");
    await shop.settle();
    expect(waits[0]).toBe(100);
  });

  test("is looked at when time alone makes work", async () => {
    const shop = new Workshop();
    shop.define("t", () => 0);
    const waits: number[] = [];
    shop.queue.waitForWork = (maxMs, signal) => {
      // A backend that wakes nobody.
      waits.push(maxMs);
      return new Promise((resolve) => {
        const timer = shop.clock.setTimer(resolve, maxMs);
        signal.addEventListener("abort", () => {
          timer.cancel();
          resolve();
        });
      });
    };
    const id = await shop.enqueue("t", undefined, { delayMs: 130 });
    await shop.start({ settings: { pollIntervalMs: 1_000 } });
    expect(waits[0]).toBe(130);
    await shop.advance(150);
    expect((await shop.job(id)).status).toBe("completed");
  });

  test("that wakes in vain does not make the loop spin", async () => {
    const shop = new Workshop();
    let exchanges = 0;
    const exchange = shop.queue.exchange.bind(shop.queue);
    shop.queue.exchange = (request) => {
      exchanges++;
      return exchange(request);
    };
    shop.queue.waitForWork = () => Promise.resolve();
    const pool = shop.pool();
    await pool.start();
    await shop.advance(1_000);
    expect(exchanges).toBeLessThan(100);
    await pool.stop();
  });
});
