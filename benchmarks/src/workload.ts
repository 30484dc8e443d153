import { setTimeout as sleep } from "node:timers/promises";
import type { Gauge } from "./stores/gauge.ts";
import type { Ability, EnqueueSettings, OpenSubject, Subject } from "./subject.ts";
import { Tally } from "./tally.ts";

/** What one run measured. Spans in milliseconds. */
export interface Measured {
  /** Jobs per second. */
  readonly perSecond?: number;
  readonly p50Ms?: number;
  readonly p99Ms?: number;
  readonly bytesPerJob?: number;
  /** From the due instant to the first and the last handler. */
  readonly firstAfterDueMs?: number;
  readonly allAfterDueMs?: number;
  readonly early?: number;
  /** The median claim with 1,000 jobs waiting. */
  readonly p50AtThousandMs?: number;
  /** Microseconds of CPU that the server used for each job. */
  readonly serverUs?: number;
  /** Microseconds of CPU that the measured process used for each job. */
  readonly clientUs?: number;
  /** Jobs per second whose results were read back. */
  readonly readPerSecond?: number;
  /** Medians of a page of 100, and of the figures of a queue. */
  readonly listMs?: number;
  readonly statsMs?: number;
  /** MiB that the process holds when all is over, and what they are more than at the beginning. */
  readonly rssMiB?: number;
  readonly rssGrowthMiB?: number;
  /** Bytes that the server logged for each job, in what was measured. */
  readonly walBytes?: number;
  /** Row versions that each job left to be cleared away, in its whole life. */
  readonly deadRows?: number;
  /** The most jobs that waited at once near the end of a run in which they come at a fixed rate. */
  readonly backlog?: number;
  /** The most row versions that could not be cleared away, as readers might still see them. */
  readonly heldRows?: number;
}

export interface RunSettings {
  readonly n: number;
  readonly concurrency: number;
  /** Where the store is; absent for one in memory. */
  readonly url?: string;
  readonly gauge: Gauge;
  /** Runs the workload's `beside` in a second process, and resolves to what it returned. */
  readonly beside: () => Promise<unknown>;
}

/** Jobs of a run, and of a quick one: in memory, on a server, and for systems that are slow on a server. */
interface Sizes {
  readonly memory: readonly [full: number, quick: number];
  readonly server: readonly [full: number, quick: number];
  /** Default: as `server`. */
  readonly slow?: readonly [full: number, quick: number];
}

export interface Workload {
  readonly id: string;
  readonly title: string;
  /** Worker concurrencies to run it at. */
  readonly concurrencies: readonly number[];
  readonly sizes: Sizes;
  /** What a system must be able to do to run it. */
  readonly needs: readonly Ability[];
  /** Stores that cannot tell what it asks of them. */
  readonly notOn?: readonly string[];
  /** Milliseconds after which a run hangs, where it takes minutes: it is then run only when it is named, and never to warm up. */
  readonly longMs?: number;
  run(subject: Subject, settings: RunSettings): Promise<Measured>;
  /** What belongs in a second process, where the store can be shared by two. */
  beside?(subject: Subject, settings: Pick<RunSettings, "n" | "url">): Promise<unknown>;
}

export function sizeOf({ sizes }: Workload, subject: Subject, quick: boolean): number {
  const served = subject.isSlow === true ? (sizes.slow ?? sizes.server) : sizes.server;
  const [full, short] = subject.store === "memory" ? sizes.memory : served;
  return quick ? short : full;
}

export const rate = (n: number, ms: number): number => (n / ms) * 1_000;

/** Where a run only fills a queue, what empties it afterwards. */
const EMPTYING_CONCURRENCY = 100;

interface Opening {
  readonly needs?: readonly Ability[];
  /** Default: that of the run. */
  readonly concurrency?: number;
}

/** Opens a system for a run of `n` jobs, and fails unless each of them started once. */
export async function opened(
  subject: Subject,
  settings: RunSettings,
  body: (open: OpenSubject, tally: Tally) => Promise<Measured>,
  { needs = [], concurrency = settings.concurrency }: Opening = {},
): Promise<Measured> {
  const tally = new Tally(settings.n);
  const open = await subject.open({
    ...(settings.url === undefined ? {} : { url: settings.url }),
    concurrency,
    onStart: tally.started,
    needs,
  });
  let measured: Measured;
  try {
    measured = await body(open, tally);
    await tally.all();
  } finally {
    await open.close();
    // Also what ran again while it closed.
    tally.check();
  }
  const dead = await settings.gauge.deadRows?.();
  return { ...measured, ...(dead === undefined ? {} : { deadRows: dead / settings.n }) };
}

/** Adds what the server spent. */
export async function metered({ gauge, n }: RunSettings, body: () => Promise<Measured>): Promise<Measured> {
  const cpu = await gauge.cpuUs?.();
  const wal = await gauge.walBytes?.();
  const own = process.cpuUsage();
  const measured = await body();
  const { user, system } = process.cpuUsage(own);
  const [cpuAfter, walAfter] = [await gauge.cpuUs?.(), await gauge.walBytes?.()];
  return {
    ...measured,
    clientUs: (user + system) / n,
    ...(cpu === undefined || cpuAfter === undefined ? {} : { serverUs: (cpuAfter - cpu) / n }),
    ...(wal === undefined || walAfter === undefined ? {} : { walBytes: (walAfter - wal) / n }),
  };
}

export async function fill(
  open: OpenSubject,
  n: number,
  settings?: (n: number) => EnqueueSettings,
): Promise<void> {
  if (open.enqueueMany !== undefined) await open.enqueueMany(0, n, settings);
  else for (let i = 0; i < n; i++) await open.enqueue(i, settings?.(i));
}

export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Until the worker waits again: in memory some turns of the loop, with a server more than a round trip. */
export async function idle({ url }: RunSettings): Promise<void> {
  if (url !== undefined) await sleep(5);
  else for (let turns = 0; turns < 20; turns++) await turn();
}

export function drain(
  needs: readonly Ability[],
  jobSettings?: (n: number) => EnqueueSettings,
): Workload["run"] {
  return (subject, settings) =>
    opened(
      subject,
      settings,
      async (open, tally) => {
        await fill(open, settings.n, jobSettings);
        await turn();
        return metered(settings, async () => {
          await open.start();
          await tally.all();
          return { perSecond: rate(settings.n, tally.lastAt - tally.firstAt) };
        });
      },
      { needs },
    );
}

/** Handlers start only after the measured enqueues. */
export function enqueueOnly(
  body: (open: OpenSubject, settings: RunSettings) => Promise<Measured>,
): Workload["run"] {
  return (subject, settings) =>
    opened(
      subject,
      settings,
      async (open, tally) => {
        const measured = await body(open, settings);
        await open.start();
        await tally.all();
        return measured;
      },
      { concurrency: EMPTYING_CONCURRENCY },
    );
}

export const meteredEnqueues = (
  body: (open: OpenSubject, settings: RunSettings) => Promise<Measured>,
): Workload["run"] => enqueueOnly((open, settings) => metered(settings, () => body(open, settings)));
