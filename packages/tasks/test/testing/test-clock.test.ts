import { describe, expect, test } from "vitest";
import { TestClock } from "../../src/testing/test-clock.ts";

describe("a test's clock", () => {
  test("stands still until it is moved", async () => {
    const clock = new TestClock({ now: 1_000 });
    await clock.settle();
    expect([clock.now(), clock.monotonic()]).toEqual([1_000, 0]);
    await clock.advance("1m30s");
    expect([clock.now(), clock.monotonic()]).toEqual([91_000, 90_000]);
  });

  test("fires timers in order, each at its own moment", async () => {
    const clock = new TestClock();
    const fired: [string, number][] = [];
    const set = (name: string, ms: number): void => {
      clock.setTimer(() => fired.push([name, clock.monotonic()]), ms);
    };
    set("late", 300);
    set("early", 100);
    set("early too", 100);
    set("beyond", 301);
    await clock.advance(300);
    expect(fired).toEqual([
      ["early", 100],
      ["early too", 100],
      ["late", 300],
    ]);
    expect(clock.pendingTimers).toBe(1);
    expect(clock.nextTimerInMs).toBe(1);
  });

  test("lets what a timer set off finish before the next one fires", async () => {
    const clock = new TestClock();
    const told: string[] = [];
    clock.setTimer(() => {
      void (async () => {
        for (let i = 0; i < 50; i++) await Promise.resolve();
        told.push("first is done");
      })();
    }, 10);
    clock.setTimer(() => told.push("second"), 20);
    await clock.advance(20);
    expect(told).toEqual(["first is done", "second"]);
  });

  test("reaches a timer that a timer has set, however far it is moved at once", async () => {
    const clock = new TestClock();
    const at: number[] = [];
    const again = (): void => {
      at.push(clock.monotonic());
      if (at.length < 4) clock.setTimer(again, 1_000);
    };
    clock.setTimer(again, 1_000);
    await clock.advance("30d");
    expect(at).toEqual([1_000, 2_000, 3_000, 4_000]);
  });

  test("does not fire what was taken back", async () => {
    const clock = new TestClock();
    let fired = 0;
    const timer = clock.setTimer(() => fired++, 10);
    timer.cancel();
    timer.cancel();
    const immediate = clock.setTimer(() => fired++, 0);
    immediate.cancel();
    await clock.advance(100);
    expect(fired).toBe(0);
    expect(clock.pendingTimers).toBe(0);
  });

  test("fires a timer without delay by itself", async () => {
    const clock = new TestClock();
    await new Promise<void>((resolve) => clock.setTimer(resolve, 0));
    expect(clock.monotonic()).toBe(0);
  });

  test("lets moves at the same time follow one another", async () => {
    const clock = new TestClock();
    const at: number[] = [];
    for (const ms of [5, 10, 15]) clock.setTimer(() => at.push(clock.monotonic()), ms);
    await Promise.all([clock.advance(5), clock.advance(5), clock.advance(5)]);
    expect(at).toEqual([5, 10, 15]);
  });

  test("waits for what it watches while calls are in flight", async () => {
    const clock = new TestClock();
    const work = { busy: 1, turn: 0, running: 0 };
    using watching = clock.watch(work);
    let done = false;
    void (async () => {
      for (let i = 0; i < 200; i++) await new Promise((resolve) => setImmediate(resolve));
      done = true;
      work.busy = 0;
      work.turn++;
    })();
    await clock.settle();
    expect(done).toBe(true);
    expect(watching).toBeDefined();
  });

  test("hands on what a timer throws, and still moves afterwards", async () => {
    const clock = new TestClock();
    clock.setTimer(() => {
      throw new Error("from a timer");
    }, 5);
    await expect(clock.advance(10)).rejects.toThrow("from a timer");
    await clock.advance(5);
    expect(clock.monotonic()).toBe(10);
  });

  test("refuses a span that is none", () => {
    const clock = new TestClock();
    expect(() => clock.advance("5 minutes" as never)).toThrow(/is not a duration/);
  });
});
