import { describe, expect, test } from "vitest";
import {
  GlobalRateLimiter,
  MemoryStateStore,
  QueueRateLimiter,
  type RateOptions,
  TaskConfigError,
} from "../../src/index.ts";
import { TestClock } from "../../src/testing.ts";

function services() {
  const clock = new TestClock();
  return { clock, state: new MemoryStateStore({ clock }) };
}

/** Notes the order in which promises resolve. */
function noted<T>(promises: readonly Promise<T>[]): { readonly order: number[]; readonly failed: unknown[] } {
  const order: number[] = [];
  const failed: unknown[] = [];
  for (const [i, promise] of promises.entries())
    promise.then(
      () => order.push(i),
      (error: unknown) => failed.push(error),
    );
  return { order, failed };
}

describe("GlobalRateLimiter", () => {
  test("lets a burst pass at once and then as many as the rate says", async () => {
    const { clock, state } = services();
    const limiter = new GlobalRateLimiter({ rate: 2, per: "1s", burst: 3, clock, state });
    const passed = async (): Promise<number> => {
      let n = 0;
      while (await limiter.tryAcquire()) n++;
      return n;
    };
    expect(await passed()).toBe(3);
    await clock.advance("1s");
    expect(await passed()).toBe(2);
    await clock.advance("10s");
    expect(await passed()).toBe(3);
  });

  test("takes rate for the burst, and a second for the span, when they are not given", async () => {
    const { clock, state } = services();
    const limiter = new GlobalRateLimiter({ rate: 2, clock, state });
    expect([await limiter.tryAcquire(), await limiter.tryAcquire(), await limiter.tryAcquire()]).toEqual([
      true,
      true,
      false,
    ]);
    await clock.advance(500);
    expect(await limiter.tryAcquire()).toBe(true);
  });

  test("serves those who wait in the order in which they came", async () => {
    const { clock, state } = services();
    const limiter = new GlobalRateLimiter({ rate: 1, clock, state });
    const { order } = noted(Array.from({ length: 4 }, () => limiter.acquire()));
    await clock.settle();
    expect(order).toEqual([0]);
    await clock.advance("1s");
    expect(order).toEqual([0, 1]);
    expect(await limiter.tryAcquire()).toBe(false);
    await clock.advance("2s");
    expect(order).toEqual([0, 1, 2, 3]);
  });

  test("lets one who waits go away without cost to the others, and leaves no timer behind", async () => {
    const { clock, state } = services();
    const limiter = new GlobalRateLimiter({ rate: 1, clock, state });
    const gone = new AbortController();
    const waiting = [limiter.acquire(), limiter.acquire({ signal: gone.signal }), limiter.acquire()];
    const { order, failed } = noted(waiting);
    await clock.settle();
    gone.abort(new Error("changed my mind"));
    await clock.advance("1s");
    expect(failed).toEqual([new Error("changed my mind")]);
    expect(order).toEqual([0, 2]);
    const last = new AbortController();
    const alone = limiter.acquire({ signal: last.signal });
    await clock.settle();
    last.abort(new Error("me too"));
    await expect(alone).rejects.toThrow("me too");
    expect(clock.pendingTimers).toBe(0);
  });

  test("refuses a signal that is aborted already", async () => {
    const limiter = new GlobalRateLimiter({ rate: 1 });
    await expect(limiter.acquire({ signal: AbortSignal.abort(new Error("late")) })).rejects.toThrow("late");
    expect(await limiter.tryAcquire()).toBe(true);
  });

  test("is one limit for all that have its name and store", async () => {
    const { clock, state } = services();
    const [one, two, other] = ["api", "api", "web"].map(
      (name) => new GlobalRateLimiter({ rate: 1, name, clock, state }),
    );
    expect(await one!.tryAcquire()).toBe(true);
    expect(await two!.tryAcquire()).toBe(false);
    expect(await other!.tryAcquire()).toBe(true);
  });

  test("tells who waits when its store fails, and serves the next", async () => {
    const { clock, state } = services();
    const take = state.takeTokens.bind(state);
    let fails = true;
    state.takeTokens = (...args) => (fails ? Promise.reject(new Error("away")) : take(...args));
    const limiter = new GlobalRateLimiter({ rate: 1, clock, state });
    const { order, failed } = noted([limiter.acquire(), limiter.acquire()]);
    await clock.settle();
    fails = false;
    await clock.advance(10);
    expect(failed).toEqual([new Error("away")]);
    expect(order).toEqual([1]);
  });

  test.each<[string, unknown, string]>([
    ["rate", { rate: 0 }, "rate"],
    ["rate", { rate: Number.NaN }, "rate"],
    ["per", { rate: 1, per: 0 }, "per"],
    ["burst", { rate: 1, burst: 0.5 }, "burst"],
    ["name", { rate: 1, name: "" }, "name"],
    ["an unknown option", { rate: 1, brust: 2 }, "brust"],
    ["what is no object", 5, "options"],
  ])("refuses %s by name: %j", (_what, options, path) => {
    const make = (): unknown => new GlobalRateLimiter(options as RateOptions);
    expect(make).toThrow(TaskConfigError);
    expect(make).toThrow(expect.objectContaining({ fields: { path } }));
  });
});

describe("QueueRateLimiter", () => {
  test("limits each queue by itself, and none that has no limit", async () => {
    const { clock, state } = services();
    const limiter = new QueueRateLimiter({ clock, state });
    limiter.addLimit("mail", { rate: 1 });
    limiter.addLimit("crm", { rate: 1 });
    expect(await limiter.tryAcquire("mail")).toBe(true);
    expect(await limiter.tryAcquire("mail")).toBe(false);
    expect(await limiter.tryAcquire("crm")).toBe(true);
    for (let i = 0; i < 10; i++) expect(await limiter.tryAcquire("free")).toBe(true);
    await limiter.acquire("free");
    expect(limiter.removeLimit("mail")).toBe(true);
    expect(limiter.removeLimit("mail")).toBe(false);
    expect(await limiter.tryAcquire("mail")).toBe(true);
  });

  test("spends nothing of a queue's limit when the global one refuses, and the other way round", async () => {
    const { clock, state } = services();
    const global = new GlobalRateLimiter({ rate: 1, per: "10s", clock, state });
    const limiter = new QueueRateLimiter({ global });
    limiter.addLimit("mail", { rate: 1, per: "1m", burst: 1 });
    limiter.addLimit("crm", { rate: 1, per: "1m", burst: 1 });
    expect(await limiter.tryAcquire("crm")).toBe(true);
    // The global one is spent: mail must keep what it has.
    for (let i = 0; i < 5; i++) expect(await limiter.tryAcquire("mail")).toBe(false);
    await clock.advance("10s");
    // That of crm is spent: the global one must keep what it has.
    for (let i = 0; i < 5; i++) expect(await limiter.tryAcquire("crm")).toBe(false);
    expect(await limiter.tryAcquire("mail")).toBe(true);
    expect(await limiter.tryAcquire("free")).toBe(false);
  });

  test("waits for both limits", async () => {
    const { clock, state } = services();
    const global = new GlobalRateLimiter({ rate: 1, per: "3s", clock, state });
    const limiter = new QueueRateLimiter({ global });
    limiter.addLimit("mail", { rate: 1 });
    const { order } = noted([limiter.acquire("mail"), limiter.acquire("mail")]);
    await clock.advance("2s");
    expect(order).toEqual([0]);
    await clock.advance("1s");
    expect(order).toEqual([0, 1]);
  });

  test("refuses a global limit that counts elsewhere", () => {
    const global = new GlobalRateLimiter({ rate: 1 });
    expect(() => new QueueRateLimiter({ global, state: services().state })).toThrow(
      expect.objectContaining({ fields: { path: "global" } }),
    );
    expect(() => new QueueRateLimiter({ global: {} as GlobalRateLimiter })).toThrow(TaskConfigError);
  });

  test("refuses a limit that is none", () => {
    const limiter = new QueueRateLimiter();
    expect(() => limiter.addLimit("mail", { rate: -1 })).toThrow(TaskConfigError);
    expect(() => limiter.addLimit("", { rate: 1 })).toThrow(TaskConfigError);
  });
});
