import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { jsonLine, tableOf } from "./report.ts";
import { drive, type Outcome } from "./run/drive.ts";
import { FULL, QUICK } from "./scenario.ts";
import { STORES } from "./stores/index.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: "boolean", default: false },
    quick: { type: "boolean", default: false },
    scenario: { type: "string" },
    seed: { type: "string" },
    keep: { type: "boolean", default: false },
  },
});

const [name = ""] = positionals;
const store = Object.hasOwn(STORES, name) ? STORES[name] : undefined;
const wanted = values.scenario?.split(",");
const scenarios = store?.scenarios.filter((scenario) => wanted?.includes(scenario.name) ?? true) ?? [];
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
const fits =
  Number.isSafeInteger(seed) && seed >= 0 && (wanted === undefined || wanted.length === scenarios.length);

if (store === undefined || !fits) {
  const list = Object.values(STORES).flatMap((one) => [
    `  ${one.name} (safe: ${one.safeSettings})`,
    ...one.scenarios.map((scenario) => `    ${scenario.name.padEnd(24)}${scenario.title}`),
  ]);
  console.error(
    `usage: npm run chaos -- STORE [--quick] [--json] [--scenario NAME,NAME] [--seed N] [--keep]

  --quick     5,000 jobs and 6 faults a scenario instead of 30,000 and 20
  --json      one line of JSON for each scenario, nothing else on standard output
  --scenario  only these
  --seed      repeats the faults of a run, in their order; printed with each result
  --keep      keeps ledgers and logs of runs that missed nothing, too

${list.join("\n")}`,
  );
  process.exit(2);
}

// Applications look for their backends from where they stand.
process.chdir(fileURLToPath(new URL("..", import.meta.url)));

// The first signal calls the run off, and everything it started is ended; the second leaves at once, and guards do it.
const off = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
  process.on(signal, () => {
    if (off.signal.aborted) process.exit(1);
    off.abort(new Error(`called off by ${signal}`));
  });

const terminal = process.stderr.isTTY;
let said = "";
function say(scenario: string, faults: number, completed: number, what: string): void {
  const line = `${scenario}: ${faults} faults, ${completed} completed, ${what}`;
  if (terminal) process.stderr.write(`\r\u001B[K${line}`);
  else if (!values.json && `${scenario} ${faults} ${what}` !== said) console.error(line);
  said = `${scenario} ${faults} ${what}`;
}

if (!values.json) console.error(`seed ${seed}`);
const outcomes: Outcome[] = [];
let failed = false;
for (const scenario of scenarios) {
  try {
    const outcome = await drive(scenario, {
      store: store.name,
      size: values.quick ? QUICK : FULL,
      seed,
      keep: values.keep,
      signal: off.signal,
      onProgress: (faults, completed, what) => say(scenario.name, faults, completed, what),
    });
    outcomes.push(outcome);
    failed ||= outcome.missed.length > 0;
    if (values.json) console.log(jsonLine(outcome));
  } catch (error) {
    failed = true;
    if (terminal) process.stderr.write("\r\u001B[K");
    console.error(`${scenario.name}:`, error);
    if (off.signal.aborted) break;
  }
}
if (terminal) process.stderr.write("\r\u001B[K");
if (!values.json && outcomes.length > 0) console.log(`\n${tableOf(outcomes)}`);
process.exitCode = failed ? 1 : 0;
