import { aJob, uniqueName } from "@lexigram/conformance";
import {
  type Delivery,
  type JobId,
  type QueuePolicy,
  type Settlement,
  systemClock,
  systemRandom,
} from "@lexigram/contracts";
import { sharedServers } from "@lexigram/services";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { openConnection } from "../../src/connection/open-connection.ts";
import { RedisScript } from "../../src/connection/redis-script.ts";
import type { SharedRedisConnection } from "../../src/connection/redis-connection.ts";
import { QueueKeys } from "../../src/lua/keys.ts";
import { QUEUE_SCRIPTS } from "../../src/lua/scripts.ts";
import { policyArguments } from "../../src/queue/policy-rules.ts";
import { ScriptedQueue } from "../../src/queue/scripted-queue.ts";

const NAMESPACE = uniqueName("refile");
const UNLINK = new RedisScript("unlink", "return redis.call('UNLINK', unpack(KEYS))");
const JOBS = 5_000;
const KEYS_OF_JOBS = 50;

let connections: SharedRedisConnection[];
let keys: QueueKeys;
let queue: ScriptedQueue;
let other: ScriptedQueue;
let seq = 0;

function opened(name: string, connection: SharedRedisConnection | undefined): ScriptedQueue {
  if (connection === undefined) throw new Error("no connection");
  const parts = { connection, clock: systemClock, random: systemRandom, onClose: () => {} };
  return new ScriptedQueue({ name, namespace: NAMESPACE, ...parts });
}

beforeAll(() => {
  const random = (): (() => number) => () => systemRandom();
  const target = { kind: "url", url: sharedServers.redis } as const;
  connections = [openConnection({ target, random: random() }), openConnection({ target, random: random() })];
});
afterAll(() => Promise.all(connections.map((one) => one.close())));

beforeEach(() => {
  const name = uniqueName("queue");
  keys = new QueueKeys(NAMESPACE, name);
  [queue, other] = [opened(name, connections[0]), opened(name, connections[1])];
});
afterEach(async () => {
  await Promise.all([queue.close(), other.close()]);
  await connections[0]?.run(UNLINK, keys.all, [], { subject: "test" });
});

/** One step of the script that sets rules, and no more. */
function step(operation: string, ...args: readonly (string | number)[]): Promise<unknown> {
  const all = [keys.wakeChannel, keys.settledChannel, operation, ...args];
  return connections[0]?.run(QUEUE_SCRIPTS.control, keys.all, all, { subject: "test" }) ?? Promise.reject();
}

async function exchange(
  slots: number,
  settle: readonly Settlement[] = [],
  through = queue,
): Promise<readonly Delivery[]> {
  const claim = { slots, ahead: 0, leaseMs: 3_600_000, maxBytes: 1e9 };
  const call = { session: "worker", seq: ++seq, settle, started: [], claim };
  return (await through.exchange(call)).deliveries;
}

/** Waiting jobs, most of them keyed, two of three of a task of its own. */
async function fill(): Promise<JobId[]> {
  const jobs = Array.from({ length: JOBS }, (_, i) =>
    aJob({
      id: `job-${i}`,
      task: `task-${i % 3}`,
      ...(i % 10 === 0 ? {} : { key: `key-${i % KEYS_OF_JOBS}` }),
    }),
  );
  const results = await queue.enqueueMany(jobs, { session: uniqueName("fill"), seq: 1 });
  expect(results.every(({ ok }) => ok)).toBe(true);
  return jobs.map(({ id }) => id);
}

/** Claims everything, in the order in which it comes. */
async function drained(each = JOBS): Promise<JobId[]> {
  const ids: JobId[] = [];
  let settle: Settlement[] = [];
  for (;;) {
    const deliveries = await exchange(each, settle);
    if (deliveries.length === 0 && settle.length === 0) return ids;
    ids.push(...deliveries.map(({ job }) => job.id));
    settle = deliveries.map(({ receipt }) => ({ receipt, kind: "complete" }));
  }
}

const keyOf = (id: JobId): string => {
  const i = Number(id.slice(4));
  return i % 10 === 0 ? "" : `key-${i % KEYS_OF_JOBS}`;
};

/** Of each key, its jobs in the order in which they were accepted. */
function byKey(ids: readonly JobId[]): Map<string, JobId[]> {
  const found = new Map<string, JobId[]>();
  for (const id of ids) found.set(keyOf(id), [...(found.get(keyOf(id)) ?? []), id]);
  return found;
}

async function listed(): Promise<JobId[]> {
  const ids: JobId[] = [];
  let cursor: string | undefined;
  do {
    const page = await queue.list({
      status: "pending",
      limit: 1_000,
      ...(cursor === undefined ? {} : { cursor }),
    });
    ids.push(...page.items.map(({ id }) => id));
    cursor = page.cursor;
  } while (cursor !== undefined);
  return ids;
}

const rules: readonly (readonly [string, QueuePolicy])[] = [
  ["order by key", { perKey: { order: "fifo" } }],
  ["a limit of a task", { perTask: { "task-1": { concurrency: 2 } } }],
  ["fair keys", { perKey: { fair: true } }],
  [
    "fair keys with limits",
    { perKey: { fair: true, concurrency: 3 }, perTask: { "task-2": { concurrency: 1 } } },
  ],
];

describe("rules on jobs that are there", () => {
  test.each(rules)(
    "come and go, and change neither how many there are nor their order: %s",
    async (_, policy) => {
      const ids = await fill();
      await queue.cancel("job-17");
      await queue.deleteJob("job-18");
      const there = ids.filter((id) => id !== "job-17" && id !== "job-18");
      await queue.setPolicy(policy);
      expect(await queue.count("pending")).toBe(there.length);
      expect((await listed()).toSorted()).toEqual(there.toSorted());
      await queue.setPolicy({});
      expect(await queue.count("pending")).toBe(there.length);
      expect((await listed()).toSorted()).toEqual(there.toSorted());
      expect(await drained()).toEqual(there);
      expect(await queue.stats()).toMatchObject({ counts: { pending: 0, running: 0 } });
    },
  );

  test("hold for them: order by key", async () => {
    const ids = await fill();
    await queue.setPolicy({ perKey: { order: "fifo" } });
    const first = await exchange(JOBS);
    const keyless = ids.filter((id) => keyOf(id) === "");
    expect(first).toHaveLength(keyless.length + new Set(ids.map(keyOf)).size - 1);
    await exchange(
      0,
      first.map(({ receipt }) => ({ receipt, kind: "release", delayMs: 0 })),
    );
    const came = await drained();
    expect(came.toSorted()).toEqual(ids.toSorted());
    expect(byKey(came)).toEqual(byKey(ids));
  });

  test("hold for them: a limit of a task", async () => {
    const ids = await fill();
    await queue.setPolicy({ perTask: { "task-1": { concurrency: 2 } } });
    const claimed = await exchange(JOBS);
    const limited = claimed.filter(({ job }) => job.task === "task-1");
    expect(limited.map(({ job }) => job.id)).toEqual(["job-1", "job-4"]);
    expect(claimed).toHaveLength(ids.filter((_, i) => i % 3 !== 1).length + 2);
    await exchange(
      0,
      claimed.map(({ receipt }) => ({ receipt, kind: "complete" })),
    );
    await queue.setPolicy({});
    expect(await drained()).toEqual(ids.filter((id, i) => i % 3 === 1 && id !== "job-1" && id !== "job-4"));
  });

  test("hold for them: fair keys", async () => {
    const ids = await fill();
    await queue.setPolicy({ perKey: { fair: true } });
    const names = new Set(ids.map(keyOf));
    const round = await exchange(names.size);
    expect(new Set(round.map(({ job }) => keyOf(job.id)))).toEqual(names);
    const rest = await drained();
    expect(byKey([...round.map(({ job }) => job.id), ...rest])).toEqual(byKey(ids));
  });

  test("are counted for jobs that run while they change", async () => {
    await fill();
    const running = await exchange(60);
    await queue.setPolicy({ perKey: { concurrency: 1 } });
    const more = await exchange(JOBS);
    const busy = new Set(running.map(({ job }) => keyOf(job.id)));
    busy.delete("");
    expect(more.filter(({ job }) => busy.has(keyOf(job.id)))).toEqual([]);
    await exchange(
      0,
      [...running, ...more].map(({ receipt }) => ({ receipt, kind: "complete" })),
    );
    const rest = await drained();
    expect(rest.length + running.length + more.length).toBe(JOBS);
  });
});

describe("jobs that are being filed anew", () => {
  const policy: QueuePolicy = { perKey: { order: "fifo" } };

  test("are not claimed, and none is lost or doubled by what is done meanwhile", async () => {
    const ids = await fill();
    await queue.isPaused();
    expect(await step("policy", ...policyArguments(policy))).toBe("refiling");
    expect(await queue.count("pending")).toBe(JOBS);
    // At both ends of the line, on either side of where the filing stands.
    const changed: JobId[] = [];
    for (const id of ["job-1", "job-1999", "job-2500", "job-4999"]) {
      expect(await queue.cancel(id)).toBe("cancelled");
      changed.push(id);
    }
    for (const id of ["job-2", "job-4998"]) {
      expect(await queue.deleteJob(id)).toBe(true);
      changed.push(id);
    }
    for (const id of ["job-4", "job-4997"])
      expect(await queue.update(id, { body: { data: "2", encoding: "json" } })).toMatchObject({ ok: true });
    const late = Array.from({ length: 60 }, (_, i) =>
      aJob({ id: `job-${JOBS + i}`, ...(i % 2 ? { key: "late" } : {}) }),
    );
    await other.enqueueMany(late, { session: "late", seq: 1 });
    expect(await exchange(100)).toEqual([]);
    while ((await step("refile")) === "refiling");
    const there = ids.filter((id) => !changed.includes(id));
    expect(await queue.count("pending")).toBe(there.length + 60);
    const came = await drained();
    expect(came.toSorted()).toEqual([...there, ...late.map(({ id }) => id)].toSorted());
    const keyed = (all: readonly JobId[]): Map<string, JobId[]> =>
      byKey(all.filter((id) => Number(id.slice(4)) < JOBS));
    expect(keyed(came)).toEqual(keyed(there));
    const lates = came.filter((id) => Number(id.slice(4)) >= JOBS && Number(id.slice(4)) % 2 === 1);
    expect(lates).toEqual(late.filter((_, i) => i % 2).map(({ id }) => id));
  });

  test("are filed by who comes next when the process that began it is gone", async () => {
    const ids = await fill();
    await queue.isPaused();
    expect(await step("policy", ...policyArguments(policy))).toBe("refiling");
    // Nobody asked to go on, so whoever sets rules, the same or others, finishes first.
    await other.setPolicy({ perTask: { "task-0": { concurrency: 1 } } });
    const claimed = await exchange(JOBS);
    expect(claimed.filter(({ job }) => job.task === "task-0")).toHaveLength(1);
    await exchange(
      0,
      claimed.map(({ receipt }) => ({ receipt, kind: "release", delayMs: 0 })),
    );
    await other.setPolicy({});
    expect(await drained()).toEqual(ids);
  });

  test("are filed by workers alone when nobody sets rules any more", async () => {
    const ids = await fill();
    await queue.isPaused();
    expect(await step("policy", ...policyArguments(policy))).toBe("refiling");
    let claimed: readonly Delivery[] = [];
    for (let looks = 0; claimed.length === 0 && looks < 10; looks++) claimed = await exchange(1);
    expect(claimed.map(({ job }) => job.id)).toEqual(["job-0"]);
    await exchange(
      0,
      claimed.map(({ receipt }) => ({ receipt, kind: "release", delayMs: 0 })),
    );
    const came = await drained();
    expect(came).toHaveLength(JOBS);
    expect(byKey(came)).toEqual(byKey(ids));
  });

  test("follow one of two rules that are set at once, whole", async () => {
    const ids = await fill();
    const two: readonly QueuePolicy[] = [
      policy,
      { perKey: { fair: true }, perTask: { "task-1": { concurrency: 1 } } },
    ];
    for (let round = 0; round < 3; round++)
      await Promise.all([queue.setPolicy(two[round % 2] ?? {}), other.setPolicy(two[(round + 1) % 2] ?? {})]);
    expect(await queue.count("pending")).toBe(JOBS);
    await Promise.all([queue.setPolicy({}), other.setPolicy({})]);
    expect((await listed()).toSorted()).toEqual(ids.toSorted());
    expect(await drained()).toEqual(ids);
  });
});
