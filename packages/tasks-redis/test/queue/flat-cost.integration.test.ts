import { aJob, uniqueName } from "@lexigram/conformance";
import type { Delivery, QueuePolicy, TaskQueueProtocol } from "@lexigram/contracts";
import { type PrivateServer, privateRedis } from "@lexigram/services";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { RedisTaskQueue } from "../../src/index.ts";

const FEW = 1_000;
const MANY = 200_000;
const CALLS = 40;
/** Machines are shared; what grows with the backlog grows two hundredfold. */
const MOST = 3;
/** Microseconds that no comparison is about. */
const NOISE = 40;

let server: PrivateServer;
let client: Redis;
beforeAll(async () => {
  server = await privateRedis("--appendonly", "no");
  client = new Redis(server.url);
});
afterAll(async () => {
  client.disconnect();
  await server.stop();
});

/** Microseconds of the server for each call, the median of a few rounds. */
async function costOf(call: (i: number) => Promise<unknown>, calls = CALLS): Promise<number> {
  const rounds: number[] = [];
  let n = 0;
  for (let round = 0; round < 5; round++) {
    await client.config("RESETSTAT");
    for (let i = 0; i < calls / 5; i++) await call(n++);
    const line = /cmdstat_evalsha:calls=(\d+),usec=(\d+)/.exec(await client.info("commandstats"));
    rounds.push(Number(line?.[2]) / Number(line?.[1]));
  }
  return rounds.toSorted((a, b) => a - b)[2] ?? 0;
}

async function filled(policy: QueuePolicy, n: number): Promise<{ queue: TaskQueueProtocol; ids: string[] }> {
  const queue = new RedisTaskQueue({ url: server.url, name: uniqueName("queue"), policy });
  const keyed = policy.perKey !== undefined;
  const ids: string[] = [];
  for (let at = 0; at < n; at += 1_000) {
    const jobs = Array.from({ length: 1_000 }, (_, i) =>
      aJob({ id: `job-${at + i}`, ...(keyed ? { key: `key-${(at + i) % 5_000}` } : {}) }),
    );
    await queue.enqueueMany(jobs, { session: "fill", seq: 1 + at / 1_000 });
    ids.push(...jobs.map(({ id }) => id));
  }
  return { queue, ids };
}

async function costs(policy: QueuePolicy, n: number): Promise<Record<string, number>> {
  const { queue, ids } = await filled(policy, n);
  let seq = 0;
  const exchange = (slots: number): (() => Promise<unknown>) => {
    let done: readonly Delivery[] = [];
    return async () => {
      const reply = await queue.exchange({
        session: "worker",
        seq: ++seq,
        settle: done.map(({ receipt }) => ({ receipt, kind: "complete" })),
        started: [],
        claim: { slots, ahead: 0, leaseMs: 60_000, maxBytes: 1e9 },
      });
      done = reply.deliveries;
      if (done.length !== slots) throw new Error(`${done.length} of ${slots} were delivered`);
    };
  };
  const enqueue = (i: number): Promise<unknown> =>
    queue.enqueueMany([aJob(policy.perKey ? { key: `key-${i}` } : {})], { session: "producer", seq: i + 1 });
  const found = {
    "enqueue(1)": await costOf(enqueue),
    "exchange(1)": await costOf(exchange(1)),
    "exchange(50)": await costOf(exchange(50), 10),
    getJob: await costOf((i) => queue.getJob(ids[n - 1 - i * 3] ?? "")),
    stats: await costOf(() => queue.stats()),
    "list(50)": await costOf(() => queue.list({ status: "pending", limit: 50 })),
    cancel: await costOf((i) => queue.cancel(ids[n - 2 - i * 5] ?? "")),
    "exchange(1) after cancels": await costOf(exchange(1)),
  };
  await queue.close();
  return found;
}

describe("the server's time for a call", { timeout: 180_000 }, () => {
  test.each<readonly [string, QueuePolicy]>([
    ["without rules", {}],
    ["with fair keys and limits", { perKey: { fair: true, concurrency: 2 } }],
  ])("is as long with 200,000 waiting jobs as with 1,000: %s", async (_, policy) => {
    const few = await costs(policy, FEW);
    const many = await costs(policy, MANY);
    const table = Object.entries(few).map(([call, micros]) => ({
      call,
      [FEW]: Math.round(micros),
      [MANY]: Math.round(many[call] ?? 0),
    }));
    console.table(table);
    const grown = Object.keys(few).filter((call) => (many[call] ?? 0) > MOST * (few[call] ?? 0) + NOISE);
    expect(grown).toEqual([]);
  });
});
