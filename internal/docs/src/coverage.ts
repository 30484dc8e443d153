import { readFileSync } from "node:fs";
import { join } from "node:path";

/** One thing that users expect, and what proves it. */
export interface Row {
  readonly number: number;
  readonly what: string;
  /** References as {@link References} reads them. Absent: nothing does. */
  readonly proof?: readonly string[];
  /** What is not there yet, and why. Absent: all of it is. */
  readonly later?: string;
}

export interface Section {
  readonly section: string;
  readonly rows: readonly Row[];
}

/** A table of the proof: its data, its page, and the words above it. */
export interface Table {
  readonly data: string;
  readonly page: string;
  readonly title: string;
  readonly intro: string;
  readonly head: string;
  /** How many rows it has: none is left out, and none comes twice. */
  readonly rows: number;
}

export const TABLES: readonly Table[] = [
  {
    data: "docs/proof/capabilities.json",
    page: "docs/proof/capabilities.md",
    title: "What there is, and what proves it",
    intro:
      "Everything that a user of a framework for background tasks may expect, row by row: the law, test or program that\nproves it, or the word _later_ and what is missing.",
    head: "capability",
    rows: 166,
  },
  {
    data: "docs/proof/traps.json",
    page: "docs/proof/traps.md",
    title: "Mistakes that were made elsewhere, and what keeps us from them",
    intro:
      "Each is a mistake of a real framework, told in a line, and the law or test that would turn red on it.",
    head: "mistake",
    rows: 71,
  },
];

const fields = new Set(["number", "what", "proof", "later"]);

/**
 * Reads the data of a table.
 *
 * @throws Error for a row that is out of its place, has neither proof nor a word of what is missing, or has a field that
 *   nobody reads.
 */
export function readTable(root: string, { data, rows: count }: Table): readonly Section[] {
  const sections = JSON.parse(readFileSync(join(root, data), "utf8")) as readonly Section[];
  const rows = sections.flatMap((section) => section.rows);
  for (const [at, row] of rows.entries()) {
    const unknown = Object.keys(row).filter((field) => !fields.has(field));
    if (unknown.length > 0)
      throw new Error(`${data}: row ${row.number} has ${unknown.join()}, which nobody reads`);
    if (row.number !== at + 1)
      throw new Error(`${data}: row ${row.number} stands in the place of row ${at + 1}`);
    if ((row.proof ?? []).length === 0 && (row.later ?? "") === "")
      throw new Error(`${data}: row ${row.number} has no proof, and does not say why`);
  }
  if (rows.length !== count) throw new Error(`${data}: ${rows.length} rows, not ${count}`);
  return sections;
}
