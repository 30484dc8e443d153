import fc from "fast-check";
import { expect, test } from "vitest";
import { type Bootable, bootLevels } from "../src/boot-levels.ts";

/** Providers that depend on earlier ones of the list only, in any order. */
const providers = fc
  .array(
    fc.record({ priority: fc.integer({ min: 0, max: 4 }), needs: fc.array(fc.nat(), { maxLength: 3 }) }),
    { minLength: 1, maxLength: 12 },
  )
  .chain((drafts) => {
    const made = drafts.map(({ priority, needs }, index): Bootable => ({
      name: `p${index}`,
      priority,
      dependencies: index === 0 ? [] : [...new Set(needs.map((need) => `p${need % index}`))],
      optionalDependencies: [],
    }));
    return fc.shuffledSubarray(made, { minLength: made.length });
  });

test("everyone boots once, after all it depends on, and never before a lower priority without a reason", () => {
  fc.assert(
    fc.property(providers, (given) => {
      const levels = bootLevels(given);
      const levelOf = new Map(
        levels.flatMap((level, index) => level.map((one) => [one.name, index] as const)),
      );
      expect([...levelOf.keys()].sort()).toEqual(given.map(({ name }) => name).sort());
      for (const one of given)
        for (const dependency of one.dependencies)
          expect(levelOf.get(dependency)).toBeLessThan(levelOf.get(one.name)!);
      for (const one of given)
        for (const other of given)
          if (one.priority < other.priority && one.dependencies.length === 0)
            expect(levelOf.get(one.name)).toBeLessThan(levelOf.get(other.name)!);
    }),
  );
});
