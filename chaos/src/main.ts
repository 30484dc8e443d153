import { fileURLToPath } from "node:url";
import { verdictOnBroken } from "./broken/verdict-on-broken.ts";
import { readCommandLine, type Task, usage } from "./command-line.ts";
import { machineLine } from "./machine.ts";
import { publish } from "./published.ts";
import { jsonLine, tableOf } from "./report.ts";
import { drive, type Outcome } from "./run/drive.ts";
import { sideBySide } from "./run/side-by-side.ts";
import type { ChaosStore } from "./stores/store.ts";

const wish = readCommandLine(process.argv.slice(2), Math.floor(Math.random() * 2 ** 31), process.cwd());
if (wish === undefined) {
  console.error(usage());
  process.exit(2);
}

// Applications look for their backends from where they stand.
process.chdir(fileURLToPath(new URL("..", import.meta.url)));

/** In which everything that was started is ended, when a run is called off; whoever is left then, guards end. */
const GONE_WITHIN_MS = 20_000;

// The first signal calls the run off, and everything it started is ended; the second leaves at once, and guards do it.
const off = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
  process.on(signal, () => {
    if (off.signal.aborted) process.exit(1);
    off.abort(new Error(`called off by ${signal}`));
    setTimeout(() => process.exit(1), GONE_WITHIN_MS).unref();
  });

const terminal = process.stderr.isTTY;
let said = "";
function say(store: string, scenario: string, faults: number, completed: number, what: string): void {
  const line = `${store} ${scenario}: ${faults} faults, ${completed} completed, ${what}`;
  const short = `${store} ${scenario} ${faults} ${what}`;
  if (terminal) process.stderr.write(`\r\u001B[K${line}`);
  else if (!wish?.json && short !== said) console.error(line);
  said = short;
}

const outcomes: Outcome[] = [];
let failed = false;

async function run(store: ChaosStore, { scenario, broken }: Task): Promise<void> {
  const { size, seed, keep, json } = wish!;
  const name = broken === undefined ? scenario.name : `${scenario.name}, ${broken}`;
  try {
    const outcome = await drive(scenario, {
      store: store.name,
      size,
      seed,
      keep,
      ...(broken === undefined ? {} : { broken }),
      signal: off.signal,
      onProgress: (faults, completed, what) => say(store.name, name, faults, completed, what),
    });
    const judged = broken === undefined ? outcome : verdictOnBroken(outcome, broken);
    outcomes.push(judged);
    failed ||= judged.missed.length > 0;
    if (json) console.log(jsonLine(judged));
  } catch (error) {
    failed = true;
    if (terminal) process.stderr.write("\r\u001B[K");
    console.error(`${store.name} ${name}:`, error);
  }
}

async function runAll({ store, tasks }: { store: ChaosStore; tasks: readonly Task[] }): Promise<void> {
  for (const task of tasks) if (!off.signal.aborted) await run(store, task);
}

if (!wish.json) console.error(`seed ${wish.seed}`);
if (wish.atOnce) {
  const { quick, broken, keep, seed } = wish;
  const flags = Object.entries({ quick, broken, keep }).flatMap(([flag, on]) => (on ? [`--${flag}`] : []));
  const args = wish.stores.map(({ store, tasks }) => {
    const names = [...new Set(tasks.map(({ scenario }) => scenario.name))].join();
    return [store.name, [store.name, "--seed", String(seed), "--scenario", names, ...flags]] as const;
  });
  const well = await sideBySide({
    args: new Map(args),
    signal: off.signal,
    onOutcome: (outcome) => {
      outcomes.push(outcome);
      if (wish.json) console.log(jsonLine(outcome));
      else
        console.error(
          `${outcome.store} ${outcome.scenario}: ${outcome.missed.join("; ") || "as it must be"}`,
        );
    },
  });
  failed ||= !well;
} else for (const each of wish.stores) await runAll(each);
if (terminal) process.stderr.write("\r\u001B[K");
// Side by side, they end in any order.
const order = wish.stores.map(({ store }) => store.name);
outcomes.sort((a, b) => order.indexOf(a.store) - order.indexOf(b.store));
if (!wish.json && outcomes.length > 0) console.log(`\n${tableOf(outcomes)}`);
if (wish.out !== undefined && outcomes.length > 0 && !off.signal.aborted && !wish.broken) {
  const files = publish(wish.out, {
    date: new Date().toISOString().slice(0, 10),
    quick: wish.quick,
    seed: wish.seed,
    machine: machineLine(),
    settings: Object.fromEntries(wish.stores.map(({ store }) => [store.name, store.safeSettings])),
    outcomes,
  });
  for (const file of files) console.error(`written: ${file}`);
}
process.exitCode = failed ? 1 : 0;
// Whatever is left of a run that was called off does not keep it here.
if (off.signal.aborted) process.exit(1);
