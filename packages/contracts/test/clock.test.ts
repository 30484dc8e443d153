import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { systemClock } from "@lexigram/contracts";

const DAY = 86_400_000;

describe("systemClock", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test("fires a timer once, when its delay has passed", () => {
    const fired = vi.fn();
    systemClock.setTimer(fired, 50);
    vi.advanceTimersByTime(49);
    expect(fired).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(fired).toHaveBeenCalledTimes(1);
    vi.advanceTimersByTime(1_000);
    expect(fired).toHaveBeenCalledTimes(1);
  });

  test("keeps a timer beyond 24.8 days, where Node's own would fire at once", () => {
    const fired = vi.fn();
    systemClock.setTimer(fired, 60 * DAY);
    vi.advanceTimersByTime(59 * DAY);
    expect(fired).not.toHaveBeenCalled();
    vi.advanceTimersByTime(DAY);
    expect(fired).toHaveBeenCalledTimes(1);
  });

  test("takes a timer back, also a far one that was re-armed", () => {
    const fired = vi.fn();
    const timer = systemClock.setTimer(fired, 60 * DAY);
    vi.advanceTimersByTime(30 * DAY);
    timer.cancel();
    vi.advanceTimersByTime(60 * DAY);
    expect(fired).not.toHaveBeenCalled();
    expect(vi.getTimerCount()).toBe(0);
  });

  test("counts a negative delay as none", () => {
    const fired = vi.fn();
    systemClock.setTimer(fired, -5);
    vi.advanceTimersByTime(1);
    expect(fired).toHaveBeenCalledTimes(1);
  });
});
