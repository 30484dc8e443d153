import { aJob, anError, uniqueName } from "@lexigram/conformance";
import {
  type Delivery,
  type NewJob,
  type QueuePolicy,
  type Settlement,
  systemClock,
  systemRandom,
  type TaskQueueProtocol,
} from "@lexigram/contracts";
import { type PrivateServer, privateRedis } from "@lexigram/services";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openConnection } from "../../src/connection/open-connection.ts";
import type { SharedRedisConnection } from "../../src/connection/redis-connection.ts";
import { QueueKeys } from "../../src/lua/keys.ts";
import { ScriptedQueue } from "../../src/queue/scripted-queue.ts";

const NAMESPACE = "test";
const BRIEF_MS = 20;
const LONG_MS = 3_600_000;

let server: PrivateServer;
let connection: SharedRedisConnection;
let client: Redis;

beforeAll(async () => {
  server = await privateRedis();
  connection = openConnection({ target: { kind: "url", url: server.url } });
  client = new Redis(server.url);
});
afterAll(async () => {
  await connection.close();
  client.disconnect();
  await server.stop();
});

/** Everything that a key holds, as texts. */
async function contentOf(key: string): Promise<string[]> {
  switch (await client.type(key)) {
    case "hash":
      return Object.entries(await client.hgetall(key)).flat();
    case "zset":
      return client.zrange(key, "0", "-1");
    case "list":
      return client.lrange(key, 0, -1);
    case "none":
      return [];
    default:
      throw new Error(`${key} is no key of a queue`);
  }
}

class Worker {
  readonly queue: TaskQueueProtocol;
  readonly keys: QueueKeys;
  readonly #name = uniqueName("session");
  #seq = 0;

  constructor() {
    const name = uniqueName("queue");
    this.keys = new QueueKeys(NAMESPACE, name);
    this.queue = new ScriptedQueue({
      name,
      namespace: NAMESPACE,
      connection,
      clock: systemClock,
      random: systemRandom,
      onClose: () => {},
    });
  }

  async put(...given: Partial<NewJob>[]): Promise<string[]> {
    const jobs = given.map((some) => aJob({ id: uniqueName("a-job"), ...some }));
    const results = await this.queue.enqueueMany(jobs, { session: `${this.#name}:e`, seq: ++this.#seq });
    for (const result of results) if (!result.ok) throw result.error;
    return jobs.map(({ id }) => id);
  }

  async exchange(
    slots: number,
    settle: readonly Settlement[] = [],
    { ahead = 0, leaseMs = LONG_MS } = {},
  ): Promise<readonly Delivery[]> {
    const call = { session: `${this.#name}:x`, seq: ++this.#seq, settle, started: [] };
    const claim = { slots, ahead, leaseMs, maxBytes: 1e9 };
    return (await this.queue.exchange({ ...call, claim })).deliveries;
  }

  /** Runs all that can be claimed, each to an end of its own kind. */
  async drain(): Promise<void> {
    let settle: Settlement[] = [];
    let n = 0;
    for (;;) {
      const deliveries = await this.exchange(7, settle, { ahead: 2 });
      if (deliveries.length === 0 && settle.length === 0) return;
      settle = deliveries.map(({ receipt, attempt, started }): Settlement => {
        if (!started) return { receipt, kind: "release", delayMs: 0 };
        switch (n++ % 6) {
          case 0:
            return { receipt, kind: "fail", error: anError() };
          case 1:
            return { receipt, kind: "cancel" };
          case 2:
            return attempt > 1
              ? { receipt, kind: "complete", result: { data: "1", encoding: "json" } }
              : { receipt, kind: "retry", delayMs: 0, countAttempt: true, error: anError() };
          default:
            return { receipt, kind: "complete" };
        }
      });
    }
  }

  /** What its keys hold, without the calls that are remembered. */
  async left(): Promise<Record<string, string[]>> {
    const found: Record<string, string[]> = {};
    for (const key of this.keys.all) {
      const content = await contentOf(key);
      const name = key.slice(key.indexOf("}:") + 2);
      if (content.length > 0)
        found[name] =
          name === "meta" ? content.filter((_, i) => !content[i - (i % 2)]?.startsWith("call:")) : content;
    }
    return found;
  }
}

const passed = (ms: number): Promise<void> => new Promise((resolve) => systemClock.setTimer(resolve, ms));

/** Jobs of every kind, and things that befall them. */
async function goThroughAll(worker: Worker): Promise<void> {
  const { queue } = worker;
  const keyed = Array.from({ length: 40 }, (_, i) => ({ key: `k${i % 8}`, task: `t${i % 3}` }));
  await worker.put(...Array.from({ length: 20 }, (_, i) => ({ priority: i % 21 })), ...keyed);
  await worker.put(
    { delayMs: BRIEF_MS },
    { delayMs: LONG_MS },
    { expiresInMs: BRIEF_MS },
    { expiresInMs: LONG_MS },
  );
  await worker.put({ expiresInMs: BRIEF_MS, key: "k1" }, { expiresInMs: BRIEF_MS, delayMs: LONG_MS });
  await worker.put(
    { unique: { key: "u1", until: "settled", onConflict: "reject" } },
    { unique: { key: "u2", until: "started", onConflict: "reject" } },
    { unique: { key: "u3", until: { ttlMs: BRIEF_MS }, onConflict: "reject" } },
    { resultTtlMs: BRIEF_MS },
    { resultTtlMs: null },
    { maxRecoveries: 0 },
  );
  await worker.put({ unique: { key: "u4", until: "settled", onConflict: "replace" } });
  await worker.put({ unique: { key: "u4", until: "settled", onConflict: "replace" } });
  // Dependencies, on what has ended too.
  const gone = uniqueName("a-job");
  await queue.deadLetters.add(aJob({ id: gone }), anError());
  const [first = "", second = ""] = await worker.put({}, { key: "k2" });
  await worker.put({ dependsOn: [gone] }, { dependsOn: [first, second] }, { dependsOn: [first] });
  const [waits] = await worker.put({ dependsOn: [second], delayMs: BRIEF_MS, key: "k3" });
  const [callback] = await worker.put({ barrier: { size: 3 } });
  const children = await worker.put(
    { notifies: callback ?? "" },
    { notifies: callback ?? "", key: "k1" },
    { notifies: callback ?? "", expiresInMs: BRIEF_MS },
  );
  const [orphaned] = await worker.put({ barrier: { size: 2 } });
  await worker.put({ notifies: orphaned ?? "" }, { notifies: orphaned ?? "" });
  await queue.deleteJob(orphaned ?? "");
  await queue.deleteJob(children[1] ?? "");
  await queue.cancel(waits ?? "");
  // Cancelled, deleted and changed where they wait.
  const some = await worker.put(
    {},
    {},
    {},
    { key: "k4" },
    { key: "k4" },
    { key: "k9" },
    { delayMs: LONG_MS },
  );
  for (const id of [some[0], some[3], some[6]]) await queue.cancel(id ?? "");
  for (const id of [some[1], some[4], some[5]]) await queue.deleteJob(id ?? "");
  await queue.update(some[2] ?? "", { priority: 7 });
  // Cancelled, deleted, lost and put aside where they run.
  const running = await worker.exchange(4, [], { ahead: 2 });
  await queue.cancel(running[0]?.job.id ?? "");
  await queue.deleteJob(running[1]?.job.id ?? "");
  await worker.exchange(
    0,
    running.slice(0, 1).map(({ receipt }) => ({ receipt, kind: "complete" })),
  );
  await worker.exchange(3, [], { leaseMs: BRIEF_MS });
  await queue.extend(
    running.slice(2).map(({ receipt }) => receipt),
    BRIEF_MS,
  );
  for (const id of some) for await (const _ of queue.onSettled([id], AbortSignal.abort()));
  await passed(3 * BRIEF_MS);
  await worker.drain();
  await queue.deadLetters.add(aJob({ id: uniqueName("a-job"), key: "k1" }), anError());
  const letters = await queue.deadLetters.list({ limit: 6 });
  for (const [i, { id }] of letters.items.map(({ job }) => job).entries())
    await (i % 2 === 0 ? queue.deadLetters.retry(id) : queue.deadLetters.remove(id));
  await worker.drain();
  await queue.deadLetters.retryAll();
  await worker.drain();
}

const policies: readonly (readonly [string, QueuePolicy])[] = [
  ["no rules", {}],
  ["nothing kept", { keepCompleted: 0, keepFailed: { ageMs: LONG_MS, count: 3 } }],
  [
    "fair keys and limited tasks",
    { perKey: { fair: true, concurrency: 2 }, perTask: { t1: { concurrency: 1 } } },
  ],
  ["keys in order", { perKey: { order: "fifo" } }],
  ["keys in order, held by a failure", { perKey: { order: "fifo", onFailure: "block" } }],
  [
    "rates",
    {
      rate: { rate: 1_000, perMs: 10, burst: 1_000 },
      perKey: { rate: { rate: 1_000, perMs: 10, burst: 2 } },
      perTask: { t2: { rate: { rate: 1_000, perMs: 10, burst: 2 } } },
    },
  ],
  ["a limit and aging", { concurrency: 3, agingMs: 10 }],
];

/** What every queue that was used has, however many jobs went through it. */
const LASTING = ["callEnds", "consumers", "fence", "lease", "meta"];

describe("the keys of a queue", () => {
  test.each(policies)("hold nothing of jobs that are gone: %s", async (_, policy) => {
    const worker = new Worker();
    await worker.queue.setPolicy(policy);
    for (let round = 0; round < 2; round++) {
      await goThroughAll(worker);
      await worker.queue.clear();
      await worker.drain();
      await worker.queue.clear();
    }
    const left = await worker.left();
    expect(JSON.stringify(left)).not.toContain("a-job");
    expect(Object.keys(left).toSorted()).toEqual(LASTING);
    expect(left["lease"]).toHaveLength(1);
    expect(left["fence"]).toHaveLength(2);
    expect(left["callEnds"]?.length).toBe(2);
    expect(left["meta"]?.length).toBeLessThan(2 * 60);
  });

  test("are those of the fixed set, all named to the server before a script touches them", async () => {
    const worker = new Worker();
    const monitored = client.duplicate();
    const monitor = await monitored.monitor();
    const unnamed: string[][] = [];
    let named: readonly string[] = [];
    const scripts = new Set<string>();
    const end = new Promise<void>((resolve) => {
      monitor.on("monitor", (_time: string, [name = "", ...args]: string[], source: string) => {
        const command = name.toLowerCase();
        if (command === "echo") resolve();
        if (command === "evalsha" || command === "eval") {
          named = args.slice(2, 2 + Number(args[1]));
          scripts.add(args[0] ?? "");
        } else if (source === "lua" && command !== "time" && command !== "publish")
          for (const key of args.slice(0, command === "exists" || command === "rename" ? undefined : 1))
            if (!named.includes(key)) unnamed.push([name, ...args]);
      });
    });
    await worker.put({}, { delayMs: LONG_MS });
    for (const [, policy] of policies) {
      await worker.queue.clear();
      await worker.queue.setPolicy(policy);
      await goThroughAll(worker);
    }
    await client.echo("end");
    await end;
    monitor.disconnect();
    monitored.disconnect();
    expect(scripts.size).toBeGreaterThanOrEqual(6);
    expect(unnamed).toEqual([]);
    const all = (await client.keys("*")).filter((key) => key.includes(`:${worker.queue.name}}`));
    expect(all.filter((key) => !worker.keys.all.includes(key))).toEqual([]);
  });

  test.each<NonNullable<QueuePolicy["perKey"]>>([
    { fair: true },
    { order: "fifo" },
    { concurrency: 1 },
    { fair: true, concurrency: 1 },
  ])("hold nothing of keys without jobs: %o", async (perKey) => {
    const worker = new Worker();
    await worker.queue.setPolicy({ perKey, keepCompleted: 0 });
    for (let round = 0; round < 2; round++) {
      await worker.put(
        ...Array.from({ length: 300 }, (_, i) => ({ key: `a-job-key-${i}`, priority: 1 + round })),
      );
      const deliveries = await worker.exchange(300);
      expect(deliveries).toHaveLength(300);
      await worker.exchange(
        0,
        deliveries.map(({ receipt }) => ({ receipt, kind: "complete" })),
      );
    }
    const left = await worker.left();
    expect(JSON.stringify(left)).not.toContain("a-job");
    expect(Object.keys(left).toSorted()).toEqual(LASTING);
  });

  test("hold nothing of rules that are gone", async () => {
    const worker = new Worker();
    const { queue } = worker;
    const slow = { rate: 1, perMs: LONG_MS, burst: 1 };
    await queue.setPolicy({
      keepCompleted: 0,
      rate: { ...slow, burst: 9 },
      perKey: { concurrency: 1, rate: slow },
    });
    const ids = await worker.put(...Array.from({ length: 6 }, (_, i) => ({ key: `a-job-key-${i % 2}` })));
    const deliveries = await worker.exchange(9);
    expect(deliveries).toHaveLength(2);
    // Their keys are shut, and nothing waits behind them any more.
    expect(await worker.exchange(9)).toEqual([]);
    for (const id of ids.slice(2)) await queue.deleteJob(id);
    await queue.setPolicy({ keepCompleted: 0 });
    await worker.exchange(
      0,
      deliveries.map(({ receipt }) => ({ receipt, kind: "complete" })),
    );
    const left = await worker.left();
    expect(JSON.stringify(left)).not.toContain("a-job");
    expect(Object.keys(left).toSorted()).toEqual(LASTING);
  });

  test("hold no more dependents of a dead letter than it has", async () => {
    const worker = new Worker();
    const { queue } = worker;
    const [gone = ""] = await worker.put({});
    const [delivery] = await worker.exchange(1);
    await worker.exchange(
      0,
      delivery === undefined ? [] : [{ receipt: delivery.receipt, kind: "fail", error: anError() }],
    );
    const [late = ""] = await worker.put({ dependsOn: [gone] });
    expect((await queue.getJob(late))?.status).toBe("cancelled");
    await queue.clear();
    await worker.exchange(0);
    expect(await worker.left()).not.toHaveProperty("index");
  });
});

async function deleteEach(queue: TaskQueueProtocol, ids: readonly string[]): Promise<void> {
  for (let i = 0; i < ids.length; i += 500)
    await Promise.all(ids.slice(i, i + 500).map((id) => queue.deleteJob(id)));
}

describe("clear", () => {
  test("finds what stands behind very many that were deleted", async () => {
    const worker = new Worker();
    const { queue } = worker;
    await queue.setPolicy({ keepCompleted: { ageMs: LONG_MS, count: 100_000 } });
    const ids = await worker.put(...Array.from({ length: 7_000 }, () => ({})));
    const deliveries = await worker.exchange(7_000);
    await worker.exchange(
      0,
      deliveries.map(({ receipt }) => ({ receipt, kind: "complete" })),
    );
    // The first goes last, so that all the others are still in its list.
    const last = ids.at(-1) ?? "";
    await deleteEach(queue, ids.slice(1, -1));
    await queue.deleteJob(ids[0] ?? "");
    expect((await queue.getJob(last))?.status).toBe("completed");
    expect(await queue.clear()).toBe(1);
    expect(await queue.getJob(last)).toBeUndefined();

    const waiting = await worker.put(...Array.from({ length: 8_000 }, () => ({})));
    await deleteEach(queue, waiting.slice(0, -1));
    expect(await queue.clear()).toBe(1);
    expect(await queue.count()).toBe(0);
    expect(Object.keys(await worker.left()).toSorted()).toEqual(LASTING);
  });
});
