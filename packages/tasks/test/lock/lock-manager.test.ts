import {
  type Clock,
  LockLostError,
  LockTimeoutError,
  type StateStoreProtocol,
  TaskConfigError,
} from "@lexigram/contracts";
import { ManualClock } from "@lexigram/conformance";
import { describe, expect, test } from "vitest";
import { LockManager, type LockManagerOptions, MemoryStateStore } from "../../src/index.ts";
import { overlaid } from "../schedule/workshop.ts";
import { RecordingLogger } from "../dispatch/producer.ts";

/** Managers as of several processes on one store, and a clock that a test moves. */
class Locks {
  readonly clock = new ManualClock();
  readonly state = new MemoryStateStore({ clock: this.clock });
  readonly logger = new RecordingLogger();
  manager(own: Partial<StateStoreProtocol> = {}, options: Partial<LockManagerOptions> = {}): LockManager {
    return new LockManager({
      state: overlaid<StateStoreProtocol>(this.state, own),
      clock: this.clock,
      logger: this.logger,
      ...options,
    });
  }
}

/** Whether a promise has settled by now. */
async function isOver(promise: Promise<unknown>): Promise<boolean> {
  let over = false;
  promise.then(
    () => (over = true),
    () => (over = true),
  );
  await new Promise((resolve) => setImmediate(resolve));
  return over;
}

describe("a lock", () => {
  test("has one holder at a time, and a number that rises", async () => {
    const locks = new Locks();
    const [one, two] = [locks.manager(), locks.manager()];
    const held = await one.acquire("report");
    expect(held).toMatchObject({ key: "report", held: true });
    expect(await two.tryAcquire("report")).toBeUndefined();
    expect(await two.tryAcquire("other")).toBeDefined();
    expect(await held.release()).toBe(true);
    expect(await held.release()).toBe(false);
    const next = await two.tryAcquire("report");
    expect(next?.fencing).toBeGreaterThan(held.fencing);
  });

  test("is renewed until it is given back", async () => {
    const locks = new Locks();
    const held = await locks.manager().acquire("report", { ttl: "10s" });
    await locks.clock.advance(3_600_000);
    expect(await held.isHeld()).toBe(true);
    expect(held.signal.aborted).toBe(false);
    expect(await locks.manager().tryAcquire("report")).toBeUndefined();
    await held.release();
    expect(locks.clock.pendingTimers).toBe(0);
  });

  test("ends after its time when it is not renewed", async () => {
    const locks = new Locks();
    const held = await locks.manager().acquire("report", { ttl: "10s", renew: false });
    await locks.clock.advance(9_000);
    expect(await held.extend()).toBe(true);
    await locks.clock.advance(9_000);
    expect(held.held).toBe(true);
    await locks.clock.advance(1_000);
    expect(held.held).toBe(false);
    expect(held.signal.reason).toBeInstanceOf(LockLostError);
    expect(() => held.throwIfLost()).toThrow(LockLostError);
    expect(await held.extend()).toBe(false);
    expect(await held.release()).toBe(false);
    expect(await locks.manager().tryAcquire("report")).toBeDefined();
  });

  test("is handed to who waits, in the order of arrival, before a newcomer", async () => {
    const locks = new Locks();
    const held = await locks.manager().acquire("report");
    const order: string[] = [];
    const waits = [];
    for (const name of ["a", "b", "c"]) {
      const waiting = locks.manager().acquire("report");
      waits.push(waiting);
      void waiting.then(() => order.push(name));
      await locks.clock.advance(10);
    }
    await held.release();
    expect(await locks.manager().tryAcquire("report")).toBeUndefined();
    for (const waiting of waits) {
      const lock = await waiting;
      await locks.clock.advance(10);
      await lock.release();
    }
    expect(order).toEqual(["a", "b", "c"]);
    const numbers = (await Promise.all(waits)).map(({ fencing }) => fencing);
    expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
  });

  test("waits no longer than it is told to, and leaves the line", async () => {
    const locks = new Locks();
    const held = await locks.manager().acquire("report");
    const waiting = locks.manager().acquire("report", { waitTimeout: "5s" });
    const outcome = waiting.catch((error: unknown) => error);
    await locks.clock.advance(4_999);
    expect(await isOver(waiting)).toBe(false);
    await locks.clock.advance(1);
    expect(await outcome).toMatchObject({
      code: "LEX_ERR_TASK_LOCK_TIMEOUT",
      fields: { key: "report", waitedMs: 5_000 },
    });
    await expect(locks.manager().acquire("report", { waitTimeout: 0 })).rejects.toBeInstanceOf(
      LockTimeoutError,
    );
    await held.release();
    expect(await locks.manager().tryAcquire("report")).toBeDefined();
    expect((await locks.state.list("lock-line:")).items).toEqual([]);
  });

  test("stops waiting when its signal is aborted, with that reason", async () => {
    const locks = new Locks();
    const held = await locks.manager().acquire("report");
    const abort = new AbortController();
    const waiting = locks.manager().acquire("report", { signal: abort.signal });
    await locks.clock.advance(1_500);
    abort.abort(new Error("enough"));
    await expect(waiting).rejects.toThrow("enough");
    await expect(locks.manager().acquire("x", { signal: abort.signal })).rejects.toThrow("enough");
    await held.release();
    expect(await locks.manager().tryAcquire("report")).toBeDefined();
  });

  test("that is given up in the moment in which it is had goes to the next one", async () => {
    const locks = new Locks();
    const held = await locks.manager().acquire("report");
    const abort = new AbortController();
    const waiting = locks
      .manager({
        delete: async (...args) => {
          const wasThere = await locks.state.delete(...args);
          if (args[0].startsWith("lock-line:")) abort.abort(new Error("enough"));
          return wasThere;
        },
      })
      .acquire("report", { signal: abort.signal });
    const outcome = waiting.catch((error: unknown) => error);
    await locks.clock.advance(10);
    await held.release();
    await locks.clock.advance(10);
    expect(await outcome).toMatchObject({ message: "enough" });
    expect(await locks.manager().tryAcquire("report")).toBeDefined();
  });

  test("goes to the next one when the first in line died", async () => {
    const locks = new Locks();
    const held = await locks.manager().acquire("report");
    // As of a process that ended while it waited: its place stays, and nobody takes up what it is handed.
    void locks.manager({ get: () => new Promise(() => {}) }).acquire("report");
    await locks.clock.advance(10);
    const waiting = locks.manager().acquire("report");
    await locks.clock.advance(10);
    await held.release();
    expect(await isOver(waiting)).toBe(false);
    await locks.clock.advance(6_000);
    expect((await waiting).held).toBe(true);
  });

  test("goes to the next one without a hint, by the poll", async () => {
    const locks = new Locks();
    const mute = { publish: async () => {} };
    const held = await locks.manager(mute).acquire("report");
    const waiting = locks.manager().acquire("report");
    await locks.clock.advance(500);
    await held.release();
    expect(await isOver(waiting)).toBe(false);
    await locks.clock.advance(1_000);
    expect((await waiting).held).toBe(true);
  });

  test("is lost when its holder stood still, before anything else of it runs", async () => {
    const locks = new Locks();
    // The holder's time stands still for all it knows; its timers fire late.
    const late = new ManualClock();
    const clock: Clock = {
      now: () => locks.clock.now(),
      monotonic: () => locks.clock.monotonic(),
      setTimer: late.setTimer.bind(late),
    };
    const frozen = locks.manager({}, { clock });
    const held = await frozen.acquire("report", { ttl: "10s" });
    await locks.clock.advance(10_000);
    const next = await locks.manager().tryAcquire("report");
    expect(next?.fencing).toBeGreaterThan(held.fencing);
    expect([held.held, held.signal.aborted]).toEqual([false, true]);
    expect(await held.isHeld()).toBe(false);
    expect(await held.release()).toBe(false);
    expect(await next?.isHeld()).toBe(true);
  });

  test("is lost when its entry is gone, at the next renewal", async () => {
    const locks = new Locks();
    const held = await locks.manager().acquire("report", { ttl: "9s" });
    await locks.state.delete("locks:report");
    await locks.clock.advance(3_000);
    expect(held.signal.aborted).toBe(true);
    expect(locks.logger.lines).toMatchObject([{ level: "warn", message: "a lock was lost" }]);
  });

  test("outlives a store that is away for less than its time, and no longer", async () => {
    const locks = new Locks();
    let away = false;
    const manager = locks.manager({
      touch: (...args) => (away ? Promise.reject(new Error("away")) : locks.state.touch(...args)),
    });
    const held = await manager.acquire("report", { ttl: "9s" });
    away = true;
    await locks.clock.advance(7_000);
    away = false;
    await locks.clock.advance(20_000);
    expect(held.held).toBe(true);
    away = true;
    await locks.clock.advance(9_000);
    expect(held.signal.aborted).toBe(true);
  });

  test("is taken up again by who did not hear that it had it", async () => {
    const locks = new Locks();
    let deaf = true;
    const manager = locks.manager({
      put: async (...args) => {
        const outcome = await locks.state.put(...args);
        if (deaf && args[0].startsWith("locks:")) {
          deaf = false;
          return { stored: false };
        }
        return outcome;
      },
    });
    expect((await manager.acquire("report", { waitTimeout: "3s" })).held).toBe(true);
  });

  test("runs work under it and gives it back, also when the work fails", async () => {
    const locks = new Locks();
    const manager = locks.manager();
    expect(await manager.withLock("report", ({ fencing }) => fencing > 0)).toBe(true);
    const failing = manager.withLock("report", () => Promise.reject(new Error("no luck")));
    await expect(failing).rejects.toThrow("no luck");
    expect(await manager.tryAcquire("report")).toBeDefined();
    const lost = manager.withLock("other", () => locks.clock.advance(1_000), { ttl: "1s", renew: false });
    await expect(lost).rejects.toBeInstanceOf(LockLostError);
  });

  test("is not held twice by one object", async () => {
    const locks = new Locks();
    const lock = locks.manager().lock("report");
    expect([lock.held, lock.fencing, await lock.isHeld(), await lock.release()]).toEqual([
      false,
      0,
      false,
      false,
    ]);
    await lock.acquire();
    await expect(lock.tryAcquire()).rejects.toMatchObject({ code: "LEX_ERR_TASK_VALIDATION" });
    await lock.release();
    expect(await lock.tryAcquire()).toBe(true);
  });

  test("is given back when its manager is closed, which ends all waits", async () => {
    const locks = new Locks();
    const manager = locks.manager();
    await manager.acquire("report");
    const waiting = manager.acquire("report");
    const outcome = waiting.catch((error: unknown) => error);
    await locks.clock.advance(10);
    await manager.close();
    expect(await outcome).toMatchObject({ code: "LEX_ERR_TASK_CLOSED" });
    await locks.clock.advance(10);
    expect(await locks.manager().tryAcquire("report")).toBeDefined();
    await expect(manager.acquire("x")).rejects.toMatchObject({ code: "LEX_ERR_TASK_CLOSED" });
  });

  test("refuses what it cannot be told", async () => {
    const locks = new Locks();
    const manager = locks.manager();
    expect(() => manager.lock("")).toThrow("1 to 450");
    expect(() => manager.lock("x", { ttl: 5 })).toThrow(TaskConfigError);
    expect(() => manager.lock("x", { tll: 5 } as object)).toThrow('has no option "tll"');
    await expect(manager.acquire("x", { timeout: 5 } as object)).rejects.toThrow('has no option "timeout"');
    await expect(manager.acquire("x", { waitTimeout: "soon" as never })).rejects.toThrow(TaskConfigError);
    expect(() => new LockManager({} as never)).toThrow("state of LockManager");
  });
});
