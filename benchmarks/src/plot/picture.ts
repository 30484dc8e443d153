import type { Cell } from "../driver.ts";
import type { PublishedBenchmark, StoreRun } from "../published.ts";
import { figureOf, isMoreBetter, nameOf } from "../ratios.ts";
import type { Measured } from "../workload.ts";
import { type Element, element, written } from "./svg.ts";

const WIDTH = 960;
const MARGIN = 24;
const LABELS = 210;
const BAR = 14;
const GAP = 4;
/** Above the bars of a workload. */
const HEAD = 26;
const STORE_HEAD = 52;
const TITLE = 64;
/** What is left right of the longest bar, for its figure. */
const FIGURES = 190;
const LONGEST = WIDTH - 2 * MARGIN - LABELS - FIGURES;
const COLOURS = 6;

/** Light and dark have colours of their own; ours stands out in both. */
const STYLE = `
  .ground { fill: #ffffff } text { fill: #1f2328; font: 12px system-ui, sans-serif } .faint { fill: #59636e }
  .title { font-size: 18px; font-weight: 600 } .store { font-size: 15px; font-weight: 600 } .workload { font-weight: 600 }
  .end { text-anchor: end } .spread { stroke: #1f2328; stroke-width: 1.5 }
  .ours { fill: #0969da } .c0 { fill: #8c959f } .c1 { fill: #bf8700 } .c2 { fill: #1a7f37 } .c3 { fill: #8250df } .c4 { fill: #bc4c00 } .c5 { fill: #6e7781 }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #0d1117 } text { fill: #e6edf3 } .faint { fill: #9198a1 } .spread { stroke: #e6edf3 }
    .ours { fill: #4493f8 } .c0 { fill: #656c76 } .c1 { fill: #d29922 } .c2 { fill: #3fb950 } .c3 { fill: #ab7df8 } .c4 { fill: #db6d28 } .c5 { fill: #9198a1 }
  }
`;

const UNITS: Partial<Record<keyof Measured, string>> = {
  perSecond: "a second",
  readPerSecond: "a second",
  p50Ms: "ms, half of them",
  allAfterDueMs: "ms until all had begun",
  bytesPerJob: "bytes",
  listMs: "ms a page",
  rssGrowthMiB: "MiB more",
};

/** Draws a benchmark: bars for each workload of each store, the longest the largest; the same text for the same data. */
export function pictureOf({ date, quick, runs, stores }: PublishedBenchmark): string {
  const parts: Element[] = [];
  let y = TITLE;
  for (const run of stores) {
    const panel = storePanel(run, y);
    parts.push(...panel.parts);
    y = panel.end;
  }
  const height = y + MARGIN;
  const note = quick
    ? "a quick run, never to be quoted"
    : `medians of ${runs} runs, lines from the smallest to the largest`;
  return written(
    element(
      "svg",
      {
        xmlns: "http://www.w3.org/2000/svg",
        viewBox: `0 0 ${WIDTH} ${height}`,
        width: WIDTH,
        height,
        role: "img",
        "aria-label": `Benchmark of ${date}`,
      },
      element("style", {}, STYLE),
      element("rect", { class: "ground", width: WIDTH, height }),
      element("text", { class: "title", x: MARGIN, y: 30 }, `Benchmark, ${date}`),
      element("text", { class: "faint", x: MARGIN, y: 50 }, note),
      ...parts,
    ),
  );
}

interface Panel {
  readonly parts: readonly Element[];
  /** Where the next one begins. */
  readonly end: number;
}

function storePanel({ store, machine, settings, cells }: StoreRun, top: number): Panel {
  const under = settings === undefined ? machine : `${machine}; ${settings}`;
  const parts = [
    element("text", { class: "store", x: MARGIN, y: top + 24 }, store),
    element("text", { class: "faint", x: MARGIN, y: top + 42 }, under),
  ];
  const colours = coloursOf(cells);
  let y = top + STORE_HEAD;
  for (const [title, row] of byWorkload(cells)) {
    const bars = workloadBars(title, row, colours, y);
    parts.push(...bars.parts);
    y = bars.end;
  }
  return { parts, end: y + GAP };
}

/** Each system has one colour in all workloads of its store. */
function coloursOf(cells: readonly Cell[]): ReadonlyMap<string, string> {
  const others = [...new Set(cells.map(({ system }) => system))].filter((system) => system !== "ours");
  return new Map([["ours", "ours"], ...others.map((system, i) => [system, `c${i % COLOURS}`] as const)]);
}

function byWorkload(cells: readonly Cell[]): ReadonlyMap<string, readonly Cell[]> {
  const rows = new Map<string, Cell[]>();
  for (const cell of cells) {
    const title = `${cell.workload} ${cell.title}, c=${cell.concurrency}`;
    rows.set(title, [...(rows.get(title) ?? []), cell]);
  }
  return rows;
}

function workloadBars(
  title: string,
  cells: readonly Cell[],
  colours: ReadonlyMap<string, string>,
  top: number,
): Panel {
  const figures = cells.flatMap((cell) => {
    const figure = figureOf(cell);
    return figure === undefined ? [] : [{ cell, ...figure }];
  });
  const [first] = figures;
  if (first === undefined) return { parts: [], end: top };
  const unit = UNITS[first.field] ?? first.field;
  const words = `${unit}, ${isMoreBetter(first.field) ? "more" : "less"} is better`;
  const most = Math.max(
    ...figures.flatMap(({ cell, value }) => [value, isSpreadOf(cell, value) ? cell.spread[1] : 0]),
    1e-9,
  );
  const scale = (value: number): number => (Math.max(0, value) / most) * LONGEST;
  const left = MARGIN + LABELS;
  const parts = [
    element("text", { class: "workload", x: MARGIN, y: top + 18 }, title),
    element("text", { class: "faint end", x: WIDTH - MARGIN, y: top + 18 }, words),
  ];
  let y = top + HEAD;
  for (const { cell, value } of figures) {
    parts.push(
      element("text", { class: "end", x: left - 8, y: y + 11 }, nameOf(cell)),
      element("rect", {
        class: colours.get(cell.system) ?? "c0",
        x: left,
        y,
        width: Math.max(1, scale(value)),
        height: BAR,
      }),
    );
    if (isSpreadOf(cell, value)) {
      const [low, high] = cell.spread;
      const middle = y + BAR / 2;
      parts.push(
        element("line", {
          class: "spread",
          x1: left + scale(low),
          x2: left + scale(high),
          y1: middle,
          y2: middle,
        }),
      );
    }
    const end = isSpreadOf(cell, value) ? Math.max(value, cell.spread[1]) : value;
    parts.push(element("text", { x: left + scale(end) + 8, y: y + 11 }, value.toLocaleString("en-US")));
    y += BAR + GAP;
  }
  return { parts, end: y };
}

/** The spread is of the first figure of a cell, which need not be the one that is drawn. */
const isSpreadOf = ({ spread: [low, high] }: Cell, value: number): boolean =>
  low < high && low <= value && value <= high;
