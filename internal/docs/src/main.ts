// Writes the pages of the proof from their data. Ends with code 1, and writes nothing, when a reference leads nowhere.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { pageOf } from "./coverage-page.ts";
import { readTable, TABLES } from "./coverage.ts";
import { References } from "./references.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const references = new References(root);
const pages = TABLES.map((table) => ({ table, sections: readTable(root, table) }));
const faults = pages.flatMap(({ table, sections }) =>
  sections
    .flatMap(({ rows }) => rows)
    .flatMap(({ number, proof = [] }) =>
      proof.flatMap((reference) => {
        const fault = references.fault(reference);
        return fault === undefined ? [] : [`${table.data}, row ${number}: ${fault}`];
      }),
    ),
);
if (faults.length > 0) {
  console.error(faults.join("\n"));
  process.exit(1);
}
for (const { table, sections } of pages) {
  writeFileSync(join(root, table.page), pageOf(table, sections, references));
  console.log(table.page);
}
