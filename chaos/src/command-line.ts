import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { BROKEN_BUILDS } from "./broken/builds.ts";
import { BROKEN, FULL, QUICK, QUICK_SCENARIOS, type Scenario, type Size } from "./scenario.ts";
import { STORES } from "./stores/index.ts";
import type { ChaosStore } from "./stores/store.ts";

/** One run of one scenario. */
export interface Task {
  readonly scenario: Scenario;
  /** The broken build that must turn it red. Absent: it must stay green. */
  readonly broken?: string;
}

/** What was asked for. */
export interface Wish {
  /** Stores and what is run on each, in order. */
  readonly stores: readonly { readonly store: ChaosStore; readonly tasks: readonly Task[] }[];
  readonly size: Size;
  readonly quick: boolean;
  /** Whether stores are hurt at the same time. */
  readonly atOnce: boolean;
  readonly json: boolean;
  readonly keep: boolean;
  readonly broken: boolean;
  readonly seed: number;
  /** The folder that dated ledgers are written to, if they are. */
  readonly out?: string;
}

/** Where dated ledgers go unless another folder is named; git does not see it. */
const OUT = ".proof";

/**
 * Reads the command line.
 *
 * @param anySeed for a run that names none.
 * @param from where relative folders begin.
 * @returns nothing when it asks for what there is not.
 * @throws TypeError for an option that there is not.
 */
export function readCommandLine(args: readonly string[], anySeed: number, from: string): Wish | undefined {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      json: { type: "boolean", default: false },
      quick: { type: "boolean", default: false },
      broken: { type: "boolean", default: false },
      scenario: { type: "string" },
      seed: { type: "string" },
      keep: { type: "boolean", default: false },
      out: { type: "string" },
    },
  });
  const [name = "", ...others] = positionals;
  const { quick, broken, json, keep } = values;
  const all = name === "all";
  const asked = all ? Object.values(STORES) : Object.hasOwn(STORES, name) ? [STORES[name] as ChaosStore] : [];
  const seed = Number(values.seed ?? anySeed);
  if (asked.length === 0 || others.length > 0 || !Number.isSafeInteger(seed) || seed < 0) return undefined;
  const wanted = values.scenario?.split(",") ?? (all && quick && !broken ? QUICK_SCENARIOS : undefined);
  const stores = asked.map((store) => ({
    store,
    tasks: broken ? brokenTasks(store, wanted) : tasks(store, wanted),
  }));
  const known = new Set(asked.flatMap((store) => store.scenarios.map((scenario) => scenario.name)));
  if (wanted?.every((one) => known.has(one)) === false) return undefined;
  const out = values.out ?? (all ? OUT : undefined);
  return {
    stores,
    size: broken ? BROKEN : quick ? QUICK : FULL,
    quick,
    atOnce: all && (quick || broken),
    json,
    keep,
    broken,
    seed,
    ...(out === undefined ? {} : { out: resolve(from, out) }),
  };
}

const tasks = ({ scenarios }: ChaosStore, wanted: readonly string[] | undefined): readonly Task[] =>
  scenarios.filter((scenario) => wanted?.includes(scenario.name) ?? true).map((scenario) => ({ scenario }));

function brokenTasks(
  { name, scenarios }: ChaosStore,
  wanted: readonly string[] | undefined,
): readonly Task[] {
  return BROKEN_BUILDS.filter(({ notOn }) => notOn?.includes(name) !== true).flatMap((build) =>
    scenarios
      .filter((one) => build.scenarios.includes(one.name) && (wanted?.includes(one.name) ?? true))
      .map((scenario) => ({ scenario, broken: build.name })),
  );
}

export function usage(): string {
  const list = Object.values(STORES).flatMap((one) => [
    `  ${one.name} (safe: ${one.safeSettings})`,
    ...one.scenarios.map((scenario) => `    ${scenario.name.padEnd(24)}${scenario.title}`),
  ]);
  const builds = BROKEN_BUILDS.map(
    (build) => `    ${build.name.padEnd(24)}${build.title}, under ${build.scenarios.join(" and ")}`,
  );
  return `usage: npm run chaos -- STORE|all [--quick] [--json] [--scenario NAME,NAME] [--seed N] [--keep] [--out FOLDER] [--broken]

  all         every store, one after the other
  --quick     5,000 jobs and 6 faults a scenario instead of 30,000 and 20; with all, only ${QUICK_SCENARIOS.join(", ")},
              all stores at the same time
  --json      one line of JSON for each scenario, nothing else on standard output
  --scenario  only these
  --seed      repeats the faults of a run, in their order; printed with each result
  --keep      keeps ledgers and logs of runs that missed nothing, too
  --out       writes the results, dated, as JSON and Markdown to this folder (with all: ${OUT} unless told otherwise)
  --broken    runs builds that are broken on purpose, each of which must turn its scenario red

${list.join("\n")}
  --broken
${builds.join("\n")}`;
}
