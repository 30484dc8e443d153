import type { StateEntry } from "@lexigram/contracts";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { mergedPage, type ReadStretch } from "../../src/state/merged-listing.ts";

interface Stored {
  readonly key: string;
  readonly ended: boolean;
}

/** Shards that pass over at most `budget` ended entries at a time. */
function shardsOf(shards: readonly (readonly Stored[])[], budget: number): ReadStretch {
  return async (shard, after, most) => {
    const all = shards[shard] ?? [];
    const entries: StateEntry[] = [];
    let ended = 0;
    for (const { key, ended: isEnded } of all) {
      if (after !== undefined && key <= after) continue;
      if (isEnded) ended++;
      else entries.push({ key, value: null, version: 1 });
      if (entries.length === most || ended === budget) return { entries, through: key };
    }
    return { entries };
  };
}

const stored = fc.uniqueArray(
  fc.record({ key: fc.string({ minLength: 1, maxLength: 3 }), ended: fc.boolean(), shard: fc.nat(4) }),
  { selector: ({ key }) => key, maxLength: 80 },
);

describe("pages merged over shards", () => {
  test("show every live entry once, in order, however unevenly they lie", async () => {
    await fc.assert(
      fc.asyncProperty(
        stored,
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 4 }),
        async (all, limit, budget) => {
          const ordered = all.toSorted((a, b) => (a.key < b.key ? -1 : 1));
          const shards = [0, 1, 2, 3, 4].map((n) => ordered.filter(({ shard }) => shard === n));
          const read = shardsOf(shards, budget);
          const seen: string[] = [];
          let cursor: string | undefined;
          do {
            const page = await mergedPage(shards.length, cursor, limit, read);
            expect(page.items.length).toBeLessThanOrEqual(limit);
            seen.push(...page.items.map(({ key }) => key));
            cursor = page.cursor;
          } while (cursor !== undefined);
          expect(seen).toEqual(ordered.filter(({ ended }) => !ended).map(({ key }) => key));
        },
      ),
      { numRuns: 500 },
    );
  });

  test("are full, but for the last, where no entry has ended", async () => {
    await fc.assert(
      fc.asyncProperty(stored, fc.integer({ min: 1, max: 9 }), async (all, limit) => {
        const live = all
          .map((one) => ({ ...one, ended: false }))
          .toSorted((a, b) => (a.key < b.key ? -1 : 1));
        const shards = [0, 1, 2, 3, 4].map((n) => live.filter(({ shard }) => shard === n));
        const page = await mergedPage(shards.length, undefined, limit, shardsOf(shards, 1));
        expect(page.items.length).toBe(Math.min(limit, live.length));
        expect(page.cursor === undefined).toBe(live.length <= limit);
      }),
      { numRuns: 500 },
    );
  });

  test("ask each shard once where keys are spread evenly", async () => {
    const live = Array.from({ length: 16_000 }, (_, i) => ({
      key: i.toString().padStart(5, "0"),
      ended: false,
    }));
    const shards = Array.from({ length: 16 }, (_, n) => live.filter((__, i) => i % 16 === n));
    const read = shardsOf(shards, 1_000);
    for (const limit of [1, 10, 100, 1_000]) {
      let calls = 0;
      const { items } = await mergedPage(16, "04999", limit, (...call) => {
        calls++;
        return read(...call);
      });
      expect(items.length).toBe(limit);
      expect(calls).toBe(16);
    }
  });
});
