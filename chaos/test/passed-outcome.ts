import type { Outcome } from "../src/run/drive.ts";

/** Of a run in which all was as it must be. */
export const passedOutcome: Outcome = {
  missed: [],
  workers: 2,
  seconds: 31,
  unsettled: 0,
  safe: true,
  seed: 42,
  store: "redis",
  scenario: "worker-kill",
  accepted: 5_012,
  completed: 5_012,
  lost: 0,
  duplicates: 1,
  inFlightAtFaults: 44,
  settlingAtFaults: 3,
  enqueuedAtFaults: 0,
  faults: 6,
  faultsInFlight: 6,
  resumeMs: 120,
  rerunMs: 2_400,
  unknown: 0,
  phantoms: 0,
  settledTwice: 0,
  fenced: 0,
  burned: 0,
};
