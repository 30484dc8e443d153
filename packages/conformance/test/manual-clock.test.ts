import type { Timer } from "@lexigram/contracts";
import { describe, expect, test } from "vitest";
import { ManualClock } from "../src/index.ts";

describe("manual clock", () => {
  test("stands still until it is moved", async () => {
    const clock = new ManualClock(5_000);
    expect([clock.now(), clock.monotonic()]).toEqual([5_000, 0]);
    await clock.advance(250);
    expect([clock.now(), clock.monotonic()]).toEqual([5_250, 250]);
  });

  test("fires timers in the order of their times, ties in the order they were set, each at its instant", async () => {
    const clock = new ManualClock(0);
    const fired: string[] = [];
    const set = (name: string, at: number): unknown =>
      clock.setTimer(() => fired.push(`${name}@${clock.now()}`), at);
    set("late", 30);
    set("first", 10);
    set("tie", 10);
    set("never", 31);
    set("past", -5);
    await clock.advance(30);
    expect(fired).toEqual(["past@0", "first@10", "tie@10", "late@30"]);
    expect(clock.pendingTimers).toBe(1);
  });

  test("lets asynchronous work between timers finish, and fires what it sets on the way", async () => {
    const clock = new ManualClock(0);
    const fired: number[] = [];
    const tick = async (): Promise<void> => {
      await Promise.resolve();
      fired.push(clock.now());
      if (clock.now() < 50) clock.setTimer(() => void tick(), 10);
    };
    clock.setTimer(() => void tick(), 10);
    await clock.advance(45);
    expect(fired).toEqual([10, 20, 30, 40]);
  });

  test("does not fire a timer that was taken back, also by another timer of the same instant", async () => {
    const clock = new ManualClock();
    const fired: string[] = [];
    const timers: Timer[] = [];
    clock.setTimer(() => timers[0]?.cancel(), 10);
    timers.push(clock.setTimer(() => fired.push("second"), 10));
    clock.setTimer(() => fired.push("other"), 10).cancel();
    await clock.advance(20);
    expect(fired).toEqual([]);
  });

  test("refuses to go back", async () => {
    await expect(new ManualClock().advance(-1)).rejects.toThrow(RangeError);
  });
});
