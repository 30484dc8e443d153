import { setTimeout as sleep } from "node:timers/promises";
import type { NewJob, Settlement, TaskQueueProtocol } from "@lexigram/contracts";
import { latencies } from "./latencies.ts";
import type { Gauge } from "./stores/gauge.ts";
import { payload, type Subject } from "./subject.ts";
import type { Measured } from "./workload.ts";

/** Jobs that come in a second, whatever becomes of them. */
export const PER_SECOND = 800;

/** Readers, and the share of the run that each of them takes; in the middle all are there. */
const READERS = 3;
const EACH = 0.6;

const TICK_MS = 5;
const MOST_SENT = 500;
const CLAIM = { slots: 100, ahead: 0, leaseMs: 30_000, maxBytes: 1_000_000 };

/** Jobs that come at their rate and are claimed as they come. */
class Flow {
  readonly #queue: TaskQueueProtocol;
  readonly #n: number;
  readonly #startedAt = performance.now();
  #sent = 0;
  #claimed = 0;
  /** Milliseconds of each call that claimed something. */
  readonly took: number[] = [];
  /** The most jobs that waited at once, in the last quarter of the run. */
  mostWaiting = 0;

  constructor(queue: TaskQueueProtocol, n: number) {
    this.#queue = queue;
    this.#n = n;
  }

  async send(): Promise<void> {
    for (let seq = 1; this.#sent < this.#n;) {
      const due = Math.min(this.#n, Math.floor(((performance.now() - this.#startedAt) * PER_SECOND) / 1_000));
      if (due === this.#sent) {
        await sleep(TICK_MS);
        continue;
      }
      const count = Math.min(MOST_SENT, due - this.#sent);
      const jobs = Array.from({ length: count }, (_, i) => aJob(this.#sent + i));
      const results = await this.#queue.enqueueMany(jobs, { session: "sending", seq: seq++ });
      if (!results.every(({ ok }) => ok)) throw new Error("a job was refused");
      this.#sent += count;
    }
  }

  async claim(): Promise<void> {
    let settle: Settlement[] = [];
    for (let seq = 1; this.#claimed < this.#n || settle.length > 0; seq++) {
      const at = performance.now();
      const request = { session: "claiming", seq, settle, started: [], claim: CLAIM };
      const { deliveries, lost } = await this.#queue.exchange(request);
      if (lost.length > 0) throw new Error("a claim was lost");
      settle = deliveries.map(({ receipt }) => ({ receipt, kind: "complete" }));
      this.#claimed += deliveries.length;
      if (deliveries.length > 0) this.took.push(performance.now() - at);
      if (this.#sent > this.#n * 0.75)
        this.mostWaiting = Math.max(this.mostWaiting, this.#sent - this.#claimed + deliveries.length);
      if (deliveries.length === 0) await sleep(TICK_MS);
    }
  }
}

const aJob = (n: number): NewJob => ({
  id: `s${n}`,
  task: "bench.work",
  body: { data: JSON.stringify(payload(n)), encoding: "json" },
  headers: {},
  priority: 5,
});

/** Holds snapshots while jobs flow. @returns the most row versions that nothing could clear away. */
async function read(gauge: Gauge, spanMs: number): Promise<number> {
  const step = (spanMs * (1 - EACH)) / (READERS - 1);
  const reader = async (i: number): Promise<number> => {
    await sleep(i * step);
    const end = await gauge.snapshot?.();
    if (end === undefined) throw new Error("the store keeps no old rows");
    await sleep(EACH * spanMs);
    const held = (await gauge.heldRows?.()) ?? 0;
    await end();
    return held;
  };
  return Math.max(...(await Promise.all(Array.from({ length: READERS }, (_, i) => reader(i)))));
}

/** Claims jobs as they come, over the rows of those that are over, which readers keep. */
export async function claimBesideSnapshots(
  subject: Subject,
  { n, url, gauge }: { readonly n: number; readonly url?: string; readonly gauge: Gauge },
): Promise<Measured> {
  const needs = ["queue"] as const;
  const open = await subject.open({
    ...(url === undefined ? {} : { url }),
    concurrency: 1,
    onStart: () => {},
    needs,
  });
  let measured: Measured;
  try {
    const { queue } = open;
    if (queue === undefined) throw new Error(`${subject.system} shows no queue`);
    // The schema, and what is compiled at the first calls, is no part of it.
    await queue.count();
    const flow = new Flow(queue, n);
    const since = performance.now();
    const [, , heldRows] = await Promise.all([
      flow.send(),
      flow.claim(),
      read(gauge, (n / PER_SECOND) * 1_000),
    ]);
    const perSecond = (n / (performance.now() - since)) * 1_000;
    measured = { perSecond, ...latencies(flow.took), backlog: flow.mostWaiting, heldRows };
  } finally {
    await open.close();
  }
  const dead = await gauge.deadRows?.();
  return { ...measured, ...(dead === undefined ? {} : { deadRows: dead / n }) };
}
