import { cpus, totalmem } from "node:os";
import { type Bar, judge, type Judged } from "./bars.ts";
import type { Cell } from "./driver.ts";

/** What a figure was measured on; a figure without it says nothing. */
export function machineLine(): string {
  const [cpu] = cpus();
  return `node ${process.version}, ${cpus().length} × ${cpu?.model ?? "unknown CPU"}, ${Math.round(totalmem() / 2 ** 30)} GiB`;
}

/** One line of JSON for a result: the same fields for every workload, `null` where one does not apply, then what is its own. */
export function jsonLine(cell: Cell): string {
  const { title: _, system, store, workload, concurrency, n, perSecond, p50Ms, p99Ms, ...more } = cell;
  const common = { perSecond: perSecond ?? null, p50Ms: p50Ms ?? null, p99Ms: p99Ms ?? null };
  return JSON.stringify({ system, store, workload, concurrency, n, ...common, ...more });
}

/** A Markdown table: one row a workload, one column a system. */
export function tableOf(cells: readonly Cell[]): string {
  const columns = [...new Set(cells.map(columnOf))];
  const rows = new Map<string, Map<string, Cell>>();
  for (const cell of cells) {
    const title = `${cell.workload} ${cell.title}, c=${cell.concurrency}`;
    const row = rows.get(title) ?? new Map<string, Cell>();
    row.set(columnOf(cell), cell);
    rows.set(title, row);
  }
  return [
    `| | ${columns.join(" | ")} |`,
    `|---|${columns.map(() => "---:").join("|")}|`,
    ...[...rows].map(
      ([title, row]) => `| ${title} | ${columns.map((column) => shown(row.get(column))).join(" | ")} |`,
    ),
  ].join("\n");
}

function columnOf(cell: Cell): string {
  return `${cell.system} ${cell.version}${cell.variant === undefined ? "" : ` (${cell.variant})`}`;
}

function shown(cell: Cell | undefined): string {
  if (cell === undefined) return "–";
  const between = `(${cell.spread.map(figure).join("–")})`;
  if (cell.bytesPerJob !== undefined) return `${cell.bytesPerJob} B ${between}`;
  const server = [
    ...(cell.rssMiB === undefined ? [] : [`holds ${cell.rssMiB} MiB, ${cell.rssGrowthMiB} more`]),
    ...(cell.clientUs === undefined ? [] : [`client ${cell.clientUs} µs`]),
    ...(cell.serverUs === undefined ? [] : [`server ${cell.serverUs} µs`]),
    ...(cell.walBytes === undefined ? [] : [`log ${figure(cell.walBytes)} B`]),
    ...(cell.deadRows === undefined ? [] : [`dead rows ${cell.deadRows}`]),
    ...(cell.heldRows === undefined ? [] : [`held ${figure(cell.heldRows)}`]),
    ...(cell.backlog === undefined ? [] : [`waiting ${cell.backlog}`]),
  ];
  if (cell.allAfterDueMs !== undefined)
    return [
      `${cell.allAfterDueMs} ms`,
      `first ${cell.firstAfterDueMs} ms`,
      `early ${cell.early}`,
      ...server,
    ].join(", ");
  if (cell.listMs !== undefined) return `page ${cell.listMs} ms, figures ${cell.statsMs} ms ${between}`;
  if (cell.p50AtThousandMs !== undefined)
    return `p50 ${cell.p50Ms} ms, with 1,000 waiting ${cell.p50AtThousandMs} ms ${between}`;
  const perSecond = cell.perSecond ?? cell.readPerSecond;
  const rate = perSecond === undefined ? [] : [`${figure(perSecond)}/s`];
  const times = cell.p50Ms === undefined ? [] : [`p50 ${cell.p50Ms} ms, p99 ${cell.p99Ms} ms`];
  return [...rate, ...times, between, server.join(", ")].filter((part) => part !== "").join(" ");
}

/** Three digits, as measured, and all that stand before the point. */
const figure = (value: number): string => (value < 1_000 ? String(value) : value.toLocaleString("en-US"));

const round = (value: number): number => Number(value.toPrecision(3));

/**
 * A Markdown table of what must be reached, with one column for each variant of ours.
 *
 * @returns nothing when no bar could be judged.
 */
export function barsTable(cells: readonly Cell[]): string | undefined {
  const judged = judge(cells);
  if (judged.length === 0) return undefined;
  const variants = [...new Set(judged.map(({ variant }) => variant))];
  const bars = [...new Set(judged.map(({ bar }) => bar))];
  return [
    `| | wanted | ${variants.map((variant) => (variant === undefined ? "ours" : `ours (${variant})`)).join(" | ")} |`,
    `|---|---|${variants.map(() => "---:").join("|")}|`,
    ...bars.map((bar) => {
      const ofBar = judged.filter((one) => one.bar === bar);
      const columns = variants.map((variant) => verdict(ofBar.find((one) => one.variant === variant)));
      return `| ${barTitle(bar, ofBar[0]?.other?.name)} | ${wanted(bar)} | ${columns.join(" | ")} |`;
    }),
  ].join("\n");
}

function barTitle({ workload, concurrency, measure }: Bar, against: string | undefined): string {
  return `${workload}, c=${concurrency}: ${measure}${against === undefined ? "" : ` against ${against}`}`;
}

function wanted({ least, most, goal, against, base }: Bar): string {
  const times = against === undefined && base === undefined ? "" : "×";
  const bar = least === undefined ? `≤ ${most}${times}` : `≥ ${least}${times}`;
  return goal === undefined ? bar : `${bar}, goal ${goal}${times}`;
}

function verdict(judged: Judged | undefined): string {
  if (judged === undefined) return "–";
  const word = judged.isMet ? "met" : "MISSED";
  if (judged.other === undefined) return `${judged.ours} ${word}`;
  return `${round(judged.ratio)}× ${word} (${figure(judged.ours)} / ${figure(judged.other.value)})`;
}
