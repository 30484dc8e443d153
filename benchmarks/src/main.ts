import { parseArgs } from "node:util";
import { type Cell, drive } from "./driver.ts";
import { jsonLine, machineLine, tableOf } from "./report.ts";
import { SYSTEMS } from "./systems.ts";
import { WORKLOADS } from "./workloads.ts";

const USAGE = `usage: npm run bench -- STORE [--json] [--quick] [--only W4,W6] [--systems ours,plain] [--runs N]

  STORE      ${Object.keys(SYSTEMS).join(" | ")}
  --json     one line of JSON for each result, nothing else on standard output
  --quick    fewer jobs and 3 runs: to see that it works, never to be quoted
  --only     workloads: ${WORKLOADS.map((w) => w.id).join(", ")}
  --systems  by name
  --runs     counted runs, after one that is thrown away (default 5)`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: "boolean", default: false },
    quick: { type: "boolean", default: false },
    only: { type: "string" },
    systems: { type: "string" },
    runs: { type: "string" },
  },
});
const [store = ""] = positionals;
const runs = values.runs === undefined ? (values.quick ? 3 : 5) : Number(values.runs);
if (!Object.hasOwn(SYSTEMS, store) || !(Number.isInteger(runs) && runs > 0)) {
  console.error(USAGE);
  process.exit(2);
}

console.error(`${machineLine()}${values.quick ? "; quick run, not to be quoted" : ""}`);
const cells: Cell[] = [];
for await (const cell of drive({
  store,
  runs,
  quick: values.quick,
  ...(values.only === undefined ? {} : { workloads: new Set(values.only.split(",")) }),
  ...(values.systems === undefined ? {} : { systems: new Set(values.systems.split(",")) }),
  onProgress: (line) => process.stderr.isTTY && process.stderr.write(`\r\u001B[K${line}`),
})) {
  cells.push(cell);
  if (values.json) console.log(jsonLine(cell));
}
if (process.stderr.isTTY) process.stderr.write("\r\u001B[K");
if (!values.json) console.log(tableOf(cells));
