import { ManualClock } from "@lexigram/conformance";
import { describe, expect, test } from "vitest";
import { TimerWheel, WheelTimer } from "../../src/worker/timer-wheel.ts";

class Probe extends WheelTimer {
  readonly firedAt: number[] = [];
  readonly #clock: ManualClock;
  readonly #onFire: (() => void) | undefined;
  constructor(clock: ManualClock, onFire?: () => void) {
    super();
    this.#clock = clock;
    this.#onFire = onFire;
  }
  fire(): void {
    this.firedAt.push(this.#clock.monotonic());
    this.#onFire?.();
  }
}

function setUp() {
  const clock = new ManualClock();
  const errors: unknown[] = [];
  return { clock, errors, wheel: new TimerWheel(clock, (error) => errors.push(error)) };
}

describe("a timer wheel", () => {
  test.each([1, 49, 50, 51, 1_000, 25_550, 25_600, 25_650, 100_000, 3_600_000])(
    "fires a timer of %d ms never early and at most one tick late",
    async (ms) => {
      const { clock, wheel } = setUp();
      await clock.advance(17);
      const probe = new Probe(clock);
      wheel.set(probe, clock.monotonic() + ms);
      await clock.advance(ms - 1);
      expect(probe.firedAt).toEqual([]);
      await clock.advance(51);
      expect(probe.firedAt).toHaveLength(1);
      expect(wheel.size).toBe(0);
    },
  );

  test.each([NaN, Infinity])("refuses %d, and leaves the timer as it was", async (at) => {
    const { clock, wheel } = setUp();
    const probe = new Probe(clock);
    wheel.set(probe, 100);
    expect(() => wheel.set(probe, at)).toThrow(RangeError);
    await clock.advance(150);
    expect([probe.firedAt.length, wheel.size]).toEqual([1, 0]);
  });

  test("sets one timer of the clock at most, and none when it has nothing to fire", async () => {
    const { clock, wheel } = setUp();
    for (let i = 0; i < 100; i++) wheel.set(new Probe(clock), 5_000 - i * 40);
    expect(clock.pendingTimers).toBe(1);
    await clock.advance(6_000);
    expect(clock.pendingTimers).toBe(0);
  });

  test("wakes for the next occupied tick only", async () => {
    const { clock, wheel } = setUp();
    let set = 0;
    const setTimer = clock.setTimer.bind(clock);
    clock.setTimer = (...args) => {
      set++;
      return setTimer(...args);
    };
    wheel.set(new Probe(clock), 20_000);
    await clock.advance(21_000);
    expect(set).toBe(1);
  });

  test("does not keep the process alive", () => {
    const clock = new ManualClock();
    const options: unknown[] = [];
    clock.setTimer = (_callback, _delay, given?: unknown) => {
      options.push(given);
      return { cancel: () => undefined };
    };
    new TimerWheel(clock, () => undefined).set(new Probe(clock), 100);
    expect(options).toEqual([{ keepAlive: false }]);
  });

  test("does not fire what was taken back, and fires once what was moved", async () => {
    const { clock, wheel } = setUp();
    const gone = new Probe(clock);
    const moved = new Probe(clock);
    wheel.set(gone, 1_000);
    wheel.set(moved, 1_000);
    wheel.set(moved, 3_000);
    wheel.remove(gone);
    wheel.remove(gone);
    await clock.advance(5_000);
    expect([gone.firedAt, moved.firedAt]).toEqual([[], [3_000]]);
  });

  test("lets a timer take back or set another one of the same tick", async () => {
    const { clock, wheel } = setUp();
    const victim = new Probe(clock);
    const later = new Probe(clock);
    const first = new Probe(clock, () => {
      wheel.remove(victim);
      wheel.set(later, clock.monotonic() + 100);
    });
    wheel.set(first, 500);
    wheel.set(victim, 500);
    wheel.set(later, 500);
    await clock.advance(1_000);
    expect([first.firedAt, victim.firedAt, later.firedAt]).toEqual([[500], [], [600]]);
  });

  test("fires in the order of ticks after the loop was blocked for longer than a round", async () => {
    const { clock, wheel } = setUp();
    const order: number[] = [];
    for (const at of [60_000, 200, 40_000, 100]) wheel.set(new Probe(clock, () => order.push(at)), at);
    await clock.advance(70_000);
    expect(order).toEqual([100, 200, 40_000, 60_000]);
  });

  test("goes on when a timer throws", async () => {
    const { clock, errors, wheel } = setUp();
    const after = new Probe(clock);
    wheel.set(
      new Probe(clock, () => {
        throw new Error("mine");
      }),
      100,
    );
    wheel.set(after, 100);
    await clock.advance(200);
    expect([errors.length, after.firedAt]).toEqual([1, [100]]);
  });

  test("forgets everything when it is cleared, and can be used again", async () => {
    const { clock, wheel } = setUp();
    const probe = new Probe(clock);
    wheel.set(probe, 100);
    wheel.clear();
    expect([wheel.size, clock.pendingTimers]).toEqual([0, 0]);
    wheel.set(probe, 200);
    await clock.advance(300);
    expect(probe.firedAt).toEqual([200]);
  });
});
