import { readCommandLine, USAGE, type Wish } from "./command-line.ts";
import { type Cell, drive } from "./driver.ts";
import { everyStore } from "./every-store.ts";
import { runOnNewerNode } from "./newer-node.ts";
import { publish, type StoreRun } from "./published.ts";
import { barsTable, jsonLine, machineLine, tableOf } from "./report.ts";
import { startStore } from "./stores/stores.ts";

const wish = readCommandLine(process.argv.slice(2), process.cwd());
if (wish === undefined) {
  console.error(USAGE);
  process.exit(2);
}
const { stores, all, out, quick, runs } = wish;
const [store = ""] = stores;
const code = all ? undefined : await runOnNewerNode(store, wish.systems);
if (code !== undefined) process.exit(code);

/** Over the line of progress, where there is one. */
const say = (line: string): void => console.error(`${process.stderr.isTTY ? "\r\u001B[K" : ""}${line}`);

const parts: readonly StoreRun[] = all ? await everyStoreOf(wish) : [await oneStore(wish)];
if (out !== undefined && parts.length > 0) {
  const date = new Date().toISOString().slice(0, 10);
  for (const file of publish(out, { date, quick, runs, stores: parts })) if (all) say(`written: ${file}`);
}

async function everyStoreOf(asked: Wish): Promise<readonly StoreRun[]> {
  const { runs: measured, failed } = await everyStore(asked);
  if (failed) process.exitCode = 1;
  return measured;
}

async function oneStore({ json, systems, workloads, appendfsync, withinMs }: Wish): Promise<StoreRun> {
  const running = await startStore(store, appendfsync === undefined ? {} : { appendfsync });
  say(`${machineLine()}${quick ? "; quick run, not to be quoted" : ""}`);
  if (running !== undefined) say(running.line);
  const cells: Cell[] = [];
  const failures: string[] = [];
  const leftOut: string[] = [];
  try {
    for await (const cell of drive({
      store,
      runs,
      quick,
      ...(running === undefined ? {} : { url: running.url }),
      ...(workloads === undefined ? {} : { workloads: new Set(workloads) }),
      ...(systems === undefined ? {} : { systems: new Set(systems) }),
      ...(withinMs === undefined ? {} : { withinMs }),
      onLeftOut: (workload) => leftOut.push(workload),
      onProgress: (line) => process.stderr.isTTY && process.stderr.write(`\r\u001B[K${line}`),
      onFailure: (error) => {
        process.exitCode = 1;
        failures.push(error.message);
        say(`FAIL ${error.message}`);
      },
    })) {
      cells.push(cell);
      if (json) console.log(jsonLine(cell));
    }
  } finally {
    await running?.stop();
  }
  if (process.stderr.isTTY) process.stderr.write("\r\u001B[K");
  if (!json && cells.length > 0) console.log(tableOf(cells));
  const bars = barsTable(cells);
  if (bars !== undefined) (json ? console.error : console.log)(`\n${bars}`);
  if (leftOut.length > 0) say(`no time for ${leftOut.join(", ")}`);
  return {
    store,
    machine: machineLine(),
    ...(running === undefined ? {} : { settings: running.line }),
    cells,
    leftOut,
    failures,
  };
}
