import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { JobEntry } from "../../src/memory/job-entry.ts";
import { JobTable } from "../../src/memory/job-table.ts";
import { job } from "./jobs.ts";

describe("a table of jobs", () => {
  test("finds what was added and not deleted, like a map", () => {
    const id = fc.oneof(fc.nat(300).map(String), fc.string({ unit: "grapheme", minLength: 1, maxLength: 3 }));
    fc.assert(
      fc.property(fc.array(id, { maxLength: 900, size: "max" }), fc.integer(), (ids, seed) => {
        const table = new JobTable(seed);
        const model = new Map<string, JobEntry>();
        for (const next of ids) {
          const known = model.get(next);
          expect(table.get(next)).toBe(known);
          if (known === undefined) {
            const entry = new JobEntry(job({ id: next }), {}, 0, 0);
            table.add(entry);
            model.set(next, entry);
          } else {
            table.delete(known);
            model.delete(next);
          }
        }
        expect(table.size).toBe(model.size);
        expect(new Set(table.values())).toEqual(new Set(model.values()));
        for (const next of ids) expect(table.has(next)).toBe(model.has(next));
      }),
    );
  });

  test("grows and shrinks with what it holds", () => {
    const table = new JobTable(7);
    const entries = Array.from({ length: 20_000 }, (_, i) => new JobEntry(job({ id: `job-${i}` }), {}, 0, i));
    for (const entry of entries) table.add(entry);
    for (const entry of entries.slice(10)) table.delete(entry);
    expect([...table.values()].toSorted((a, b) => a.seq - b.seq)).toEqual(entries.slice(0, 10));
    for (const entry of entries) expect(table.get(entry.id)).toBe(entry.seq < 10 ? entry : undefined);
  });
});
