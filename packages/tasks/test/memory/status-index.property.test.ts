import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { JobEntry } from "../../src/memory/job-entry.ts";
import { StatusIndex } from "../../src/memory/status-index.ts";
import { job } from "./jobs.ts";

/** Reads all pages. */
function read(index: StatusIndex, limit: number, look: number, backwards: boolean): JobEntry[] {
  const found: JobEntry[] = [];
  let after: number | undefined;
  do {
    const page = index.page(after, limit, look, undefined, backwards);
    expect(page.entries.length).toBeLessThanOrEqual(limit);
    found.push(...page.entries);
    after = page.next;
  } while (after !== undefined);
  return found;
}

describe("an index of entries", () => {
  test("is read in order, page by page, over any gaps and rebuilds", () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(10), { maxLength: 1_500, size: "max" }),
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 9, max: 30 }),
        (steps, limit, look) => {
          const index = new StatusIndex();
          const model: JobEntry[] = [];
          for (const [stamp, step] of steps.entries())
            if (step < 6) {
              const entry = new JobEntry(job(), {}, 0, stamp);
              index.append(entry, stamp);
              model.push(entry);
            } else {
              const [gone] = model.splice(Math.floor((model.length * (step - 6)) / 4), 1);
              if (gone !== undefined) index.remove(gone);
            }
          expect(index.size).toBe(model.length);
          expect(index.first).toBe(model[0]);
          expect(read(index, limit, look, false)).toEqual(model);
          expect(read(index, limit, look, true)).toEqual(model.toReversed());
        },
      ),
    );
  });

  test("finds the place of a cursor again after the entries before it are gone", () => {
    const index = new StatusIndex();
    const entries = Array.from({ length: 1_000 }, (_, i) => new JobEntry(job(), {}, 0, i));
    for (const [i, entry] of entries.entries()) index.append(entry, i);
    const { next } = index.page(undefined, 500, 5_000, undefined);
    for (const entry of entries.slice(0, 490)) index.remove(entry);
    for (let i = 1_000; i < 3_000; i++) index.append(new JobEntry(job(), {}, 0, i), i);
    expect(index.page(next, 1, 5_000, undefined).entries).toEqual([entries[500]]);
  });
});
