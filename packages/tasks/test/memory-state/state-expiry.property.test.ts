import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Expiring, ExpiryHeap } from "../../src/memory/state-expiry.ts";

const step = fc.record({
  item: fc.integer({ min: 0, max: 19 }),
  deadline: fc.option(fc.integer({ min: 0, max: 100 }), { nil: Infinity }),
  remove: fc.boolean(),
});

describe("what expires", () => {
  test("comes out in the order of its latest deadline, and what was removed does not", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const heap = new ExpiryHeap<Expiring>();
        const items = Array.from({ length: 20 }, (): Expiring => ({ deadline: Infinity, heapIndex: -1 }));
        const held = new Map<Expiring, number>();
        for (const { item, deadline, remove } of steps) {
          const one = items[item] as Expiring;
          if (remove) heap.remove(one);
          else heap.schedule(one, deadline);
          if (remove || deadline === Infinity) held.delete(one);
          else held.set(one, deadline);
          expect(heap.size).toBe(held.size);
        }
        const expected = [...held.values()].toSorted((a, b) => a - b);
        const half = expected[Math.floor(expected.length / 2)] ?? 0;
        const came: number[] = [];
        for (const now of [half, 1_000])
          for (let due = heap.takeDue(now); due !== undefined; due = heap.takeDue(now)) {
            expect(due.deadline).toBeLessThanOrEqual(now);
            expect(due.deadline).toBe(held.get(due));
            came.push(due.deadline);
          }
        expect(came).toEqual(expected);
      }),
    );
  });
});
