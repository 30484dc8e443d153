import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SlotHeap } from "../../src/memory/slot-heap.ts";

interface Item {
  readonly name: number;
  slot: number;
}

class Heap extends SlotHeap<Item> {
  protected override slotOf(item: Item): number {
    return item.slot;
  }
  protected override place(item: Item, slot: number): void {
    item.slot = slot;
  }
}

describe("a slot heap", () => {
  test("gives the smallest first, whatever was moved or taken out", () => {
    const step = fc.record({ name: fc.nat(20), key: fc.option(fc.nat(5), { nil: undefined }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const heap = new Heap();
        const items = Array.from({ length: 21 }, (_, name): Item => ({ name, slot: -1 }));
        const model = new Map<number, number>();
        for (const { name, key } of steps) {
          const item = items[name] as Item;
          if (key === undefined) expect(heap.remove(item)).toBe(model.delete(name));
          else {
            heap.set(item, key, name);
            model.set(name, key);
          }
          expect(heap.size).toBe(model.size);
          expect(heap.topKey).toBe(Math.min(Number.POSITIVE_INFINITY, ...model.values()));
        }
        const order: number[] = [];
        for (let item = heap.shift(); item !== undefined; item = heap.shift()) order.push(item.name);
        expect(order).toEqual(
          [...model].toSorted((a, b) => a[1] - b[1] || a[0] - b[0]).map(([name]) => name),
        );
      }),
    );
  });
});
