import type { Row, Section, Table } from "./coverage.ts";
import type { References } from "./references.ts";

const cell = (text: string): string => text.replaceAll("\n", " ");

function line({ number, what, proof = [], later }: Row, references: References): string {
  const proven = proof.map((reference) => references.shown(reference)).join("<br>");
  const missing = later === undefined ? "" : `_later_: ${later}`;
  return `| ${number} | ${cell(what)} | ${[proven, missing].filter((part) => part !== "").join("<br>")} |`;
}

/** The page of a table, whole. */
export function pageOf(table: Table, sections: readonly Section[], references: References): string {
  const rows = sections.flatMap((section) => section.rows);
  const later = rows.filter((row) => row.later !== undefined);
  const without = later.filter((row) => row.proof === undefined);
  const parts = sections.flatMap(({ section, rows: own }) => [
    `## ${section}`,
    "",
    `| # | ${table.head} | proof |`,
    "|---|---|---|",
    ...own.map((row) => line(row, references)),
    "",
  ]);
  return [
    `# ${table.title}`,
    "",
    `${table.intro} Written by \`npm run proof\` from \`${table.data}\`; a test compares both, and finds each reference.`,
    "",
    `${rows.length} rows: ${rows.length - later.length} proven, ${later.length - without.length} in part, ${without.length} later.`,
    "",
    ...parts,
  ]
    .join("\n")
    .trimEnd()
    .concat("\n");
}
