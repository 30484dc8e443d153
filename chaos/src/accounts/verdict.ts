import type { Figures } from "./figures.ts";

/** What a scenario must show. */
export interface Bars {
  /** Jobs that the run accepts at least; with fewer it says nothing. */
  readonly accepted: number;
  /** Faults that must find a handler at work; with fewer the run says nothing. */
  readonly faultsInFlight: number;
  /** Whether the settings are safe: nothing lost, nothing finished twice, the store agrees. Otherwise loss is measured only. */
  readonly safe: boolean;
  /** Ends beyond the first of each job. `in flight`: as many as were in flight at the faults; `any`: measured only. */
  readonly duplicates: "none" | "in flight" | "any";
  /**
   * The store does not remember calls: what was being enqueued at a fault may be stored twice, and what was being settled may be
   * finished twice.
   */
  readonly forgets?: boolean;
  /** The longest pause of a consumer after a fault, in milliseconds; absent: measured only. */
  readonly resumeMs?: number;
  /** Whether the fence must have been seen to refuse an attempt. */
  readonly fenced?: boolean;
}

/** What the store and the processes showed beside the ledgers. */
export interface Findings {
  /** Accepted jobs that the store does not call completed; `undefined` when it could not be asked. */
  readonly unsettled: number | undefined;
  /** Processes that ended by themselves, or not in order. */
  readonly crashes: readonly string[];
  /** What its scenario found beside the bars. */
  readonly others?: readonly string[];
  /** Whether the run took longer than it may. */
  readonly outOfTime: boolean;
}

/** The bars that a run missed, each said in words; none: it passed. */
export function missedBars(figures: Figures, findings: Findings, bars: Bars): readonly string[] {
  const missed: string[] = [];
  const must = (holds: boolean, words: string): void => {
    if (!holds) missed.push(words);
  };
  must(!findings.outOfTime, "took longer than it may");
  must(
    figures.accepted >= bars.accepted,
    `${figures.accepted} jobs accepted, fewer than the ${bars.accepted} that say something`,
  );
  must(
    figures.faultsInFlight >= bars.faultsInFlight,
    `${figures.faultsInFlight} faults found a job in flight, fewer than the ${bars.faultsInFlight} that say something`,
  );
  missed.push(...findings.crashes, ...(findings.others ?? []));
  const resent = bars.forgets === true ? figures.enqueuedAtFaults : 0;
  if (bars.safe) {
    must(figures.lost === 0, `${figures.lost} accepted jobs never ended`);
    must(figures.phantoms === 0, `${figures.phantoms} jobs ran that were not accepted`);
    const twice = bars.forgets === true ? resent + figures.settlingAtFaults : 0;
    must(figures.settledTwice <= twice, `${figures.settledTwice} jobs were finished by two attempts`);
    must(figures.burned === 0, `${figures.burned} runs cost an attempt of a job that never failed`);
    must(findings.unsettled !== undefined, "the store could not be asked");
    must(
      (findings.unsettled ?? 0) === 0,
      `${findings.unsettled} accepted jobs are not completed in the store`,
    );
  }
  const most = { none: 0, "in flight": figures.inFlightAtFaults + resent, any: Infinity }[bars.duplicates];
  must(figures.duplicates <= most, `${figures.duplicates} duplicates, more than ${most}`);
  if (bars.resumeMs !== undefined)
    must(
      figures.resumeMs !== null && figures.resumeMs <= bars.resumeMs,
      figures.resumeMs === null
        ? "no consumer was left to resume"
        : `a consumer paused for ${figures.resumeMs} ms, longer than ${bars.resumeMs}`,
    );
  if (bars.fenced === true) must(figures.fenced > 0, "no attempt was fenced");
  return missed;
}
