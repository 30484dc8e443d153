import type { Scenario } from "../scenario.ts";

/** A store and everything that is done to it. */
export interface ChaosStore {
  readonly name: string;
  /** How it is set in the runs that must lose nothing. */
  readonly safeSettings: string;
  readonly scenarios: readonly Scenario[];
}
