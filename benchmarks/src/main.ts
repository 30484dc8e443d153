import { parseArgs } from "node:util";
import { type Cell, drive } from "./driver.ts";
import { runOnNewerNode } from "./newer-node.ts";
import { barsTable, jsonLine, machineLine, tableOf } from "./report.ts";
import { startStore } from "./stores/stores.ts";
import { SYSTEMS } from "./systems.ts";
import { WORKLOADS } from "./workloads.ts";

const SYNCS = ["always", "everysec"] as const;

const USAGE = `usage: npm run bench -- STORE [--json] [--quick] [--workloads W4,W6] [--systems ours,plain] [--runs N]

  STORE          ${Object.keys(SYSTEMS).join(" | ")}
  --json         one line of JSON for each result, nothing else on standard output
  --quick        fewer jobs and 3 runs: to see that it works, never to be quoted
  --workloads    ${WORKLOADS.map((w) => w.id).join(", ")} (default: all that do not take minutes)
  --systems      by name: ours,bullmq; one variant of them: graphile-worker/batched, ours/ (as shipped)
  --runs         counted runs, after one that is thrown away (default 5)
  --appendfsync  redis: keep a log and force it to the disk ${SYNCS.join(" | ")} (default: no log)`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: "boolean", default: false },
    quick: { type: "boolean", default: false },
    workloads: { type: "string" },
    systems: { type: "string" },
    runs: { type: "string" },
    appendfsync: { type: "string" },
  },
});
const [store = ""] = positionals;
const runs = values.runs === undefined ? (values.quick ? 3 : 5) : Number(values.runs);
const appendfsync = SYNCS.find((sync) => sync === values.appendfsync);
if (
  !Object.hasOwn(SYSTEMS, store) ||
  !(Number.isInteger(runs) && runs > 0) ||
  (values.appendfsync !== undefined && (appendfsync === undefined || store !== "redis"))
) {
  console.error(USAGE);
  process.exit(2);
}

const systems = values.systems?.split(",");
const code = await runOnNewerNode(store, systems);
if (code !== undefined) process.exit(code);

/** Over the line of progress, where there is one. */
const say = (line: string): void => console.error(`${process.stderr.isTTY ? "\r\u001B[K" : ""}${line}`);

const running = await startStore(store, appendfsync === undefined ? {} : { appendfsync });
say(`${machineLine()}${values.quick ? "; quick run, not to be quoted" : ""}`);
if (running !== undefined) say(running.line);
const cells: Cell[] = [];
try {
  for await (const cell of drive({
    store,
    runs,
    quick: values.quick,
    ...(running === undefined ? {} : { url: running.url }),
    ...(values.workloads === undefined ? {} : { workloads: new Set(values.workloads.split(",")) }),
    ...(systems === undefined ? {} : { systems: new Set(systems) }),
    onProgress: (line) => process.stderr.isTTY && process.stderr.write(`\r\u001B[K${line}`),
    onFailure: (error) => {
      process.exitCode = 1;
      say(`FAIL ${error.message}`);
    },
  })) {
    cells.push(cell);
    if (values.json) console.log(jsonLine(cell));
  }
} finally {
  await running?.stop();
}
if (process.stderr.isTTY) process.stderr.write("\r\u001B[K");
if (!values.json && cells.length > 0) console.log(tableOf(cells));
const bars = barsTable(cells);
if (bars !== undefined) (values.json ? console.error : console.log)(`\n${bars}`);
