import type { Books } from "./books.ts";

/** One thing that was done to the servers, the network or the workers, on the machine's monotonic clock. */
export interface Fault {
  /** The moment before it struck. */
  readonly at: number;
  /** When it surely had struck: a signal takes a moment to arrive. */
  readonly struckAt: number;
  /** When the store could be reached again, as seen from outside; the same as `at` where it always could. */
  readonly reachableAt: number;
  /** Processes whose handlers it hit. Absent: all of them. */
  readonly victims?: readonly number[];
  /** Processes that have to consume once the store is reachable. */
  readonly consumers: readonly number[];
}

/** When a worker process was gone, by its process id. */
export type Deaths = ReadonlyMap<number, number>;

/** What the ledgers say of a run. */
export interface Figures {
  /** Jobs whose enqueue resolved. */
  readonly accepted: number;
  /** Accepted jobs whose handler got to its end. */
  readonly completed: number;
  /** Accepted jobs whose handler never got to its end. */
  readonly lost: number;
  /** Ends beyond the first of each job. */
  readonly duplicates: number;
  /**
   * Runs that had started while each fault struck and had not ended, or whose end the store had not answered yet,
   * summed over the faults.
   */
  readonly inFlightAtFaults: number;
  /** Those of them that had ended: only their outcome was on its way. */
  readonly settlingAtFaults: number;
  /** Jobs whose enqueue was under way between a fault and the moment at which the store could be reached again. */
  readonly enqueuedAtFaults: number;
  readonly faults: number;
  /** Faults that found at least one handler at work. */
  readonly faultsInFlight: number;
  /**
   * The longest time that one worker process started nothing although the store was reachable and jobs were waiting,
   * from the end of a fault to the next fault; `null` when no fault left a consumer. Milliseconds.
   */
  readonly resumeMs: number | null;
  /** The longest time from a fault that killed a handler to the next start of its job; `null` when none was killed. */
  readonly rerunMs: number | null;
  /** Jobs whose producer was not told whether they were stored. */
  readonly unknown: number;
  /** Jobs that ran although their producer was told that they were not stored, or that nobody enqueued. */
  readonly phantoms: number;
  /** Jobs that more than one attempt finished, each with the store's consent. */
  readonly settledTwice: number;
  /** Attempts that were told that their lease had ended. */
  readonly fenced: number;
  /** Runs that were counted as a repeated attempt, although no handler of these jobs ever fails. */
  readonly burned: number;
}

/**
 * Judges a run by what producers and handlers wrote down.
 *
 * @param loadEnd when producers were asked to stop; until then jobs were always waiting.
 */
export function figuresOf(books: Books, faults: readonly Fault[], deaths: Deaths, loadEnd: number): Figures {
  const atWork = faults.map((fault) => atWorkAt(books, fault, deaths));
  const settling = sum(faults.map((fault) => settlingAt(books, fault, deaths)));
  return {
    accepted: books.accepted.size,
    completed: books.completed,
    lost: books.accepted.size - books.completed,
    duplicates: sum([...books.ends.values()].map((ends) => ends - 1)),
    inFlightAtFaults: sum(atWork) + settling,
    settlingAtFaults: settling,
    enqueuedAtFaults: sum(faults.map((fault) => enqueuedAt(books, fault))),
    faults: faults.length,
    faultsInFlight: atWork.filter((count) => count > 0).length,
    resumeMs: resumeTime(books, faults, deaths, loadEnd),
    rerunMs: rerunTime(books, faults, deaths),
    unknown: books.unknown.size,
    phantoms: [...books.firstStart.keys()].filter((id) => !books.accepted.has(id) && !books.unknown.has(id))
      .length,
    settledTwice: [...books.settlements.values()].filter((times) => times > 1).length,
    fenced: books.fenced,
    burned: books.executions.filter(({ attempt }) => attempt > 1).length,
  };
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

const longest = (values: readonly number[]): number | null =>
  values.length === 0 ? null : Math.round(Math.max(...values));

/** Whether the fault hit this process while it was alive. */
const isHit = ({ at, victims }: Fault, pid: number, deaths: Deaths): boolean =>
  (deaths.get(pid) ?? Infinity) > at && (victims === undefined || victims.includes(pid));

/** Handlers that had started and not ended. */
function atWorkAt(books: Books, fault: Fault, deaths: Deaths): number {
  return books.executions.filter(
    ({ pid, startedAt, endedAt }) =>
      startedAt <= fault.struckAt &&
      (endedAt === undefined || endedAt > fault.at) &&
      isHit(fault, pid, deaths),
  ).length;
}

/** An answer takes a round trip; after so long, in milliseconds, nobody waits for it any more. */
const ANSWERED_WITHIN = 1_000;

/** Runs that had ended, and whose process did not know yet what the store makes of it. */
function settlingAt(books: Books, fault: Fault, deaths: Deaths): number {
  return books.executions.filter(
    ({ pid, endedAt, answeredAt }) =>
      endedAt !== undefined &&
      endedAt <= fault.at &&
      endedAt > fault.at - ANSWERED_WITHIN &&
      (answeredAt === undefined || answeredAt > fault.at) &&
      isHit(fault, pid, deaths),
  ).length;
}

/** Enqueues that had begun before the fault was over, and had not been answered when it struck. */
function enqueuedAt({ asked, accepted }: Books, { at, reachableAt }: Fault): number {
  let n = 0;
  for (const [id, acceptedAt] of accepted)
    if (acceptedAt >= at && (asked.get(id) ?? Infinity) <= reachableAt) n++;
  return n;
}

type Span = readonly [from: number, to: number];

function resumeTime(books: Books, faults: readonly Fault[], deaths: Deaths, loadEnd: number): number | null {
  const starts = new Map<number, number[]>();
  for (const { pid, startedAt } of books.executions) {
    const own = starts.get(pid);
    if (own === undefined) starts.set(pid, [startedAt]);
    else own.push(startedAt);
  }
  const waits = waitingSpans(books);
  const silences = faults.flatMap(({ reachableAt, consumers }, i) => {
    const until = faults[i + 1]?.at ?? loadEnd;
    return consumers
      .filter((pid) => (deaths.get(pid) ?? Infinity) >= until)
      .map((pid) => longestSilence(starts.get(pid) ?? [], waits, [reachableAt, until]));
  });
  return longest(silences);
}

/** The times at which at least one accepted job had not started yet, in order and apart. */
function waitingSpans(books: Books): readonly Span[] {
  const each = [...books.accepted]
    .map(([id, acceptedAt]): Span => [acceptedAt, books.firstStart.get(id) ?? Infinity])
    .filter(([from, to]) => from < to)
    .toSorted(([a], [b]) => a - b);
  const spans: [number, number][] = [];
  for (const [from, to] of each) {
    const last = spans.at(-1);
    if (last !== undefined && from <= last[1]) last[1] = Math.max(last[1], to);
    else spans.push([from, to]);
  }
  return spans;
}

/** The longest part of the window in which jobs waited all the time and none of these starts lies. */
function longestSilence(starts: readonly number[], waits: readonly Span[], [from, until]: Span): number {
  const inside = starts.filter((start) => start >= from && start < until).toSorted((a, b) => a - b);
  const near = waits.filter(([waitFrom, waitTo]) => waitFrom < until && waitTo > from);
  let most = 0;
  let since = from;
  for (const next of [...inside, until]) {
    for (const [waitFrom, waitTo] of near) {
      if (waitFrom >= next) break;
      most = Math.max(most, Math.min(waitTo, next) - Math.max(waitFrom, since));
    }
    since = next;
  }
  return most;
}

function rerunTime(books: Books, faults: readonly Fault[], deaths: Deaths): number | null {
  const starts = new Map<string, number[]>();
  for (const { id, startedAt } of books.executions) {
    const own = starts.get(id);
    if (own === undefined) starts.set(id, [startedAt]);
    else own.push(startedAt);
  }
  const times = faults.flatMap(({ at, struckAt, victims }) =>
    books.executions
      .filter(
        ({ pid, startedAt, endedAt }) =>
          victims?.includes(pid) === true &&
          startedAt <= struckAt &&
          endedAt === undefined &&
          (deaths.get(pid) ?? 0) >= at,
      )
      .flatMap(({ id }) => {
        const again = (starts.get(id) ?? []).filter((start) => start > at);
        return again.length === 0 ? [] : [Math.min(...again) - at];
      }),
  );
  return longest(times);
}
