import type { WorkerJobFigures } from "../observability/worker-job-stats.ts";
import type { CrewMember } from "./crew.ts";

/** What one worker did so far, and does now. */
export interface WorkerStats extends WorkerJobFigures {
  /** Attempts that run now. */
  readonly running: number;
  readonly slots: number;
}

export function statsOf({ stats, running, slots }: CrewMember): WorkerStats {
  return { ...stats.toJSON(), running, slots };
}
