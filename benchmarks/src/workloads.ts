import { latencies } from "./latencies.ts";
import { claimBesideSnapshots, PER_SECOND } from "./snapshot-claims.ts";
import { type EnqueueSettings, inParts, type Subject } from "./subject.ts";
import {
  drain,
  enqueueOnly,
  fill,
  idle,
  type Measured,
  meteredEnqueues,
  metered,
  opened,
  rate,
  type RunSettings,
  type Workload,
} from "./workload.ts";
import { SIZE_WORKLOADS } from "./workloads-at-size.ts";

/** Loops that enqueue and await at once, in a process that only produces. */
const PRODUCERS = 200;

/** Milliseconds that mean the same in two processes of one machine. */
const shared = (now: number): number => performance.timeOrigin + now;

/** Enqueues all jobs. @returns when it began, on the shared clock. */
async function produce(subject: Subject, { n, url }: Pick<RunSettings, "n" | "url">): Promise<number> {
  const open = await subject.open({
    ...(url === undefined ? {} : { url }),
    concurrency: 1,
    onStart: () => {},
    needs: [],
  });
  try {
    let next = 0;
    const start = performance.now();
    const loop = async (): Promise<void> => {
      while (next < n) await open.enqueue(next++);
    };
    await Promise.all(Array.from({ length: PRODUCERS }, loop));
    return shared(start);
  } finally {
    await open.close();
  }
}

/** A fixed sequence, so that every system meets the same priorities. */
const priorityOf = (n: number): EnqueueSettings => ({ priority: (n * 7_919) % 21 });

/** Milliseconds in which a system takes all delayed jobs, before the instant at which they are due. */
const dueInMs = (subject: Subject): number => (subject.isSlow === true ? 4_000 : 2_000);

const CLAIMS = 300;
const FEW = 1_000;

/** Claims one job at a time from our own queue, with few jobs waiting and with many. */
async function claimBacklog(subject: Subject, settings: RunSettings): Promise<Measured> {
  const open = await subject.open({ ...settings, onStart: () => {}, needs: ["queue"] });
  try {
    const { queue } = open;
    if (queue === undefined) throw new Error(`${subject.system} shows no queue`);
    let seq = 0;
    const call = () => ({ session: "backlog", seq: ++seq });
    const wait = (first: number, count: number): Promise<void> =>
      inParts(first, count, 1_000, async (numbers) => {
        const body = { data: JSON.stringify({ userId: 123, email: "a@b.c" }), encoding: "json" };
        const results = await queue.enqueueMany(
          numbers.map((n) => ({ id: `b${n}`, task: "bench.work", body, headers: {}, priority: 5 })),
          { session: "filling", seq: ++seq },
        );
        if (!results.every((result) => result.ok)) throw new Error("a job was refused");
      });
    const claims = async (): Promise<number> => {
      const took: number[] = [];
      for (let i = 0; i < CLAIMS; i++) {
        const request = { ...call(), settle: [], started: [] };
        const at = performance.now();
        const { deliveries } = await queue.exchange({
          ...request,
          claim: { slots: 1, ahead: 0, leaseMs: 30_000, maxBytes: 1_000_000 },
        });
        took.push(performance.now() - at);
        const [delivery] = deliveries;
        if (delivery === undefined || deliveries.length > 1)
          throw new Error(`${deliveries.length} deliveries for one slot`);
        const { lost } = await queue.exchange({
          ...call(),
          settle: [{ receipt: delivery.receipt, kind: "complete" }],
          started: [],
          claim: { slots: 0, ahead: 0, leaseMs: 30_000, maxBytes: 1_000_000 },
        });
        if (lost.length > 0) throw new Error("a claim was lost");
      }
      return latencies(took).p50Ms;
    };
    await wait(0, FEW);
    const p50AtThousandMs = await claims();
    await wait(FEW, settings.n);
    return { p50Ms: await claims(), p50AtThousandMs };
  } finally {
    await open.close();
  }
}

export const WORKLOADS: readonly Workload[] = [
  {
    id: "W1",
    title: "sequential awaited enqueue",
    concurrencies: [1],
    sizes: { memory: [50_000, 10_000], server: [10_000, 1_000] },
    needs: [],
    run: meteredEnqueues(async (open, { n }) => {
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
    sizes: { memory: [10_000, 10_000], server: [10_000, 10_000] },
    needs: [],
    run: meteredEnqueues(async (open, { n }) => {
      const start = performance.now();
      await Promise.all(Array.from({ length: n }, (_, i) => open.enqueue(i)));
      return { perSecond: rate(n, performance.now() - start) };
    }),
  },
  {
    id: "W3",
    title: "bulk enqueue",
    concurrencies: [1],
    sizes: { memory: [200_000, 50_000], server: [100_000, 10_000], slow: [20_000, 5_000] },
    needs: [],
    run: meteredEnqueues(async (open, { n }) => {
      const start = performance.now();
      await fill(open, n);
      return { perSecond: rate(n, performance.now() - start) };
    }),
  },
  {
    id: "W4",
    title: "drain of preloaded jobs",
    concurrencies: [1, 10, 100],
    sizes: { memory: [200_000, 50_000], server: [50_000, 5_000], slow: [10_000, 2_000] },
    needs: [],
    run: drain([]),
  },
  {
    id: "W5",
    title: "end to end, producer beside the worker",
    concurrencies: [100],
    sizes: { memory: [200_000, 50_000], server: [50_000, 5_000], slow: [20_000, 2_000] },
    needs: [],
    run: (subject, settings) =>
      opened(subject, settings, async (open, tally) => {
        await open.start();
        return metered(settings, async () => {
          if (settings.url !== undefined) {
            const [start] = await Promise.all([settings.beside() as Promise<number>, tally.all()]);
            return { perSecond: rate(settings.n, shared(tally.lastAt) - start) };
          }
          const start = performance.now();
          await inParts(0, settings.n, 1_000, (numbers) => Promise.all(numbers.map((n) => open.enqueue(n))));
          await tally.all();
          return { perSecond: rate(settings.n, tally.lastAt - start) };
        });
      }),
    beside: produce,
  },
  {
    id: "W6",
    title: "idle pickup: from enqueue to handler start",
    concurrencies: [10],
    sizes: { memory: [1_000, 300], server: [300, 100] },
    needs: [],
    run: (subject, settings) =>
      opened(subject, settings, async (open, tally) => {
        await open.start();
        return metered(settings, async () => {
          const took: number[] = [];
          for (let i = 0; i < settings.n; i++) {
            await idle(settings);
            const started = new Promise<number>((resolve) => {
              tally.onJob = () => resolve(performance.now());
            });
            const at = performance.now();
            await open.enqueue(i);
            took.push((await started) - at);
          }
          return latencies(took);
        });
      }),
  },
  {
    id: "W7",
    title: "round trip: enqueue and await the result",
    concurrencies: [10],
    sizes: { memory: [5_000, 1_000], server: [1_000, 100] },
    needs: ["results"],
    run: (subject, settings) =>
      opened(
        subject,
        settings,
        async (open) => {
          const call = open.call?.bind(open);
          if (call === undefined) throw new Error(`${subject.system} cannot wait for results`);
          await open.start();
          return metered(settings, async () => {
            const took: number[] = [];
            for (let i = 0; i < settings.n; i++) {
              const at = performance.now();
              await call(i);
              took.push(performance.now() - at);
            }
            const sum = took.reduce((a, b) => a + b);
            return { ...latencies(took), perSecond: rate(settings.n, sum) };
          });
        },
        { needs: ["results"] },
      ),
  },
  {
    id: "W8",
    title: "memory of a waiting job",
    // Its heaps grow and shrink by more than that.
    notOn: ["rabbitmq"],
    concurrencies: [1],
    sizes: { memory: [50_000, 50_000], server: [30_000, 5_000] },
    needs: [],
    run: enqueueOnly(async (open, { n, gauge }) => {
      const used = async (): Promise<number> => {
        const bytes = await gauge.usedBytes?.();
        if (bytes === undefined) throw new Error("the store does not tell what it keeps");
        return bytes;
      };
      const before = await used();
      await fill(open, n);
      return { bytesPerJob: ((await used()) - before) / n };
    }),
  },
  {
    id: "W9",
    title: "drain with priorities 0 to 20",
    concurrencies: [10],
    sizes: { memory: [200_000, 50_000], server: [50_000, 5_000], slow: [10_000, 2_000] },
    needs: ["priorities"],
    run: drain(["priorities"], priorityOf),
  },
  {
    id: "W10",
    title: "delayed jobs that fall due together",
    concurrencies: [100],
    sizes: { memory: [10_000, 10_000], server: [10_000, 10_000] },
    needs: ["delays"],
    run: (subject, settings) =>
      opened(
        subject,
        settings,
        async (open, tally) => {
          await open.start();
          return metered(settings, async () => {
            const due = Date.now() + dueInMs(subject);
            let early = 0;
            let firstAt = 0;
            tally.onJob = () => {
              const now = Date.now();
              if (now < due) early++;
              if (firstAt === 0) firstAt = now;
            };
            await fill(open, settings.n, () => ({ delayMs: Math.max(0, due - Date.now()) }));
            if (Date.now() > due) throw new Error("the jobs were due before the last was accepted");
            await tally.all();
            return { firstAfterDueMs: firstAt - due, allAfterDueMs: Date.now() - due, early };
          });
        },
        { needs: ["delays"] },
      ),
  },
  ...(["limits", "keys", "shared limits", "key order"] as const).map((need, i): Workload => ({
    id: `L${i + 1}`,
    title: {
      limits: "drain under a concurrency and a rate that hold nothing back",
      keys: "drain of a thousand keys, each one at a time",
      "shared limits": "drain under a limit over several queues that holds nothing back",
      "key order": "drain of a thousand keys, each in its order",
    }[need],
    concurrencies: [100],
    sizes: { memory: [200_000, 50_000], server: [50_000, 5_000] },
    needs: [need],
    run: drain([need]),
  })),
  {
    id: "F1",
    title: "fan-out and fan-in: a job after all others, with their results",
    concurrencies: [100],
    sizes: { memory: [10_000, 2_000], server: [10_000, 1_000] },
    needs: ["flows"],
    run: (subject, settings) =>
      opened(
        subject,
        settings,
        async (open) => {
          const flow = open.flow?.bind(open);
          if (flow === undefined) throw new Error(`${subject.system} has no flows`);
          await open.start();
          return metered(settings, async () => {
            const start = performance.now();
            const last = await flow(settings.n);
            if (last !== settings.n) throw new Error(`the last job was given ${String(last)} results`);
            return { perSecond: rate(settings.n, performance.now() - start) };
          });
        },
        { needs: ["flows"] },
      ),
  },
  {
    id: "B1",
    title: "claim of one job from a backlog",
    concurrencies: [1],
    sizes: { memory: [1_000_000, 100_000], server: [1_000_000, 100_000] },
    needs: ["queue"],
    run: claimBacklog,
  },
  {
    id: "B2",
    title: `claims of ${PER_SECOND} jobs per second beside three old snapshots`,
    concurrencies: [1],
    // Readers of 120 seconds, and of 6.
    sizes: { memory: [0, 0], server: [200 * PER_SECOND, 10 * PER_SECOND] },
    needs: ["queue", "snapshots"],
    longMs: 600_000,
    run: claimBesideSnapshots,
  },
  ...SIZE_WORKLOADS,
];
