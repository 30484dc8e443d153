import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { markdownOf } from "./report.ts";
import type { Outcome } from "./run/drive.ts";

/** A run as it is published: what it was, on what, and what it showed. */
export interface Published {
  readonly date: string;
  readonly quick: boolean;
  readonly seed: number;
  readonly machine: string;
  /** How each store was set where nothing may be lost. */
  readonly settings: Readonly<Record<string, string>>;
  readonly outcomes: readonly Outcome[];
}

/**
 * Writes a run as JSON and as a Markdown page, named after its day.
 *
 * @returns the names of both files.
 */
export function publish(folder: string, run: Published): readonly string[] {
  mkdirSync(folder, { recursive: true });
  const name = join(folder, `${run.date}-chaos${run.quick ? "-quick" : ""}`);
  // Where ledgers were kept says nothing on another machine.
  const outcomes = run.outcomes.map(withoutPlace);
  writeFileSync(`${name}.json`, `${JSON.stringify({ ...run, outcomes }, undefined, 2)}\n`);
  writeFileSync(`${name}.md`, markdownOf({ ...run, outcomes }));
  return [`${name}.json`, `${name}.md`];
}

function withoutPlace(outcome: Outcome): Outcome {
  const { kept: _, ...rest } = outcome;
  return rest;
}
