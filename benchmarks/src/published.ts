import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Cell } from "./driver.ts";
import { type Ratio, ratiosOf } from "./ratios.ts";
import { barsTable, tableOf } from "./report.ts";

/** One store's part of a benchmark, as it is published. */
export interface StoreRun {
  readonly store: string;
  /** Node, CPU, memory. */
  readonly machine: string;
  /** Version and durability of the server; absent for a store in memory. */
  readonly settings?: string;
  readonly cells: readonly Cell[];
  /** Workloads that there was no time for. */
  readonly leftOut: readonly string[];
  /** Runs that failed, in words. */
  readonly failures: readonly string[];
}

export interface Benchmark {
  readonly date: string;
  /** Fewer and shorter runs, which are never quoted. */
  readonly quick: boolean;
  /** Counted runs of each cell, in turn with those of the others. */
  readonly runs: number;
  readonly stores: readonly StoreRun[];
}

/** The same with what can be worked out of it. */
export type PublishedBenchmark = Benchmark & { readonly ratios: readonly Ratio[] };

/**
 * Writes a benchmark as JSON and as a Markdown page, named after its day and its store where it has but one.
 *
 * @returns the names of both files.
 */
export function publish(folder: string, benchmark: Benchmark): readonly [json: string, page: string] {
  mkdirSync(folder, { recursive: true });
  const { date, quick, stores } = benchmark;
  const only = stores.length === 1 ? `-${stores[0]?.store}` : "";
  const name = join(folder, `${date}-bench${only}${quick ? "-quick" : ""}`);
  const ratios = stores.flatMap(({ cells }) => ratiosOf(cells));
  const published: PublishedBenchmark = { ...benchmark, ratios };
  writeFileSync(`${name}.json`, `${JSON.stringify(published, undefined, 2)}\n`);
  writeFileSync(`${name}.md`, pageOf(published));
  return [`${name}.json`, `${name}.md`];
}

function pageOf({ date, quick, runs, stores, ratios }: PublishedBenchmark): string {
  return [
    `# Benchmark, ${date}`,
    "",
    ...(quick ? ["A quick run, to see that it works. **Never to be quoted.**", ""] : []),
    `Medians of ${runs} ${runs === 1 ? "run" : "runs"} after one that is thrown away, in brackets the smallest and largest; systems take turns within each round.`,
    "Workloads and settings are explained in `docs/benchmarks.md`. Figures of two runs cannot be compared, ratios within one can.",
    "",
    ...stores.flatMap((run) => storeSection(run, ratios)),
  ]
    .join("\n")
    .trimEnd()
    .concat("\n");
}

function storeSection(run: StoreRun, ratios: readonly Ratio[]): readonly string[] {
  const { store, machine, settings, cells, leftOut, failures } = run;
  const bars = barsTable(cells);
  const own = ratios.filter((ratio) => ratio.store === store);
  return [
    `## ${store}`,
    "",
    `${machine}${settings === undefined ? "" : `; ${settings}`}.`,
    "",
    ...(cells.length === 0 ? ["Nothing was measured."] : [tableOf(cells)]),
    "",
    ...(own.length === 0 ? [] : ["How many times as good ours is:", "", ratioTable(own), ""]),
    ...(bars === undefined ? [] : ["What must be reached:", "", bars, ""]),
    ...(leftOut.length === 0 ? [] : [`There was no time for ${leftOut.join(", ")}.`, ""]),
    ...failures.flatMap((failure) => [`Failed: ${failure.split("\n")[0]}`, ""]),
  ];
}

function ratioTable(ratios: readonly Ratio[]): string {
  const ours = (ratio: Ratio): string => ratio.variant ?? "as shipped";
  const columns = [...new Set(ratios.map((ratio) => ratio.against))];
  const rows = new Map<string, Map<string, number>>();
  for (const ratio of ratios) {
    const key = `${ratio.workload}, c=${ratio.concurrency}, ${ratio.figure} | ${ours(ratio)}`;
    const row = rows.get(key) ?? new Map<string, number>();
    row.set(ratio.against, ratio.times);
    rows.set(key, row);
  }
  return [
    `| | ours | ${columns.join(" | ")} |`,
    `|---|---|${columns.map(() => "---:").join("|")}|`,
    ...[...rows].map(
      ([key, row]) => `| ${key} | ${columns.map((column) => shown(row.get(column))).join(" | ")} |`,
    ),
  ].join("\n");
}

const shown = (times: number | undefined): string => (times === undefined ? "–" : `${times}×`);
