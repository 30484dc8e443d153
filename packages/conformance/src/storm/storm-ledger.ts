import { isTerminal, type JobId, type JobStatus } from "@lexigram/contracts";
import { endsUntold } from "./storm-jobs.ts";

/** What callers of one queue were told in a storm. It is data, which processes can hand over. */
export interface StormLedger {
  calls: number;
  /** Once for each time that a job was stored under the id. */
  readonly accepted: JobId[];
  /** Settled as completed, or as failed, and not told as lost. */
  readonly completed: JobId[];
  readonly failed: JobId[];
  /** Settled as cancelled, or cancelled by a call, also while it ran. */
  readonly stopped: JobId[];
  readonly deleted: JobId[];
  /** Unfinished jobs that were cleared by their status: how many. */
  cleared: number;
  /** Dead letters that were moved back: how many. */
  redriven: number;
  /** Calls that had to be sent again, by the code of what they failed with. */
  readonly troubles: Record<string, number>;
  /** What a caller saw that may not be. */
  readonly faults: string[];
}

export const emptyLedger = (): StormLedger => ({
  calls: 0,
  accepted: [],
  completed: [],
  failed: [],
  stopped: [],
  deleted: [],
  cleared: 0,
  redriven: 0,
  troubles: {},
  faults: [],
});

/** The ledgers of several callers of one queue as one. */
export function sumOf(ledgers: readonly StormLedger[]): StormLedger {
  const sum = emptyLedger();
  for (const ledger of ledgers) {
    for (const list of ["accepted", "completed", "failed", "stopped", "deleted", "faults"] as const)
      for (const id of ledger[list]) sum[list].push(id);
    for (const count of ["calls", "cleared", "redriven"] as const) sum[count] += ledger[count];
    for (const [code, n] of Object.entries(ledger.troubles))
      sum.troubles[code] = (sum.troubles[code] ?? 0) + n;
  }
  return sum;
}

interface Fate {
  accepted: number;
  completed: number;
  failed: number;
  stopped: number;
  deleted: number;
}

const NO_FATE: Readonly<Fate> = { accepted: 0, completed: 0, failed: 0, stopped: 0, deleted: 0 };

function fatesOf(ledger: StormLedger): Map<JobId, Fate> {
  const fates = new Map<JobId, Fate>();
  for (const end of ["accepted", "completed", "failed", "stopped", "deleted"] as const)
    for (const id of ledger[end]) {
      let fate = fates.get(id);
      if (fate === undefined) fates.set(id, (fate = { ...NO_FATE }));
      fate[end]++;
    }
  return fates;
}

/**
 * Holds what all callers of a queue were told, those who drained it included, against what it holds when it is calm.
 *
 * @param stored every job of the queue with its status.
 * @returns what does not fit; nothing when no job was lost, repeated or made up, and all counts are exact.
 */
export function stormFaults(ledger: StormLedger, stored: ReadonlyMap<JobId, JobStatus>): string[] {
  const faults = [...ledger.faults];
  const fates = fatesOf(ledger);
  for (const id of stored.keys()) if (!fates.has(id)) fates.set(id, NO_FATE);
  let gone = 0;
  for (const [id, fate] of fates) {
    const status = stored.get(id);
    const held = status === undefined ? 0 : 1;
    const say = (what: string): void => void faults.push(`${id} (${status ?? "gone"}) ${what}`);
    if (held > fate.accepted) say("is there, and was never accepted");
    if (fate.completed > fate.accepted) say(`was completed ${fate.completed} times`);
    if (fate.deleted + held > fate.accepted) say(`was deleted ${fate.deleted} times`);
    if (status !== undefined && !isTerminal(status)) say("is not over");
    const isOnce = fate.accepted === 1;
    if (status === "completed" && fate.completed === 0) say("was completed by nobody");
    if (isOnce && held === 1 && fate.completed > 0 && status !== "completed") say("had been completed");
    if (status === "failed" && fate.failed === 0) say("was failed by nobody");
    if (status === "cancelled" && fate.stopped === 0 && !endsUntold(id)) say("was cancelled by nobody");
    if (status === "expired" && !endsUntold(id)) say("has no time by which to start");
    // What was accepted is there, or went as somebody was told, or was cleared.
    gone += Math.max(0, fate.accepted - held - fate.completed - fate.failed - fate.stopped - fate.deleted);
  }
  if (gone !== ledger.cleared)
    faults.push(`${gone} jobs are gone and nobody was told how they ended; ${ledger.cleared} were cleared`);
  return faults;
}
