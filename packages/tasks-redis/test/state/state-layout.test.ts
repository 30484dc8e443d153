import { describe, expect, test } from "vitest";
import { toOrderedText } from "../../src/state/ordered-text.ts";
import { StateLayout } from "../../src/state/state-layout.ts";

describe("the layout of the state", () => {
  test("names these keys and no others", () => {
    expect(new StateLayout("app", 1).keys).toEqual([
      "{app:state:0}:layout",
      "{app:state:tokens}:buckets",
      "{app:state:tokens}:full-at",
      "{app:state:0}:values",
      "{app:state:0}:order",
      "{app:state:0}:ends",
      "{app:state:0}:version",
      "{app:state:0}:permits",
      "{app:state:0}:permit-ends",
      "{app:state:0}:permit-times",
    ]);
    expect(new StateLayout("app", 16).keys).toHaveLength(3 + 16 * 7);
    expect(new StateLayout("app", 16).channel("jobs")).toBe("app:state:topic:jobs");
  });

  // What is stored under a key must be found by every later version: these do not change without a new layout.
  test.each([
    ["a", 6],
    ["progress:1", 8],
    ["progress:2", 7],
    ["ü\u0000\ud800", 6],
  ])("finds %j in its shard for ever", (key, shard) => {
    const layout = new StateLayout("app", 16);
    expect(layout.shards.indexOf(layout.shardOf(toOrderedText(key)))).toBe(shard);
  });

  test.each([2, 10, 16, 256])("spreads keys evenly over %d shards", (shards) => {
    const layout = new StateLayout("app", shards);
    const counts = new Map(layout.shards.map((shard) => [shard, 0]));
    for (let i = 0; i < shards * 1_000; i++) {
      const shard = layout.shardOf(`worker:host-${i}`);
      counts.set(shard, (counts.get(shard) ?? 0) + 1);
    }
    expect(Math.max(...counts.values())).toBeLessThan(1_250);
    expect(Math.min(...counts.values())).toBeGreaterThan(750);
  });
});
