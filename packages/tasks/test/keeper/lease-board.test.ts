import { describe, expect, test } from "vitest";
import { type HeldLease, HeldLeases, NO_PLACE } from "../../src/keeper/held-leases.ts";
import { between, instant, leasePage, PAGE_LEASES, RECEIPT_BYTES } from "../../src/keeper/lease-board.ts";
import { SeenLeases } from "../../src/keeper/seen-leases.ts";

/** A board as both sides have it: each its own views of the same memory. */
function board(): { held: HeldLeases; seen: SeenLeases } {
  const pages: SharedArrayBuffer[] = [];
  let seen: SeenLeases | undefined;
  const held = new HeldLeases(({ memory }) => {
    pages.push(memory);
    seen?.addPage(leasePage(memory));
  });
  seen = new SeenLeases(
    new Int32Array(held.head.buffer),
    pages.map((memory) => leasePage(memory)),
  );
  return { held, seen };
}

const lease = (n: number, facts: Partial<HeldLease> = {}): HeldLease => ({
  queue: 1,
  task: 2,
  receipt: `${n}.job-${n}`,
  jobId: `job-${n}`,
  sentAt: 1_000,
  ...facts,
});

describe("a lease on the board", () => {
  test("is seen as it was written down, with its job, until it is taken off", () => {
    const { held, seen } = board();
    const place = held.add(lease(7));
    expect(seen.read(place, 1_250)).toMatchObject({
      queue: 1,
      task: 2,
      receipt: "7.job-7",
      jobId: "job-7",
      age: 250,
      left: undefined,
    });
    held.remove(place);
    expect(seen.read(place, 1_250)).toBeUndefined();
    expect([...seen.all(1_250)]).toEqual([]);
  });

  test("holds texts of any letters, and names no job that its receipt does not end with", () => {
    const { held, seen } = board();
    const place = held.add(lease(1, { receipt: "5.été-日本-🦉", jobId: "été-日本-🦉" }));
    expect(seen.read(place, 0)).toMatchObject({ receipt: "5.été-日本-🦉", jobId: "été-日本-🦉" });
    const other = held.add(lease(2, { receipt: "opaque", jobId: "j" }));
    expect(seen.read(other, 0)).toMatchObject({ receipt: "opaque", jobId: "" });
  });

  test("is refused when its receipt is longer than a place", () => {
    const { held, seen } = board();
    expect(held.add(lease(1, { receipt: "é".repeat(RECEIPT_BYTES / 2 + 1) }))).toBe(NO_PLACE);
    const place = held.add(lease(1, { receipt: "é".repeat(RECEIPT_BYTES / 2) }));
    expect(seen.read(place, 0)?.receipt).toHaveLength(RECEIPT_BYTES / 2);
  });

  test("has no limit, a limit, or one that is too far away to count", () => {
    const { held, seen } = board();
    const place = held.add(lease(1));
    held.runsUntil(place, 9_000, 1_000);
    expect(seen.read(place, 1_000)?.left).toBe(8_000);
    expect(seen.read(place, 9_500)?.left).toBe(-500);
    held.runsUntil(place, Infinity, 1_000);
    expect(seen.read(place, 1_000)?.left).toBe(Infinity);
    held.runsUntil(place, 1_000 + 30 * 24 * 60 * 60_000, 1_000);
    expect(seen.read(place, 1_000)?.left).toBe(Infinity);
  });

  test("is one of as many as there are, over several pages", () => {
    const { held, seen } = board();
    const count = 3 * PAGE_LEASES;
    const places = Array.from({ length: count }, (_, n) => held.add(lease(n)));
    expect(new Set(places).size).toBe(count);
    expect(held.pages).toHaveLength(3);
    expect(new Set([...seen.all(0)].map(({ receipt }) => receipt)).size).toBe(count);
    for (const place of places) held.remove(place);
    for (let n = 0; n < count; n++) held.add(lease(n));
    expect(held.pages).toHaveLength(3);
  });
});

describe("a renewal by the thread", () => {
  test("is read back by the loop, and counts from when it was sent", () => {
    const { held, seen } = board();
    const place = held.add(lease(1));
    expect(held.keptAt(place)).toBeUndefined();
    seen.kept(seen.read(place, 2_000)!, 2_000);
    expect(held.keptAt(place)).toBe(instant(2_000));
    expect(seen.read(place, 2_300)?.age).toBe(300);
  });

  test("of a lease that has changed hands meanwhile concerns nobody", () => {
    const { held, seen } = board();
    const place = held.add(lease(1));
    const read = seen.read(place, 1_500)!;
    held.remove(place);
    expect(held.add(lease(2, { sentAt: 1_600 }))).toBe(place);
    seen.kept(read, 1_500);
    expect(held.keptAt(place)).toBeUndefined();
    expect(seen.read(place, 1_700)).toMatchObject({ receipt: "2.job-2", age: 100 });
  });

  test("that is older than one of the loop makes the lease no older", () => {
    const { held, seen } = board();
    const place = held.add(lease(1));
    seen.kept(seen.read(place, 2_000)!, 2_000);
    held.renewed(place, 2_500);
    expect(seen.read(place, 2_600)?.age).toBe(100);
  });
});

describe("an instant of the board", () => {
  test("is told from another one also where the numbers go round", () => {
    const edge = 2 ** 31;
    expect(between(instant(edge - 100), instant(edge + 150))).toBe(250);
    expect(between(instant(2 ** 32 - 1), instant(2 ** 32 + 4))).toBe(5);
    expect(between(instant(5_000), instant(4_000))).toBe(-1_000);
  });
});

describe("the handler that has the loop", () => {
  test("is the one that was entered last and has not left", () => {
    const { held, seen } = board();
    const [first, second] = [held.add(lease(1)), held.add(lease(2))];
    expect(seen.current(0)).toBeUndefined();
    const outside = held.enter(first);
    const within = held.enter(second);
    expect(seen.current(0)?.receipt).toBe("2.job-2");
    held.leave(within);
    expect(seen.current(0)?.receipt).toBe("1.job-1");
    held.leave(outside);
    expect(seen.current(0)).toBeUndefined();
  });

  test("hears when it leaves whether the thread saw the loop stand still", () => {
    const { held, seen } = board();
    const place = held.add(lease(1));
    expect(held.leave(held.enter(place))).toBe(false);
    const before = held.enter(place);
    seen.mark("Blocked", true);
    expect(held.leave(before)).toBe(true);
    held.beat();
    expect(held.leave(held.enter(place))).toBe(false);
  });
});

describe("a sign of life", () => {
  test("is counted, and takes in what the thread did meanwhile, once", () => {
    const { held, seen } = board();
    const { beats } = seen;
    expect(held.beat()).toEqual({ givenUp: false, failed: 0 });
    expect(seen.beats).toBe(beats + 1);
    seen.mark("GivenUp", true);
    seen.failed();
    seen.failed();
    expect(held.beat()).toEqual({ givenUp: true, failed: 2 });
    expect(held.beat()).toEqual({ givenUp: false, failed: 0 });
  });
});
