import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import type { Cell } from "../src/driver.ts";
import { pictureOf } from "../src/plot/picture.ts";
import { type Benchmark, publish, type PublishedBenchmark } from "../src/published.ts";
import { ratiosOf } from "../src/ratios.ts";

const cell = (system: string, figures: Partial<Cell>, more: Partial<Cell> = {}): Cell => ({
  system,
  version: "1.0",
  store: "redis",
  workload: "W4",
  title: "drain",
  concurrency: 10,
  n: 100,
  runs: 5,
  spread: [1, 1],
  ...figures,
  ...more,
});
const drains = [
  cell("ours", { perSecond: 3_000, clientUs: 12, serverUs: 9, spread: [2_500, 3_200] }),
  cell("ours", { perSecond: 4_000 }, { variant: "keepCompleted: 0" }),
  cell("bullmq", { perSecond: 1_000, spread: [900, 1_100] }),
];
const pickups = [
  cell("ours", { p50Ms: 2 }, { workload: "W6", title: "idle <pickup>" }),
  cell("bullmq", { p50Ms: 5 }, { workload: "W6", title: "idle <pickup>" }),
];
const benchmark: Benchmark = {
  date: "2026-11-30",
  quick: false,
  runs: 5,
  stores: [
    {
      store: "redis",
      machine: "node v1, 2 × CPU, 4 GiB",
      settings: "redis 7, appendonly no",
      cells: [...drains, ...pickups],
      leftOut: ["B1 at 1"],
      failures: ["redis/bee-queue W5: it did not end\n    at somewhere"],
    },
  ],
};

describe("ratios", () => {
  test("say how many times as good ours is, of rates and of times", () => {
    expect(
      ratiosOf([...drains, ...pickups]).map(({ workload, variant, against, figure, times }) => [
        workload,
        variant,
        against,
        figure,
        times,
      ]),
    ).toEqual([
      ["W4", undefined, "bullmq", "perSecond", 3],
      ["W4", "keepCompleted: 0", "bullmq", "perSecond", 4],
      ["W6", undefined, "bullmq", "p50Ms", 2.5],
    ]);
  });

  test("compare nothing of another store, concurrency or figure", () => {
    const [ours] = drains;
    const others = [
      cell("bullmq", { perSecond: 1 }, { store: "postgres" }),
      cell("bullmq", { perSecond: 1 }, { concurrency: 1 }),
      cell("bullmq", { p50Ms: 1 }),
    ];
    expect(ratiosOf([ours!, ...others])).toEqual([]);
  });
});

describe("a published benchmark", () => {
  function published(given: Benchmark): { names: readonly string[]; data: PublishedBenchmark; page: string } {
    const folder = mkdtempSync(join(tmpdir(), "published-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const files = publish(folder, given);
    const [json, page] = files.map((file) => readFileSync(file, "utf8"));
    return {
      names: files.map((file) => file.slice(folder.length + 1)),
      data: JSON.parse(json!) as PublishedBenchmark,
      page: page!,
    };
  }

  test("is named after its day, and after its store where it has but one", () => {
    expect(published(benchmark).names).toEqual(["2026-11-30-bench-redis.json", "2026-11-30-bench-redis.md"]);
    const two = { ...benchmark, quick: true, stores: [...benchmark.stores, ...benchmark.stores] };
    expect(published(two).names[0]).toBe("2026-11-30-bench-quick.json");
  });

  test("holds as data all that was measured, and the ratios", () => {
    const { data } = published(benchmark);
    expect(data).toEqual({ ...benchmark, ratios: ratiosOf(benchmark.stores[0]!.cells) });
  });

  test("shows medians, spread, CPU, settings, ratios, and what there was no time for", () => {
    const { page } = published(benchmark);
    expect(page).toContain("node v1, 2 × CPU, 4 GiB; redis 7, appendonly no.");
    expect(page).toContain("3,000/s (2,500–3,200) client 12 µs, server 9 µs");
    expect(page).toContain("| W6, c=10, p50Ms | as shipped | 2.5× |");
    expect(page).toContain("There was no time for B1 at 1.");
    expect(page).toContain("Failed: redis/bee-queue W5: it did not end\n");
    expect(page).not.toContain("Never to be quoted");
    expect(published({ ...benchmark, quick: true }).page).toContain("**Never to be quoted.**");
  });
});

describe("the picture of a benchmark", () => {
  const picture = (given: Benchmark = benchmark): string => pictureOf({ ...given, ratios: [] });
  const bars = (svg: string): readonly (readonly [string, number])[] =>
    [...svg.matchAll(/<rect class="(ours|c\d)" x="[\d.]+" y="[\d.]+" width="([\d.]+)"/g)].map(
      ([, colour = "", width]) => [colour, Number(width)] as const,
    );

  test("has a bar for each figure, the longest for the largest", () => {
    const drawn = bars(picture());
    expect(drawn.map(([colour]) => colour)).toEqual(["ours", "ours", "c0", "ours", "c0"]);
    const [first, second, third, fourth, fifth] = drawn.map(([, width]) => width);
    expect(first! / second!).toBeCloseTo(0.75, 2);
    expect(third! / second!).toBeCloseTo(0.25, 2);
    expect(fourth! / fifth!).toBeCloseTo(0.4, 2);
    expect(second).toBe(fifth);
  });

  test("has a line from the smallest to the largest run, where they differ", () => {
    const lines = [...picture().matchAll(/<line class="spread" x1="([\d.]+)" x2="([\d.]+)"/g)];
    expect(lines.map(([, from, to]) => Number(from) < Number(to))).toEqual([true, true]);
  });

  test("says what is better, and names systems, variants, workloads and settings, as text", () => {
    const svg = picture();
    const texts = [...svg.matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map(([, text]) => text);
    expect(texts).toEqual(
      expect.arrayContaining([
        "redis",
        "node v1, 2 × CPU, 4 GiB; redis 7, appendonly no",
        "W6 idle &lt;pickup>, c=10",
        "a second, more is better",
        "ms, half of them, less is better",
        "ours (keepCompleted: 0)",
        "3,000",
      ]),
    );
  });

  test("has colours for light and dark, grows with what it shows, and is the same for the same data", () => {
    const svg = picture();
    expect(svg).toContain("@media (prefers-color-scheme: dark)");
    expect(picture()).toBe(svg);
    const heightOf = (text: string): number => Number(/viewBox="0 0 960 (\d+)"/.exec(text)?.[1]);
    const two = { ...benchmark, stores: [...benchmark.stores, ...benchmark.stores] };
    expect(heightOf(picture(two))).toBeGreaterThan(heightOf(svg));
    // Nothing lies below its end.
    const lowest = Math.max(...[...svg.matchAll(/ y="([\d.]+)"/g)].map(([, y]) => Number(y)));
    expect(lowest).toBeLessThan(heightOf(svg));
  });
});
