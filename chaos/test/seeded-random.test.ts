import { describe, expect, test } from "vitest";
import { SeededRandom } from "../src/seeded-random.ts";

const draws = (random: SeededRandom): number[] => Array.from({ length: 200 }, () => random.between(1, 50));

describe("seeded chance", () => {
  test("repeats itself for a seed and a salt, and not for others", () => {
    const first = draws(new SeededRandom(7, "zombie"));
    expect(draws(new SeededRandom(7, "zombie"))).toEqual(first);
    expect(draws(new SeededRandom(8, "zombie"))).not.toEqual(first);
    expect(draws(new SeededRandom(7, "client-kill"))).not.toEqual(first);
  });

  test("stays within its bounds and reaches both", () => {
    const all = Array.from({ length: 10 }, (_, seed) => draws(new SeededRandom(seed))).flat();
    expect(Math.min(...all)).toBe(1);
    expect(Math.max(...all)).toBe(50);
  });

  test("picks nothing from nothing", () => {
    expect(() => new SeededRandom(1).pick([])).toThrow("nothing to pick from");
    expect(["a", "b"]).toContain(new SeededRandom(1).pick(["a", "b"]));
  });
});
