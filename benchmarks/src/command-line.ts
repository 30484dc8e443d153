import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { SYSTEMS } from "./systems.ts";
import { WORKLOADS } from "./workloads.ts";

const SYNCS = ["always", "everysec"] as const;
const QUICK_RUNS = 3;
const FULL_RUNS = 5;
/** Where a benchmark of all stores is written unless another folder is named; git does not see it. */
const OUT = ".proof";
/** Milliseconds that a quick benchmark of all stores may take. */
const QUICK_MS = 540_000;

/** What was asked for. */
export interface Wish {
  readonly stores: readonly string[];
  /** Whether it was `all`. */
  readonly all: boolean;
  readonly json: boolean;
  readonly quick: boolean;
  readonly runs: number;
  readonly workloads?: readonly string[];
  readonly systems?: readonly string[];
  readonly appendfsync?: (typeof SYNCS)[number];
  /** The folder that dated files are written to, if they are. */
  readonly out?: string;
  /** Milliseconds after which a store begins no other workload. */
  readonly withinMs?: number;
}

export const USAGE = `usage: npm run bench -- STORE|all [--json] [--quick] [--workloads W4,W6] [--systems ours,plain] [--runs N] [--out FOLDER]

  STORE          ${Object.keys(SYSTEMS).join(" | ")}
  all            one after the other, the workloads that take minutes as well; with --quick 1 run, in ${QUICK_MS / 60_000} minutes at most
  --json         one line of JSON for each result, nothing else on standard output
  --quick        fewer jobs and ${QUICK_RUNS} runs: to see that it works, never to be quoted
  --workloads    ${WORKLOADS.map((w) => w.id).join(", ")} (default: all that do not take minutes)
  --systems      by name: ours,bullmq; one variant of them: graphile-worker/batched, ours/ (as shipped)
  --runs         counted runs, after one that is thrown away (default ${FULL_RUNS})
  --out          writes the results, dated, as JSON and Markdown to this folder (with all: ${OUT} unless told otherwise)
  --within       seconds after which no other workload is begun; what is left out is named
  --appendfsync  redis: keep a log and force it to the disk ${SYNCS.join(" | ")} (default: no log)`;

/**
 * Reads the command line.
 *
 * @param from where relative folders begin.
 * @returns nothing when it asks for what there is not.
 * @throws TypeError for an option that there is not.
 */
export function readCommandLine(args: readonly string[], from: string): Wish | undefined {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      json: { type: "boolean", default: false },
      quick: { type: "boolean", default: false },
      workloads: { type: "string" },
      systems: { type: "string" },
      runs: { type: "string" },
      out: { type: "string" },
      within: { type: "string" },
      appendfsync: { type: "string" },
    },
  });
  const { json, quick } = values;
  const [name = "", ...others] = positionals;
  const all = name === "all";
  const stores = all ? Object.keys(SYSTEMS) : Object.hasOwn(SYSTEMS, name) ? [name] : [];
  const usual = quick ? (all ? 1 : QUICK_RUNS) : FULL_RUNS;
  const runs = values.runs === undefined ? usual : Number(values.runs);
  const within = values.within === undefined ? undefined : Number(values.within) * 1_000;
  const appendfsync = SYNCS.find((sync) => sync === values.appendfsync);
  if (
    stores.length === 0 ||
    others.length > 0 ||
    !(Number.isInteger(runs) && runs > 0) ||
    !(within === undefined || within > 0) ||
    (values.appendfsync !== undefined && (appendfsync === undefined || name !== "redis"))
  )
    return undefined;
  const everything = all && !quick ? WORKLOADS.map(({ id }) => id) : undefined;
  const workloads = values.workloads?.split(",") ?? everything;
  const withinMs = within ?? (all && quick ? QUICK_MS : undefined);
  const out = values.out ?? (all ? OUT : undefined);
  return {
    stores,
    all,
    json,
    quick,
    runs,
    ...(workloads === undefined ? {} : { workloads }),
    ...(values.systems === undefined ? {} : { systems: values.systems.split(",") }),
    ...(appendfsync === undefined ? {} : { appendfsync }),
    ...(out === undefined ? {} : { out: resolve(from, out) }),
    ...(withinMs === undefined ? {} : { withinMs }),
  };
}
