import type { Clock, Timer } from "@lexigram/contracts";
import { describe, expect, test } from "vitest";
import { TaskWorker } from "../../src/worker/task-worker.ts";
import { Gate, turn, Workshop } from "./workshop.ts";

/** A clock of which one timer can be made to fire late, as a blocked event loop does. */
class LateClock implements Clock {
  #now = 0;
  readonly timers: { at: number; callback: () => void }[] = [];
  now(): number {
    return this.#now;
  }
  monotonic(): number {
    return this.#now;
  }
  setTimer(callback: () => void, delayMs: number): Timer {
    const timer = { at: this.#now + delayMs, callback };
    this.timers.push(timer);
    return {
      cancel: () => void (this.timers.includes(timer) && this.timers.splice(this.timers.indexOf(timer), 1)),
    };
  }
  /** Time passes without anything running, then everything that is due runs. */
  block(ms: number): void {
    this.#now += ms;
    const due = this.timers.filter(({ at }) => at <= this.#now);
    for (const timer of due) {
      this.timers.splice(this.timers.indexOf(timer), 1);
      timer.callback();
    }
  }
}

describe("a sign of life", () => {
  test("comes from each worker at every interval, with what it runs", async () => {
    const shop = new Workshop();
    shop.listen();
    const gate = new Gate();
    shop.define("t", () => gate.promise);
    await shop.enqueueAll("t", 3);
    const pool = await shop.start({ size: 2, maxConcurrentTasks: 2, settings: { heartbeatMs: 1_000 } });
    await shop.advance(2_100);
    const beats = shop.events("worker.heartbeat").map(({ payload }) => payload);
    expect(beats).toHaveLength(4);
    expect(beats.slice(0, 2).map(({ running, slots, lagMs }) => [running, slots, lagMs])).toEqual([
      [2, 2, 0],
      [1, 2, 0],
    ]);
    expect(new Set(beats.map(({ workerId }) => workerId))).toEqual(
      new Set(pool.getWorkerStats().map(({ workerId }) => workerId)),
    );
    gate.open();
    await pool.stop();
    await shop.advance(5_000);
    expect(shop.events("worker.heartbeat")).toHaveLength(4);
  });

  test("that comes late by more than a third of the lease warns, naming what runs", async () => {
    const shop = new Workshop();
    shop.listen();
    const clock = new LateClock();
    const gate = new Gate();
    shop.define("hog", () => gate.promise);
    await shop.enqueue("hog");
    await shop.start({ services: { clock }, settings: { heartbeatMs: 1_000 } });
    clock.block(1_000);
    expect(shop.logged("the event loop was blocked, so leases may have been lost")).toEqual([]);
    clock.block(6_500);
    const [warning] = shop.logged("the event loop was blocked, so leases may have been lost");
    expect(warning?.fields).toEqual({ blockedMs: 5_500, tasks: ["hog"], leases: "at-risk" });
    expect(shop.events("worker.blocked").map(({ payload }) => payload)).toEqual([warning?.fields]);
    gate.open();
  });

  test("names the task that blocked the loop also when it has ended since", async () => {
    const shop = new Workshop();
    const clock = new LateClock();
    const gate = new Gate();
    shop.define("hog", () => gate.promise);
    await shop.enqueue("hog");
    await shop.start({ services: { clock }, settings: { heartbeatMs: 1_000, graceMs: 0 } });
    const { timers } = clock;
    const held = timers.splice(0);
    clock.block(6_500);
    gate.open();
    await shop.settle();
    timers.push(...held);
    clock.block(0);
    expect(
      shop.logged("the event loop was blocked, so leases may have been lost")[0]?.fields["tasks"],
    ).toEqual(["hog"]);
  });

  test("stays silent about a blocked loop when it is told to", async () => {
    const shop = new Workshop();
    const clock = new LateClock();
    await shop.start({ services: { clock }, settings: { heartbeatMs: 1_000, onBlocked: "ignore" } });
    clock.block(30_000);
    expect(shop.logs.filter((line) => line.level === "warn")).toEqual([]);
  });
});

describe("a task worker", () => {
  test("is a pool of one, with an id, statistics and a busy flag", async () => {
    const shop = new Workshop();
    const gate = new Gate();
    shop.define("ok", () => gate.promise);
    shop.define("bad", () => Promise.reject(new Error("no")), { maxRetries: 0 });
    const { clock, logger, queue } = shop;
    const worker = new TaskWorker({
      workerId: "w-1",
      queue,
      handlers: shop,
      maxConcurrentTasks: 2,
      services: { clock, logger },
    });
    expect([worker.workerId, worker.isBusy(), worker.health().status]).toEqual(["w-1", false, "starting"]);
    await shop.enqueue("ok");
    await shop.enqueue("bad");
    await worker.start();
    for (let i = 0; i < 10; i++) await shop.settle();
    expect([worker.isBusy(), worker.health().status]).toEqual([true, "healthy"]);
    gate.open();
    await worker.stop();
    expect(worker.getStats()).toMatchObject({
      workerId: "w-1",
      jobsProcessed: 2,
      jobsSucceeded: 1,
      jobsFailed: 1,
      running: 0,
      slots: 2,
    });
    await turn();
    expect(worker.activity.busy).toBe(0);
  });

  test("reports progress from outside a handler when it was given a tracker", async () => {
    const shop = new Workshop();
    const written: unknown[] = [];
    const progress = {
      update: async (...args: unknown[]) => void written.push(args.slice(0, 3)),
      complete: async () => undefined,
      fail: async () => undefined,
      get: async () => undefined,
      subscribe: async function* () {},
    };
    const { queue } = shop;
    const worker = new TaskWorker({ queue, handlers: shop, services: { progress } });
    await worker.getProgressTracker("j")?.update(1, 2);
    expect(written).toEqual([["j", 1, 2]]);
    expect(new TaskWorker({ queue, handlers: shop }).getProgressTracker("j")).toBeUndefined();
  });

  test("has an id that no other process has, unless it is given one", () => {
    const shop = new Workshop();
    const ids = Array.from(
      { length: 20 },
      () => new TaskWorker({ queue: shop.queue, handlers: shop }).workerId,
    );
    expect(new Set(ids).size).toBe(20);
    expect(ids[0]).toContain(String(process.pid));
  });
});
