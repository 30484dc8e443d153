import { QueueUnavailableError } from "@lexigram/contracts";
import { describe, expect, test } from "vitest";
import type { FaultVerdict } from "../../src/memory/memory-faults.ts";
import { Gate, turn, Workshop } from "./workshop.ts";

describe("an exchange", () => {
  test("is sent again under its number when its reply is lost, and nothing is applied twice", async () => {
    const shop = new Workshop();
    shop.listen();
    shop.define("t", () => "done");
    const ids = await shop.enqueueAll("t", 5);
    const lost = new Set([1, 2, 4]);
    let calls = 0;
    const names: unknown[] = [];
    const exchange = shop.queue.exchange.bind(shop.queue);
    shop.queue.exchange = (request) => {
      names.push([request.session, request.seq, JSON.stringify(request)]);
      return exchange(request);
    };
    shop.onCall = (name): FaultVerdict => (name === "exchange" && lost.has(++calls) ? "lose-reply" : "apply");
    await shop.start({ maxConcurrentTasks: 2 });
    await shop.advance(1_000);
    expect(shop.began).toEqual(ids);
    expect(shop.events("task.completed")).toHaveLength(5);
    expect(shop.events("task.lease-lost")).toHaveLength(0);
    // A resend repeats name and body to the letter.
    expect(names[0]).toEqual(names[1]);
    expect(names[1]).toEqual(names[2]);
    expect(names[3]).not.toEqual(names[2]);
  });

  test("is not applied twice when the job has been removed meanwhile", async () => {
    const shop = new Workshop();
    await shop.queue.setPolicy({ keepCompleted: 0 });
    shop.listen();
    shop.define("t", () => 0);
    const id = await shop.enqueue("t");
    let calls = 0;
    shop.onCall = (name): FaultVerdict => (name === "exchange" && ++calls === 2 ? "lose-reply" : "apply");
    const pool = await shop.start();
    await shop.advance(100);
    expect(await shop.queue.getJob(id)).toBeUndefined();
    expect(shop.eventNames()).not.toContain("task.lease-lost");
    expect(pool.getPoolStats().totalJobsSucceeded).toBe(1);
  });

  test("is the only one under way in its session, also when its answer sends the next", async () => {
    const shop = new Workshop();
    // Some end while a call is under way, so that its answer finds more to send.
    shop.define("t", async (turns) => {
      for (let left = turns as number; left > 0; left--) await turn();
    });
    for (let i = 0; i < 200; i++) await shop.enqueue("t", i % 7);
    const exchange = shop.queue.exchange.bind(shop.queue);
    const underWay = new Map<string, number>();
    let most = 0;
    shop.queue.exchange = async (request) => {
      const calls = (underWay.get(request.session) ?? 0) + 1;
      underWay.set(request.session, calls);
      most = Math.max(most, calls);
      for (let turns = 0; turns < 3; turns++) await turn();
      try {
        return await exchange(request);
      } finally {
        underWay.set(request.session, (underWay.get(request.session) ?? 0) - 1);
      }
    };
    await shop.start({ maxConcurrentTasks: 10 });
    await shop.settle();
    expect(shop.began).toHaveLength(200);
    expect(most).toBe(1);
  });

  test("carries what ended while the one before it was under way", async () => {
    const shop = new Workshop();
    const settled: number[] = [];
    const slow = new Gate<"apply">();
    const gates = [new Gate(), new Gate(), new Gate()];
    shop.define("t", (input) => gates[input as number]!.promise);
    for (const i of [0, 1, 2]) await shop.enqueue("t", i);
    const exchange = shop.queue.exchange.bind(shop.queue);
    shop.queue.exchange = (request) => {
      settled.push(request.settle.length);
      return exchange(request);
    };
    await shop.start({ maxConcurrentTasks: 3 });
    settled.length = 0;
    shop.onCall = (name) => (name === "exchange" ? slow.promise : "apply");
    gates[0]!.open();
    await shop.advance(50);
    gates[1]!.open();
    gates[2]!.open();
    await shop.advance(50);
    expect(settled).toEqual([1]);
    slow.open("apply");
    await shop.settle();
    expect(settled).toEqual([1, 2]);
  });

  test("tells nobody of an outcome before the store has it", async () => {
    const shop = new Workshop();
    shop.listen();
    shop.define("t", () => 0);
    await shop.enqueue("t");
    let calls = 0;
    shop.onCall = (name): FaultVerdict => (name === "exchange" && ++calls > 1 ? "refuse" : "apply");
    const pool = await shop.start();
    await shop.advance(3_000);
    expect(shop.events("task.completed")).toHaveLength(0);
    expect(pool.getPoolStats().totalJobsProcessed).toBe(0);
    shop.onCall = () => "apply";
    await shop.advance(3_000);
    expect(shop.events("task.completed")).toHaveLength(1);
    expect(pool.getPoolStats().totalJobsSucceeded).toBe(1);
  });

  test("names a delivery that was claimed ahead once its handler has begun", async () => {
    const shop = new Workshop();
    const gates = [new Gate(), new Gate()];
    shop.define("t", (input) => gates[input as number]!.promise);
    const first = await shop.enqueue("t", 0);
    const second = await shop.enqueue("t", 1);
    await shop.start({ settings: { prefetch: 1 } });
    expect((await shop.job(first)).startedAt).toBeDefined();
    gates[0]!.open();
    await shop.settle();
    // It began after it had been claimed ahead: a crash now counts as a recovery.
    shop.onCall = () => new Promise(() => undefined);
    await shop.clock.advance(16_000);
    shop.onCall = () => "apply";
    await shop.queue.exchange({
      session: "probe",
      seq: 1,
      settle: [],
      started: [],
      claim: { slots: 1, ahead: 0, leaseMs: 1_000, maxBytes: 1_000 },
    });
    expect((await shop.job(second)).recoveries).toBe(1);
    gates[1]!.open();
  });

  test("names no start that its own settlement overtakes, which a store would refuse", async () => {
    const shop = new Workshop();
    const named: string[] = [];
    const exchange = shop.queue.exchange.bind(shop.queue);
    shop.queue.exchange = (request) => {
      const settled = new Set(request.settle.map(({ receipt }) => receipt));
      named.push(...request.started.filter((receipt) => settled.has(receipt)));
      return exchange(request);
    };
    shop.define("t", () => 0);
    await shop.enqueueAll("t", 40);
    await shop.start({ settings: { prefetch: 5 } });
    expect([shop.began.length, named]).toEqual([40, []]);
  });

  test("is sent on two sessions when there are 500 slots or more", async () => {
    const shop = new Workshop();
    const sessions = new Set<string>();
    let atOnce = 0;
    let most = 0;
    const exchange = shop.queue.exchange.bind(shop.queue);
    shop.queue.exchange = async (request) => {
      sessions.add(request.session);
      most = Math.max(most, ++atOnce);
      try {
        return await exchange(request);
      } finally {
        atOnce--;
      }
    };
    const gate = new Gate();
    shop.define("t", () => gate.promise);
    await shop.enqueueAll("t", 1_500);
    await shop.start({ maxConcurrentTasks: 1_000 });
    expect(sessions.size).toBe(2);
    expect(most).toBe(2);
    gate.open();
    await shop.settle();
    expect(new Set(shop.began).size).toBe(1_500);
    expect(shop.mostAtWork).toBe(1_000);
  });

  test("is one at a time with fewer slots", async () => {
    const shop = new Workshop();
    let atOnce = 0;
    let most = 0;
    const exchange = shop.queue.exchange.bind(shop.queue);
    shop.queue.exchange = async (request) => {
      most = Math.max(most, ++atOnce);
      try {
        return await exchange(request);
      } finally {
        atOnce--;
      }
    };
    shop.define("t", () => 0);
    await shop.enqueueAll("t", 500);
    await shop.start({ maxConcurrentTasks: 400 });
    expect([most, shop.began.length]).toEqual([1, 500]);
  });
});

describe("the loss of a store", () => {
  test("is announced once, degrades health, and consumption resumes when it is back", async () => {
    const shop = new Workshop();
    shop.listen();
    shop.define("t", () => 0);
    const pool = await shop.start();
    expect(pool.health().status).toBe("healthy");
    shop.onCall = () => "refuse";
    await shop.advance(20_000);
    expect(pool.health()).toMatchObject({ status: "degraded", details: { unavailable: ["work"] } });
    expect(shop.events("queue.availability")).toHaveLength(1);
    shop.onCall = () => "apply";
    const id = await shop.enqueue("t");
    await shop.advance(5_000);
    expect((await shop.job(id)).status).toBe("completed");
    expect(pool.health().status).toBe("healthy");
    expect(shop.events("queue.availability").map(({ payload }) => payload["available"])).toEqual([
      false,
      true,
    ]);
  });

  test.each(["idle", "at work"])("by closing its queue is one too, told once (%s)", async (how) => {
    const shop = new Workshop();
    shop.listen();
    const gate = new Gate();
    shop.define("t", () => gate.promise);
    if (how === "at work") await shop.enqueue("t");
    const pool = await shop.start();
    await shop.queue.close();
    gate.open();
    await shop.advance(120_000);
    expect(pool.health()).toMatchObject({
      status: "degraded",
      details: { unavailable: ["work"], running: 0 },
    });
    expect(shop.events("queue.availability").map(({ payload }) => payload["available"])).toEqual([false]);
    expect(shop.logged("a queue's store does not answer")).toHaveLength(1);
    await pool.stop();
  });

  test("is none when the queue is closed after the workers", async () => {
    const shop = new Workshop();
    shop.listen();
    const pool = await shop.start();
    await pool.stop();
    await shop.queue.close();
    await shop.advance(60_000);
    expect(shop.events("queue.availability")).toEqual([]);
    expect(shop.logged("a queue's store does not answer")).toEqual([]);
  });

  test("does not end the loop when a wait for work fails", async () => {
    const shop = new Workshop();
    shop.define("t", () => 0);
    const waitForWork = shop.queue.waitForWork.bind(shop.queue);
    let fails = 3;
    shop.queue.waitForWork = (...args) =>
      fails-- > 0
        ? Promise.reject(
            new QueueUnavailableError({ queue: "work", retryable: true, accepted: "no", ids: [] }),
          )
        : waitForWork(...args);
    await shop.start();
    await shop.advance(2_000);
    const id = await shop.enqueue("t");
    await shop.advance(500);
    expect((await shop.job(id)).status).toBe("completed");
  });

  test("nor does an error that no queue should throw", async () => {
    const shop = new Workshop();
    shop.define("t", () => 0);
    const exchange = shop.queue.exchange.bind(shop.queue);
    const waitForWork = shop.queue.waitForWork.bind(shop.queue);
    let broken = true;
    shop.queue.exchange = (request) => {
      if (broken) throw new TypeError("a bug");
      return exchange(request);
    };
    shop.queue.waitForWork = (...args) => {
      if (broken) throw new TypeError("another bug");
      return waitForWork(...args);
    };
    const id = await shop.enqueue("t");
    await shop.start();
    await shop.advance(1_000);
    expect(shop.logged("a queue answered with an unexpected error").length).toBeGreaterThan(2);
    broken = false;
    await shop.advance(6_000);
    expect((await shop.job(id)).status).toBe("completed");
  });

  test("by one settlement that the store cannot take does not hold up the others", async () => {
    const shop = new Workshop();
    shop.define("t", (input) => input);
    const exchange = shop.queue.exchange.bind(shop.queue);
    shop.queue.exchange = (request) => {
      if (request.settle.some((one) => one.kind === "complete" && one.result?.data === '"poison"'))
        throw new TypeError("a bug");
      return exchange(request);
    };
    const poison = await shop.enqueue("t", "poison");
    const others = await Promise.all(["a", "b"].map((input) => shop.enqueue("t", input)));
    await shop.start({ maxConcurrentTasks: 3 });
    await shop.advance(2_000);
    expect(await Promise.all(others.map(async (id) => (await shop.job(id)).status))).toEqual([
      "completed",
      "completed",
    ]);
    expect((await shop.job(poison)).status).toBe("running");
    expect(shop.logged("the outcome of a job could not be settled; it will run again")).toHaveLength(1);
  });
});
