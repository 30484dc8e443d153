// Lets an application live for long under a mixed load: npm run soak -- [STORE] --minutes 60
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { machineLine } from "./machine.ts";
import { publishSoak } from "./soak/soak-ledger.ts";
import { soak } from "./soak/soak.ts";
import { SOAK_STORES } from "./soak/stores.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    minutes: { type: "string", default: "60" },
    rate: { type: "string", default: "100" },
    sample: { type: "string", default: "10" },
    seed: { type: "string" },
    out: { type: "string", default: ".proof" },
  },
});
const [store = "redis", ...others] = positionals;
const [minutes, rate, sampleS] = [values.minutes, values.rate, values.sample].map(Number) as [
  number,
  number,
  number,
];
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
const isPositive = (value: number): boolean => Number.isFinite(value) && value > 0;
if (
  !Object.hasOwn(SOAK_STORES, store) ||
  others.length > 0 ||
  ![minutes, rate, sampleS].every(isPositive) ||
  !Number.isSafeInteger(seed)
) {
  console.error(`usage: npm run soak -- [STORE] [--minutes N] [--rate N] [--sample SECONDS] [--seed N] [--out FOLDER]

  STORE      ${Object.keys(SOAK_STORES).join(" | ")} (default: redis)
  --minutes  how long (default 60)
  --rate     jobs a second (default 100)
  --sample   seconds from one look at memory and handles to the next (default 10)
  --seed     repeats the choice of jobs; printed with the result
  --out      where the dated ledger goes (default .proof)`);
  process.exit(2);
}
const out = resolve(values.out);
// Applications look for their backends from where they stand.
process.chdir(fileURLToPath(new URL("..", import.meta.url)));

const off = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
  process.on(signal, () => {
    if (off.signal.aborted) process.exit(1);
    off.abort(new Error(`called off by ${signal}`));
  });

console.error(`seed ${seed}`);
const soaked = await soak({
  store,
  durationMs: minutes * 60_000,
  rate,
  sampleMs: sampleS * 1_000,
  seed,
  signal: off.signal,
  onSample: (seconds, completed) => console.error(`${seconds} s: ${completed} completed`),
});
for (const file of publishSoak(out, new Date().toISOString().slice(0, 10), machineLine(), soaked))
  console.error(`written: ${file}`);
const { samples: _, ...shown } = soaked;
console.log(JSON.stringify(shown));
process.exitCode = soaked.missed.length > 0 ? 1 : 0;
