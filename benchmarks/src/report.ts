import { cpus, totalmem } from "node:os";
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
  const between = `(${cell.spread.map((n) => n.toLocaleString("en-US")).join("–")})`;
  if (cell.bytesPerJob !== undefined) return `${cell.bytesPerJob} B ${between}`;
  if (cell.allAfterDueMs !== undefined)
    return `${cell.allAfterDueMs} ms, first ${cell.firstAfterDueMs} ms, early ${cell.early}`;
  const rate = cell.perSecond === undefined ? [] : [`${cell.perSecond.toLocaleString("en-US")}/s`];
  const times = cell.p50Ms === undefined ? [] : [`p50 ${cell.p50Ms} ms, p99 ${cell.p99Ms} ms`];
  return [...rate, ...times, between].join(" ");
}
