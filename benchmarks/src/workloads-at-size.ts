import { latencies } from "./latencies.ts";
import { inParts, type Subject } from "./subject.ts";
import {
  fill,
  type Measured,
  metered,
  opened,
  rate,
  type RunSettings,
  turn,
  type Workload,
} from "./workload.ts";

/** Jobs that are under way at once where a million go through one process. */
const PORTION = 1_000;
const LOOKS = 100;
const PAGE = 100;
const MIB = 2 ** 20;

const resident = (): number => {
  globalThis.gc?.();
  return process.memoryUsage.rss() / MIB;
};

/** What a process holds after so many jobs, which it enqueues and runs, a portion after the other. */
function heldAfter(subject: Subject, settings: RunSettings): Promise<Measured> {
  return opened(subject, settings, async (open, tally) => {
    await open.start();
    let before: number | undefined;
    return metered(settings, async () => {
      const start = performance.now();
      await inParts(0, settings.n, PORTION, async (numbers) => {
        const last = (numbers.at(-1) ?? 0) + 1;
        const ran = new Promise<void>((resolve) => {
          tally.onJob = () => void (tally.count >= last && resolve());
        });
        await Promise.all(numbers.map((n) => open.enqueue(n)));
        if (tally.count < last) await ran;
        // What the first jobs leave is the code that they had compiled.
        before ??= resident();
      });
      const perSecond = rate(settings.n, performance.now() - start);
      const rssMiB = resident();
      return { perSecond, rssMiB, rssGrowthMiB: rssMiB - (before ?? rssMiB) };
    });
  });
}

/** How long looking takes while so many jobs wait. */
async function lookAtBacklog(subject: Subject, settings: RunSettings): Promise<Measured> {
  const open = await subject.open({ ...settings, onStart: () => {}, needs: ["queue"] });
  try {
    const { queue } = open;
    if (queue === undefined) throw new Error(`${subject.system} shows no queue`);
    await fill(open, settings.n);
    const times = async (
      look: (cursor: string | undefined) => Promise<string | undefined>,
    ): Promise<number> => {
      const took: number[] = [];
      let cursor: string | undefined;
      for (let i = 0; i < LOOKS; i++) {
        const at = performance.now();
        cursor = await look(cursor);
        took.push(performance.now() - at);
      }
      return latencies(took).p50Ms;
    };
    const listMs = await times(async (cursor) => {
      const page = await queue.list({
        status: "pending",
        limit: PAGE,
        ...(cursor === undefined ? {} : { cursor }),
      });
      if (page.items.length === 0) throw new Error("a page is empty");
      return page.cursor;
    });
    const statsMs = await times(async () => {
      const { counts } = await queue.stats();
      if (counts.pending !== settings.n) throw new Error(`${counts.pending} jobs wait, not ${settings.n}`);
      return undefined;
    });
    return { listMs, statsMs };
  } finally {
    await open.close();
  }
}

/** Results of jobs that have run, read many at a time. */
function readBack(subject: Subject, settings: RunSettings): Promise<Measured> {
  return opened(
    subject,
    settings,
    async (open, tally) => {
      const read = open.readBack?.bind(open);
      if (read === undefined) throw new Error(`${subject.system} cannot read results back`);
      await fill(open, settings.n);
      await open.start();
      await tally.all();
      // A handler starts before its job has ended.
      while ((await read(settings.n)) < settings.n) await turn();
      return metered(settings, async () => {
        const start = performance.now();
        const found = await read(settings.n);
        if (found !== settings.n) throw new Error(`${found} results of ${settings.n} jobs`);
        return { readPerSecond: rate(settings.n, performance.now() - start) };
      });
    },
    { needs: ["read back"] },
  );
}

/** Workloads that are about how much there is. */
export const SIZE_WORKLOADS: readonly Workload[] = [
  {
    id: "R1",
    title: "results read back, 500 at a time",
    concurrencies: [100],
    sizes: { memory: [50_000, 2_000], server: [20_000, 1_000] },
    needs: ["read back"],
    run: readBack,
  },
  {
    id: "B3",
    title: "a page of 100 waiting jobs, and the figures of their queue",
    concurrencies: [1],
    sizes: { memory: [1_000_000, 20_000], server: [1_000_000, 10_000] },
    needs: ["queue"],
    longMs: 900_000,
    run: lookAtBacklog,
  },
  {
    id: "M1",
    title: "memory of a process after all jobs",
    concurrencies: [100],
    sizes: { memory: [1_000_000, 20_000], server: [1_000_000, 5_000] },
    needs: [],
    longMs: 900_000,
    run: heldAfter,
  },
];
