import { describe, expect, test } from "vitest";
import { type Bootable, bootLevels } from "../src/boot-levels.ts";
import { ProviderCycleError, ProviderDependencyError, ProviderDuplicateError } from "../src/index.ts";

const provider = (
  name: string,
  priority: number,
  dependencies: string[] = [],
  optional: string[] = [],
): Bootable => ({
  name,
  priority,
  dependencies,
  optionalDependencies: optional,
});

const names = (providers: readonly Bootable[]): string[][] =>
  bootLevels(providers).map((level) => level.map(({ name }) => name));

describe("order", () => {
  test("a lower priority comes first, and equals share a level", () => {
    expect(names([provider("b", 30), provider("a", 10), provider("c", 30)])).toEqual([["a"], ["b", "c"]]);
  });

  test("a dependency parts equals", () => {
    expect(names([provider("b", 30, ["a"]), provider("a", 30), provider("c", 30)])).toEqual([
      ["a", "c"],
      ["b"],
    ]);
  });

  test("a dependency beats priority", () => {
    expect(names([provider("early", 0, ["late"]), provider("late", 90), provider("mid", 30)])).toEqual([
      ["mid"],
      ["late"],
      ["early"],
    ]);
  });

  test("an optional dependency counts if it is there", () => {
    expect(names([provider("b", 30, [], ["a", "nobody"]), provider("a", 30)])).toEqual([["a"], ["b"]]);
  });
});

describe("refusals", () => {
  test("a missing dependency is named with the nearest one", () => {
    const order = (): unknown => names([provider("api", 30, ["databse"]), provider("database", 10)]);
    expect(order).toThrow(ProviderDependencyError);
    expect(order).toThrow(
      expect.objectContaining({ fields: { provider: "api", dependency: "databse", nearest: "database" } }),
    );
  });

  test("a circle is named", () => {
    const order = (): unknown =>
      names([provider("a", 1, ["b"]), provider("b", 1, [], ["c"]), provider("c", 1, ["a"])]);
    expect(order).toThrow(ProviderCycleError);
    expect(order).toThrow(expect.objectContaining({ fields: { path: ["a", "b", "c", "a"] } }));
  });

  test("a name may be used once", () => {
    expect(() => names([provider("a", 1), provider("a", 2)])).toThrow(ProviderDuplicateError);
  });
});
