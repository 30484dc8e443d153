import type { EnqueueSettings, OpenSubject, Subject } from "./subject.ts";
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
}

export interface Workload {
  readonly id: string;
  readonly title: string;
  /** Worker concurrencies to run it at. */
  readonly concurrencies: readonly number[];
  readonly n: number;
  readonly quickN: number;
  /** Whether a system can run it. */
  readonly fits: (subject: Subject) => boolean;
  run(subject: Subject, settings: { readonly n: number; readonly concurrency: number }): Promise<Measured>;
}

function percentile(sorted: readonly number[], share: number): number {
  const at = (sorted.length - 1) * share;
  const low = sorted[Math.floor(at)] ?? Number.NaN;
  const high = sorted[Math.ceil(at)] ?? Number.NaN;
  return low + (high - low) * (at - Math.floor(at));
}

const latencies = (values: number[]): { p50Ms: number; p99Ms: number } => {
  const sorted = values.toSorted((a, b) => a - b);
  return { p50Ms: percentile(sorted, 0.5), p99Ms: percentile(sorted, 0.99) };
};

const rate = (n: number, ms: number): number => (n / ms) * 1_000;

async function opened<T>(
  subject: Subject,
  settings: { readonly n: number; readonly concurrency: number },
  body: (open: OpenSubject, tally: Tally) => Promise<T>,
): Promise<T> {
  const tally = new Tally(settings.n);
  const open = await subject.open({ concurrency: settings.concurrency, onStart: tally.started });
  try {
    const result = await body(open, tally);
    await tally.all();
    return result;
  } finally {
    await open.close();
    // Also what ran again while it closed.
    tally.check();
  }
}

async function fill(open: OpenSubject, n: number, settings?: (n: number) => EnqueueSettings): Promise<void> {
  if (open.enqueueMany !== undefined) await open.enqueueMany(0, n, settings);
  else for (let i = 0; i < n; i++) await open.enqueue(i, settings?.(i));
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function drain(settings?: (n: number) => EnqueueSettings): Workload["run"] {
  return (subject, { n, concurrency }) =>
    opened(subject, { n, concurrency }, async (open, tally) => {
      await open.pause();
      await fill(open, n, settings);
      await turn();
      await open.resume();
      await tally.all();
      return { perSecond: rate(n, tally.lastAt - tally.firstAt) };
    });
}

/** Handlers start only after the measured enqueues. */
function enqueueOnly(body: (open: OpenSubject, n: number) => Promise<Measured>): Workload["run"] {
  return (subject, { n, concurrency }) =>
    opened(subject, { n, concurrency }, async (open, tally) => {
      await open.pause();
      const measured = await body(open, n);
      await open.resume();
      await tally.all();
      return measured;
    });
}

/** A fixed sequence, so that every system meets the same priorities. */
const priorityOf = (n: number): EnqueueSettings => ({ priority: (n * 7_919) % 21 });

const always = (): boolean => true;

export const WORKLOADS: readonly Workload[] = [
  {
    id: "W1",
    title: "sequential awaited enqueue",
    concurrencies: [1],
    n: 50_000,
    quickN: 10_000,
    fits: always,
    run: enqueueOnly(async (open, n) => {
      const took: number[] = [];
      const start = performance.now();
      for (let i = 0; i < n; i++) {
        const at = performance.now();
        await open.enqueue(i);
        took.push(performance.now() - at);
      }
      return { perSecond: rate(n, performance.now() - start), ...latencies(took) };
    }),
  },
  {
    id: "W2",
    title: "10,000 enqueues at once",
    concurrencies: [1],
    n: 10_000,
    quickN: 10_000,
    fits: always,
    run: enqueueOnly(async (open, n) => {
      const start = performance.now();
      await Promise.all(Array.from({ length: n }, (_, i) => open.enqueue(i)));
      return { perSecond: rate(n, performance.now() - start) };
    }),
  },
  {
    id: "W3",
    title: "bulk enqueue",
    concurrencies: [1],
    n: 200_000,
    quickN: 50_000,
    fits: always,
    run: enqueueOnly(async (open, n) => {
      const start = performance.now();
      await fill(open, n);
      return { perSecond: rate(n, performance.now() - start) };
    }),
  },
  {
    id: "W4",
    title: "drain of preloaded jobs",
    concurrencies: [1, 10, 100],
    n: 200_000,
    quickN: 50_000,
    fits: always,
    run: drain(),
  },
  {
    id: "W5",
    title: "end to end, producer beside the worker",
    concurrencies: [100],
    n: 200_000,
    quickN: 50_000,
    fits: always,
    run: (subject, settings) =>
      opened(subject, settings, async (open, tally) => {
        const start = performance.now();
        for (let at = 0; at < settings.n; at += 1_000)
          await Promise.all(
            Array.from({ length: Math.min(1_000, settings.n - at) }, (_, i) => open.enqueue(at + i)),
          );
        await tally.all();
        return { perSecond: rate(settings.n, tally.lastAt - start) };
      }),
  },
  {
    id: "W6",
    title: "idle pickup: from enqueue to handler start",
    concurrencies: [10],
    n: 1_000,
    quickN: 300,
    fits: always,
    run: (subject, settings) =>
      opened(subject, settings, async (open, tally) => {
        const took: number[] = [];
        for (let i = 0; i < settings.n; i++) {
          for (let idle = 0; idle < 20; idle++) await turn();
          const started = new Promise<number>((resolve) => (tally.onJob = () => resolve(performance.now())));
          const at = performance.now();
          await open.enqueue(i);
          took.push((await started) - at);
        }
        return latencies(took);
      }),
  },
  {
    id: "W7",
    title: "round trip: enqueue and await the result",
    concurrencies: [10],
    n: 5_000,
    quickN: 1_000,
    fits: (subject) => subject.results,
    run: (subject, settings) =>
      opened(subject, settings, async (open) => {
        if (open.call === undefined) throw new Error(`${subject.system} cannot wait for results`);
        const took: number[] = [];
        for (let i = 0; i < settings.n; i++) {
          const at = performance.now();
          await open.call(i);
          took.push(performance.now() - at);
        }
        return {
          ...latencies(took),
          perSecond: rate(
            settings.n,
            took.reduce((a, b) => a + b),
          ),
        };
      }),
  },
  {
    id: "W8",
    title: "memory of a waiting job",
    concurrencies: [1],
    n: 50_000,
    quickN: 50_000,
    fits: always,
    run: enqueueOnly(async (open, n) => {
      const collect = globalThis.gc;
      if (collect === undefined) throw new Error("run with --expose-gc");
      collect();
      const before = process.memoryUsage().heapUsed;
      await fill(open, n);
      collect();
      return { bytesPerJob: (process.memoryUsage().heapUsed - before) / n };
    }),
  },
  {
    id: "W9",
    title: "drain with priorities 0 to 20",
    concurrencies: [10],
    n: 200_000,
    quickN: 50_000,
    fits: (subject) => subject.priorities,
    run: drain(priorityOf),
  },
  {
    id: "W10",
    title: "delayed jobs that fall due together",
    concurrencies: [100],
    n: 10_000,
    quickN: 10_000,
    fits: (subject) => subject.delays,
    run: (subject, settings) =>
      opened(subject, settings, async (open, tally) => {
        const due = Date.now() + 1_000;
        let early = 0;
        let firstAt = 0;
        tally.onJob = () => {
          const now = Date.now();
          if (now < due) early++;
          if (firstAt === 0) firstAt = now;
        };
        await fill(open, settings.n, () => ({ delayMs: Math.max(0, due - Date.now()) }));
        await tally.all();
        return { firstAfterDueMs: firstAt - due, allAfterDueMs: Date.now() - due, early };
      }),
  },
];
