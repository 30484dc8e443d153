import { createHash } from "node:crypto";
import type { Indexed, LostFile } from "./file-index.ts";

interface KindTotals {
  readonly kind: string;
  readonly files: number;
  readonly lines: number;
  readonly bytes: number;
}

/** The whole run in numbers. */
export interface Report {
  readonly files: number;
  readonly indexed: number;
  readonly deadLetters: number;
  readonly bytes: number;
  /** SHA-256 of all files' digests in hexadecimal, sorted, one a line. */
  readonly sha256: string;
  readonly ms: number;
  readonly kinds: readonly KindTotals[];
  readonly lost: readonly LostFile[];
}

/** Adds up what was indexed. */
export function reportOf({ files: indexed, lost, deadLetters }: Indexed, ms: number): Report {
  const kinds = new Map<string, { kind: string; files: number; lines: number; bytes: number }>();
  let bytes = 0;
  for (const file of indexed) {
    const totals = kinds.get(file.kind) ?? { kind: file.kind, files: 0, lines: 0, bytes: 0 };
    totals.files++;
    totals.lines += file.lines;
    totals.bytes += file.bytes;
    bytes += file.bytes;
    kinds.set(file.kind, totals);
  }
  const digests = indexed.map((file) => file.sha256).toSorted();
  return {
    files: indexed.length + lost.length,
    indexed: indexed.length,
    deadLetters,
    bytes,
    sha256: createHash("sha256").update(digests.join("\n")).digest("hex"),
    ms: Math.round(ms),
    kinds: [...kinds.values()].toSorted((a, b) => b.bytes - a.bytes),
    lost,
  };
}

const LOST_SHOWN = 10;

/** The report for a person. */
export function tableOf(report: Report): string {
  const rows = [
    ["kind", "files", "lines", "bytes"],
    ...report.kinds.map((k) => [k.kind, count(k.files), count(k.lines), count(k.bytes)]),
    ["all", count(report.indexed), count(sum(report.kinds)), count(report.bytes)],
  ];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...rows.map((row) => (row[column] ?? "").length)));
  const line = (row: readonly string[]): string =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join("  ");
  const rule = "─".repeat(widths.reduce((a, b) => a + b) + 6);
  const [head = [], ...body] = rows;
  const total = body.pop() ?? [];
  const rate = Math.round((report.files / Math.max(report.ms, 1)) * 1_000);
  return [
    line(head),
    rule,
    ...body.map(line),
    rule,
    line(total),
    "",
    `${count(report.files)} files in ${(report.ms / 1_000).toFixed(2)} s (${count(rate)}/s), ${count(report.deadLetters)} dead letters`,
    ...report.lost.slice(0, LOST_SHOWN).map((file) => `  ✗ ${file.path}: ${file.reason}`),
    ...(report.lost.length > LOST_SHOWN ? [`  … and ${count(report.lost.length - LOST_SHOWN)} more`] : []),
    `sha256 ${report.sha256}`,
  ].join("\n");
}

/** The report for a program: one line. */
export function jsonOf(report: Report): string {
  const { files, indexed, deadLetters, bytes, sha256, ms } = report;
  return JSON.stringify({ files, indexed, deadLetters, bytes, sha256, ms });
}

function sum(kinds: readonly KindTotals[]): number {
  return kinds.reduce((total, k) => total + k.lines, 0);
}

function count(n: number): string {
  return n.toLocaleString("en-US");
}
