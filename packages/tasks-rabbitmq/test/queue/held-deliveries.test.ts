import { ManualClock } from "@lexigram/conformance";
import type { Clock, Receipt } from "@lexigram/contracts";
import { describe, expect, test } from "vitest";
import { type Held, HeldDeliveries } from "../../src/queue/held-deliveries.ts";

const held = (name: string, deadline: number): Held => ({
  receipt: name as Receipt,
  message: {} as Held["message"],
  deadline,
});

function deliveries(clock: Clock): { book: HeldDeliveries; ended: string[] } {
  const ended: string[] = [];
  return { book: new HeldDeliveries({ clock, ended: ({ receipt }) => void ended.push(receipt) }), ended };
}

describe("leases that this process keeps", () => {
  test("end at their time, whether or not anybody asks, and not before", async () => {
    const clock = new ManualClock();
    const { book, ended } = deliveries(clock);
    book.add(held("b", 200));
    book.add(held("a", 100));
    expect(book.nextEndInMs()).toBe(100);
    await clock.advance(99);
    expect(ended).toEqual([]);
    await clock.advance(1);
    expect(ended).toEqual(["a"]);
    expect(book.get("a" as Receipt)).toBeUndefined();
    await clock.advance(100);
    expect([ended, book.size]).toEqual([["a", "b"], 0]);
    expect(book.nextEndInMs()).toBeUndefined();
  });

  test("end later, or sooner, when they are extended", async () => {
    const clock = new ManualClock();
    const { book, ended } = deliveries(clock);
    for (const name of ["a", "b"]) book.add(held(name, 100));
    expect(book.extend("a" as Receipt, 300)).toBe(true);
    expect(book.extend("b" as Receipt, 50)).toBe(true);
    expect(book.extend("c" as Receipt, 50)).toBe(false);
    await clock.advance(50);
    expect(ended).toEqual(["b"]);
    await clock.advance(249);
    expect(ended).toEqual(["b"]);
    await clock.advance(1);
    expect(ended).toEqual(["b", "a"]);
  });

  test("end also when a timer comes a fraction of a millisecond early", async () => {
    const manual = new ManualClock();
    const clock: Clock = {
      now: () => manual.now(),
      monotonic: () => manual.monotonic(),
      setTimer: (callback, ms) => manual.setTimer(callback, ms > 0.5 ? ms - 0.5 : ms),
    };
    const { book, ended } = deliveries(clock);
    book.add(held("a", 100));
    await manual.advance(100);
    expect(ended).toEqual(["a"]);
  });

  test("are forgotten with what was settled, and all at once with their channel", async () => {
    const clock = new ManualClock();
    const { book, ended } = deliveries(clock);
    for (const name of ["a", "b", "c"]) book.add(held(name, 100));
    book.remove("a" as Receipt);
    book.drop();
    await clock.advance(1_000);
    expect([ended, book.size, clock.pendingTimers]).toEqual([[], 0, 0]);
  });
});
