import type { Outcome } from "../run/drive.ts";
import { BROKEN_BUILDS } from "./builds.ts";

/**
 * Judges the run of a broken build: it misses nothing when it turned red for its reason, and misses just that when it
 * did not.
 */
export function verdictOnBroken(outcome: Outcome, broken: string): Outcome {
  const build = BROKEN_BUILDS.find(({ name }) => name === broken);
  const isRed = build !== undefined && outcome.missed.some((words) => build.reason.test(words));
  return {
    ...outcome,
    scenario: `${outcome.scenario}, ${broken}`,
    missed: isRed ? [] : [`it stayed green: ${build?.title ?? "a build that there is not"}`],
  };
}
