import type { Published } from "./published.ts";
import type { Outcome } from "./run/drive.ts";

/** One line of JSON for a scenario: the fields that every reader needs first, then the rest. */
export function jsonLine(outcome: Outcome): string {
  const {
    scenario,
    store,
    accepted,
    completed,
    lost,
    duplicates,
    inFlightAtFaults,
    faults,
    resumeMs,
    seed,
    ...more
  } = outcome;
  const first = {
    scenario,
    store,
    accepted,
    completed,
    lost,
    duplicates,
    inFlightAtFaults,
    faults,
    resumeMs,
  };
  return JSON.stringify({ ...first, seed, ...more });
}

const COLUMNS = [
  "accepted",
  "completed",
  "lost",
  "duplicates",
  "inFlightAtFaults",
  "faults",
  "resumeMs",
] as const;

const HEADS: Readonly<Record<(typeof COLUMNS)[number], string>> = {
  accepted: "accepted",
  completed: "completed",
  lost: "lost",
  duplicates: "dupl.",
  inFlightAtFaults: "in flight",
  faults: "faults",
  resumeMs: "resume ms",
};

/** A table for people: a row for each scenario, and below it what was missed. Of several stores, each names its own. */
export function tableOf(outcomes: readonly Outcome[]): string {
  const several = new Set(outcomes.map(({ store }) => store)).size > 1;
  const nameOf = ({ store, scenario }: Outcome): string => (several ? `${store} ${scenario}` : scenario);
  const width = Math.max(8, ...outcomes.map((outcome) => nameOf(outcome).length));
  const row = (verdict: string, name: string, cells: readonly string[]): string =>
    `${verdict.padEnd(8)} ${name.padEnd(width)} ${cells.map((cell) => cell.padStart(9)).join(" ")}`;
  return [
    row(
      "",
      "scenario",
      COLUMNS.map((column) => HEADS[column]),
    ),
    ...outcomes.flatMap((outcome) => [
      row(
        verdictOf(outcome),
        nameOf(outcome),
        COLUMNS.map((column) => outcome[column]?.toLocaleString("en-US") ?? "–"),
      ),
      ...outcome.missed.map((words) => `${" ".repeat(9)}${words}`),
      ...(outcome.kept === undefined ? [] : [`${" ".repeat(9)}its ledgers and logs: ${outcome.kept}`]),
    ]),
  ].join("\n");
}

function verdictOf({ missed, safe }: Outcome): string {
  if (missed.length > 0) return "MISSED";
  return safe ? "ok" : "measured";
}

/** A page for readers: what was run, on what, and a table for each store. */
export function markdownOf({ date, quick, seed, machine, settings, outcomes }: Published): string {
  const stores = [...new Set(outcomes.map(({ store }) => store))];
  const head = [
    "scenario",
    ...COLUMNS.map((column) => HEADS[column]),
    "unknown",
    "fenced",
    "seconds",
    "verdict",
  ];
  const cell = (value: number | null): string => value?.toLocaleString("en-US") ?? "–";
  const sections = stores.flatMap((store) => [
    `## ${store}`,
    "",
    `Safe: ${settings[store] ?? "not said"}.`,
    "",
    `| ${head.join(" | ")} |`,
    `|---|${"---:|".repeat(head.length - 2)}---|`,
    ...outcomes
      .filter((outcome) => outcome.store === store)
      .map((outcome) => {
        const { scenario, unknown, fenced, seconds, missed } = outcome;
        const numbers = [...COLUMNS.map((column) => outcome[column]), unknown, fenced, seconds].map(cell);
        const verdict = missed.length === 0 ? verdictOf(outcome) : `**missed**: ${missed.join("; ")}`;
        return `| ${[scenario, ...numbers, verdict].join(" | ")} |`;
      }),
    "",
  ]);
  return [
    `# Chaos, ${date}`,
    "",
    `${machine}. Seed ${seed}.${quick ? " A quick run: fewer jobs and faults, leases of 2 s where workers die, all stores at the same time." : ""}`,
    "What each column says stands in `docs/chaos.md`; the same run as data in the file of the same name.",
    "",
    ...sections,
  ]
    .join("\n")
    .trimEnd()
    .concat("\n");
}
