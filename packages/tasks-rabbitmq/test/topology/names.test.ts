import { describe, expect, test } from "vitest";
import { bandOf, QueueNames } from "../../src/topology/names.ts";

describe("bands", () => {
  test("hold each priority from 0 to 20", () => {
    expect(Array.from({ length: 21 }, (_, priority) => bandOf(priority))).toEqual([
      ...Array<string>(5).fill("low"),
      ...Array<string>(5).fill("normal"),
      ...Array<string>(10).fill("high"),
      "critical",
    ]);
  });
});

describe("names of queues", () => {
  test("begin with namespace and queue, and stay within what the protocol allows", () => {
    const names = new QueueNames("n".repeat(64), "q".repeat(128));
    const all = [...names.bands, names.dead, names.workers, names.rung(2 ** 32)];
    for (const name of all) {
      expect(name.startsWith(`${"n".repeat(64)}.${"q".repeat(128)}.`)).toBe(true);
      expect(Buffer.byteLength(name)).toBeLessThanOrEqual(255);
    }
    expect(new Set(all).size).toBe(all.length);
  });
});
