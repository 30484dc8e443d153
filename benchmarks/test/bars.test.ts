import { describe, expect, test } from "vitest";
import { judge } from "../src/bars.ts";
import type { Cell } from "../src/driver.ts";
import { barsTable, tableOf } from "../src/report.ts";

const cell = (system: string, workload: string, concurrency: number, more: Partial<Cell>): Cell => ({
  system,
  workload,
  concurrency,
  store: "redis",
  version: "1.0.0",
  title: workload,
  n: 1,
  runs: 5,
  spread: [1, 1],
  ...more,
});

const ratios = (...cells: Cell[]): unknown[] =>
  judge(cells).map(({ bar, variant, ratio, other, isMet }) => [
    bar.measure,
    ...(variant === undefined ? [] : [variant]),
    other?.name,
    ratio,
    isMet,
  ]);

describe("the bars", () => {
  test("take a rate over the best of a rival's variants", () => {
    expect(
      ratios(
        cell("bullmq", "W2", 1, { perSecond: 100 }),
        cell("bullmq", "W2", 1, { perSecond: 200, variant: "removeOnComplete" }),
        cell("ours", "W2", 1, { perSecond: 500 }),
        cell("ours", "W2", 1, { perSecond: 600, variant: "keepCompleted: 0" }),
      ),
    ).toEqual([
      ["perSecond", "bullmq (removeOnComplete)", 2.5, false],
      ["perSecond", "keepCompleted: 0", "bullmq (removeOnComplete)", 3, true],
    ]);
  });

  test("take a cost over the lowest of a rival's variants", () => {
    expect(
      ratios(
        cell("bullmq", "W6", 10, { p50Ms: 2 }),
        cell("bullmq", "W6", 10, { p50Ms: 1, variant: "removeOnComplete" }),
        cell("ours", "W6", 10, { p50Ms: 0.5 }),
      ),
    ).toEqual([["p50Ms", "bullmq (removeOnComplete)", 0.5, true]]);
  });

  test("compare like with like", () => {
    expect(
      ratios(
        cell("bullmq", "W4", 1, { perSecond: 1 }),
        cell("spike", "W4", 1, { perSecond: 40 }),
        cell("ours", "W4", 1, { perSecond: 20 }),
        cell("bullmq", "W4", 100, { perSecond: 1_000 }),
      ),
    ).toEqual([
      ["perSecond", "bullmq", 20, true],
      ["perSecond", "spike", 0.5, false],
    ]);
  });

  test("hold a figure against its own base, or as it is", () => {
    expect(
      ratios(
        cell("ours", "B1", 1, { p50Ms: 3, p50AtThousandMs: 1.5 }),
        cell("ours", "W10", 100, { allAfterDueMs: 100, early: 1 }),
      ),
    ).toEqual([
      ["early", undefined, 1, false],
      ["p50Ms", "p50AtThousandMs", 2, false],
    ]);
  });

  test("are shown with what was compared", () => {
    const cells = [
      cell("bullmq", "W5", 100, { perSecond: 1_000 }),
      cell("ours", "W5", 100, { perSecond: 2_600 }),
      cell("ours", "W5", 100, { perSecond: 2_400, variant: "keepCompleted: 0" }),
    ];
    expect(barsTable(cells)?.split("\n").at(-1)).toBe(
      "| W5, c=100: perSecond against bullmq | ≥ 2.5×, goal 3× | 2.6× met (2,600 / 1,000) | 2.4× MISSED (2,400 / 1,000) |",
    );
  });

  test("of PostgreSQL take a rival's variant by its name, and hold one variant of ours alone", () => {
    const of = (system: string, more: Partial<Cell>): Cell =>
      cell(system, "W4", 100, { store: "postgres", ...more });
    expect(
      ratios(
        of("graphile-worker", { perSecond: 100, variant: "one by one" }),
        of("graphile-worker", { perSecond: 1_000, variant: "batched" }),
        of("bullmq", { perSecond: 50 }),
        of("bullmq", { perSecond: 80, variant: "removeOnComplete" }),
        of("ours", { perSecond: 1_600, walBytes: 450, deadRows: 5 }),
        of("ours", { perSecond: 1_400, walBytes: 451, deadRows: 3.1, variant: "keepCompleted: 0" }),
      ),
    ).toEqual([
      ["perSecond", "graphile-worker (batched)", 1.6, true],
      ["perSecond", "keepCompleted: 0", "graphile-worker (batched)", 1.4, false],
      ["perSecond", "graphile-worker (one by one)", 16, true],
      ["perSecond", "keepCompleted: 0", "graphile-worker (one by one)", 14, false],
      ["perSecond", "bullmq (removeOnComplete)", 20, true],
      ["perSecond", "keepCompleted: 0", "bullmq (removeOnComplete)", 17.5, true],
      ["walBytes", undefined, 450, true],
      ["walBytes", "keepCompleted: 0", undefined, 451, false],
      ["deadRows", "keepCompleted: 0", undefined, 3.1, true],
    ]);
  });

  test("stand beside what each job cost the server", () => {
    const cells = [cell("ours", "W4", 1, { perSecond: 1_000, serverUs: 12, walBytes: 1_234, deadRows: 3 })];
    expect(tableOf(cells).split("\n").at(-1)).toBe(
      "| W4 W4, c=1 | 1,000/s (1–1) server 12 µs, log 1,234 B, dead rows 3 |",
    );
  });

  test("say nothing where none applies", () => {
    expect(barsTable([cell("ours", "W5", 100, { perSecond: 1 })])).toBeUndefined();
    expect(barsTable([cell("ours", "W5", 100, { store: "memory", perSecond: 1 })])).toBeUndefined();
  });
});
