import {
  LockLostError,
  LockTimeoutError,
  RemoteTaskError,
  type StateStoreProtocol,
} from "@lexigram/contracts";
import { ManualClock } from "@lexigram/conformance";
import { describe, expect, test } from "vitest";
import { IdempotencyManager, type IdempotencyClaim, MemoryStateStore } from "../../src/index.ts";
import { RecordingLogger } from "../dispatch/producer.ts";
import { overlaid } from "../schedule/workshop.ts";

class Keys {
  readonly clock = new ManualClock();
  readonly state = new MemoryStateStore({ clock: this.clock });
  readonly logger = new RecordingLogger();
  manager(own: Partial<StateStoreProtocol> = {}): IdempotencyManager {
    const state = overlaid<StateStoreProtocol>(this.state, own);
    return new IdempotencyManager({ state, clock: this.clock, logger: this.logger });
  }
}

async function claimed(manager: IdempotencyManager, key: string): Promise<IdempotencyClaim> {
  const acquired = await manager.acquire(key);
  if (!acquired.acquired) throw new Error(`key ${key} is taken`);
  return acquired.claim;
}

describe("a key", () => {
  test("is acquired by one, and tells the others what came of it for a day", async () => {
    const keys = new Keys();
    const [one, two] = [keys.manager(), keys.manager()];
    const all = await Promise.all([one.acquire("pay:7"), two.acquire("pay:7"), two.acquire("pay:7")]);
    expect(all.map(({ acquired }) => acquired)).toEqual([true, false, false]);
    expect(all[1]).toMatchObject({ record: { key: "pay:7", status: "in_progress" } });
    const claim = all[0].acquired ? all[0].claim : undefined;
    expect(await one.complete(claim!, { charged: 5 })).toBe(true);
    expect(await two.acquire("pay:7")).toMatchObject({
      acquired: false,
      record: { status: "completed", result: { charged: 5 } },
    });
    await keys.clock.advance(86_399_000);
    expect(await two.checkDuplicate("pay:7")).toMatchObject({ status: "completed" });
    await keys.clock.advance(1_000);
    expect(await two.checkDuplicate("pay:7")).toBeUndefined();
  });

  test("is held as long as its work goes on, and free after the lease of a process that died", async () => {
    const keys = new Keys();
    const claim = await claimed(keys.manager(), "a");
    await keys.clock.advance(3_600_000);
    expect([claim.held, (await keys.manager().acquire("a")).acquired]).toEqual([true, false]);
    const dead = keys.manager({ touch: () => new Promise(() => {}) });
    await claimed(dead, "b");
    await keys.clock.advance(59_000);
    expect((await keys.manager().acquire("b")).acquired).toBe(false);
    await keys.clock.advance(1_000);
    expect((await keys.manager().acquire("b")).acquired).toBe(true);
  });

  test("is not completed by who lost it", async () => {
    const keys = new Keys();
    const dead = keys.manager({ touch: () => new Promise(() => {}) });
    const lost = await claimed(dead, "a");
    await keys.clock.advance(60_000);
    expect(lost.signal.reason).toBeInstanceOf(LockLostError);
    const next = await claimed(keys.manager(), "a");
    expect(next.fencing).toBeGreaterThan(lost.fencing);
    expect(await dead.complete(lost, "late")).toBe(false);
    expect(await keys.manager().complete(next, "mine").catch(String)).toBe(true);
    expect(await dead.fail(lost, new Error("late"))).toBe(false);
    expect(await keys.manager().checkDuplicate("a")).toMatchObject({ result: "mine" });
  });

  test("that failed is begun again, or stays failed where that is asked for", async () => {
    const keys = new Keys();
    const manager = keys.manager();
    await manager.fail(await claimed(manager, "a"), new Error("no luck"));
    expect(await manager.acquire("a", { onFailed: "keep" })).toMatchObject({
      acquired: false,
      record: { status: "failed", error: { message: "no luck" } },
    });
    expect((await manager.acquire("a")).acquired).toBe(true);
  });

  test("that was given back or forgotten is new", async () => {
    const keys = new Keys();
    const manager = keys.manager();
    const claim = await claimed(manager, "a");
    expect([await manager.release(claim), await manager.release(claim)]).toEqual([true, false]);
    await manager.complete(await claimed(manager, "a"));
    expect([await manager.forget("a"), await manager.forget("a")]).toEqual([true, false]);
    expect((await manager.acquire("a")).acquired).toBe(true);
  });

  test("counts as completed for who did not hear that it said so", async () => {
    const keys = new Keys();
    const manager = keys.manager();
    const claim = await claimed(manager, "a");
    expect(await manager.complete(claim, 1)).toBe(true);
    expect(await manager.complete(claim, 1)).toBe(true);
    expect(await manager.fail(claim, new Error("no"))).toBe(false);
  });

  test("runs work once, and gives its result to those who wait for it", async () => {
    const keys = new Keys();
    let ran = 0;
    let finish = (_value: string): void => {};
    const work = (): Promise<string> => {
      ran++;
      return new Promise((resolve) => (finish = resolve));
    };
    const all = [1, 2, 3].map(() => keys.manager().run("a", work));
    const impatient = keys.manager().run("a", work, { waitTimeout: "5s" });
    const outcome = impatient.catch((error: unknown) => error);
    await keys.clock.advance(5_000);
    expect(await outcome).toBeInstanceOf(LockTimeoutError);
    finish("done");
    expect(await Promise.all(all)).toEqual(["done", "done", "done"]);
    expect([ran, await keys.manager().run("a", work)]).toEqual([1, "done"]);
    const abort = AbortSignal.abort(new Error("enough"));
    await expect(keys.manager().run("b", work, { signal: abort })).rejects.toThrow("enough");
  });

  test("whose work fails tells so, and is run again", async () => {
    const keys = new Keys();
    const manager = keys.manager();
    const failing = (): Promise<never> => Promise.reject(new Error("no luck"));
    await expect(manager.run("a", failing)).rejects.toThrow("no luck");
    const kept = manager.run("a", async () => 1, { onFailed: "keep" });
    await expect(kept).rejects.toBeInstanceOf(RemoteTaskError);
    expect(await manager.run("a", async () => 1)).toBe(1);
    await expect(
      manager.run("b", async () => void (await keys.state.delete("idempotency:b"))),
    ).rejects.toBeInstanceOf(LockLostError);
  });

  test("begins nothing while its store is away", async () => {
    const manager = new Keys().manager({ put: () => Promise.reject(new Error("away")) });
    let ran = 0;
    await expect(manager.run("a", async () => ran++)).rejects.toThrow("away");
    expect(ran).toBe(0);
  });

  test("is made of the task and the client's key, or of what the input says", () => {
    const manager = new Keys().manager();
    expect(manager.generateKey("pay", {}, "client")).toBe("pay:client");
    expect(manager.generateKey("pay", { a: 1, b: [{ c: 2, d: 3 }] })).toBe(
      manager.generateKey("pay", { b: [{ d: 3, c: 2 }], a: 1 }),
    );
    expect(manager.generateKey("pay", { a: 1 })).not.toBe(manager.generateKey("pay", { a: 2 }));
    expect(() => manager.generateKey("pay", {}, "x".repeat(500))).toThrow("1 to 450");
  });
});
