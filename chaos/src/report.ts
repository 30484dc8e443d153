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

/** A table for people: a row for each scenario, and below it what was missed. */
export function tableOf(outcomes: readonly Outcome[]): string {
  const width = Math.max(8, ...outcomes.map(({ scenario }) => scenario.length));
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
        outcome.scenario,
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
