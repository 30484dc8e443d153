import { aJob, anError, uniqueName } from "@lexigram/conformance";
import {
  type Claim,
  type Delivery,
  type NewJob,
  type Settlement,
  systemClock,
  systemRandom,
  type TaskQueueProtocol,
} from "@lexigram/contracts";
import { Application } from "@lexigram/kernel";
import { freePort, privateRedis, TcpProxy } from "@lexigram/services";
import { task, TaskDispatcher, TasksModule } from "@lexigram/tasks";
import { describe, expect, test } from "vitest";
import { ScriptedQueue } from "../../src/queue/scripted-queue.ts";
import { at, ending, open, unavailability } from "../connection/opened.ts";

const CLAIM: Claim = { slots: 0, ahead: 0, leaseMs: 60_000, maxBytes: 1e9 };

function queueAt(url: string, name: string, enqueueTimeoutMs?: number): TaskQueueProtocol {
  return ending(
    new ScriptedQueue({
      name,
      namespace: "test",
      connection: open(at(url)),
      clock: systemClock,
      random: systemRandom,
      enqueueTimeoutMs,
      onClose: () => {},
    }),
  );
}

/** One queue, reached over a wire that can be broken, and beside it. */
async function proxied() {
  const server = ending(await privateRedis());
  const proxy = ending(await TcpProxy.open(server.port));
  const name = uniqueName("queue");
  const far = queueAt(proxy.redisUrl, name);
  const near = queueAt(server.url, name);
  // What is looked up once is looked up, so that the next reply is that of the call.
  const warm = [aJob(), aJob({ key: "warm" })] as const;
  for (const [i, job] of warm.entries()) await far.enqueueMany([job], { session: "warm", seq: i + 1 });
  for (const { id } of warm) await far.deleteJob(id);
  await far.exchange({ session: "warm", seq: 1, settle: [], started: [], claim: CLAIM });
  let seq = 0;
  const work = async (settle: readonly Settlement[], slots: number): Promise<readonly Delivery[]> => {
    const claim = { ...CLAIM, slots };
    const call = { session: "near", seq: ++seq, settle, started: [], claim };
    return (await near.exchange(call)).deliveries;
  };
  /** Waits for jobs that arrive, runs them, and has the queue forget them. */
  const runAndForget = async (n: number): Promise<void> => {
    await near.setPolicy({ keepCompleted: 0 });
    for (let done = 0; done < n;) {
      await near.waitForWork(10_000, new AbortController().signal);
      const deliveries = await work([], 10);
      await work(
        deliveries.map(({ receipt }) => ({ receipt, kind: "complete" })),
        0,
      );
      done += deliveries.length;
    }
    expect(await near.stats()).toMatchObject({ counts: { pending: 0, running: 0, completed: 0 } });
  };
  /** Makes a call whose reply is lost, does something meanwhile, and breaks the wire. */
  const losing = async (call: () => Promise<unknown>, meanwhile: () => Promise<void>): Promise<void> => {
    proxy.blackhole("replies");
    const lost = unavailability(call());
    await meanwhile();
    proxy.cut();
    expect((await lost).fields).toMatchObject({ retryable: true, accepted: "unknown" });
    proxy.heal();
  };
  return { proxy, name, far, near, work, runAndForget, losing };
}

const kinds: readonly (readonly [string, () => Partial<NewJob>])[] = [
  ["plain", () => ({})],
  ["keyed", () => ({ key: "k" })],
  ["unique", () => ({ unique: { key: "u", until: "settled", onConflict: "existing" } })],
];

describe("an enqueue whose reply was lost", () => {
  test.each(kinds)("and is sent again makes no second job after the first has gone: %s", async (_, kind) => {
    const { far, near, losing, runAndForget } = await proxied();
    const jobs = [aJob(kind()), aJob()];
    const call = { session: "producer", seq: 1 };
    await losing(
      () => far.enqueueMany(jobs, call),
      () => runAndForget(2),
    );
    const accepted = jobs.map(({ id }) => ({ ok: true, value: { id, outcome: "accepted" } }));
    expect(await far.enqueueMany(jobs, call)).toEqual(accepted);
    expect(await far.enqueueMany(jobs, call)).toEqual(accepted);
    expect(await near.count()).toBe(0);
    expect(await near.getJob(jobs[0]?.id ?? "")).toBeUndefined();
    // The next number is a new call, so that the above is not for want of room.
    expect(await far.enqueueMany(jobs, { ...call, seq: 2 })).toEqual(accepted);
    expect(await near.count("pending")).toBe(2);
  });

  test("is answered with the refusals that it had, though they would not be made any more", async () => {
    const { far, near, work, losing } = await proxied();
    const held = aJob({ unique: { key: "u", until: "settled", onConflict: "reject" } });
    await near.enqueue(held);
    const jobs = [aJob(), { ...held, id: uniqueName("job") }, held];
    const call = { session: "producer", seq: 1 };
    await losing(
      () => far.enqueueMany(jobs, call),
      async () => {
        await near.waitForWork(10_000, new AbortController().signal);
        while ((await near.count()) < 2) await near.waitForWork(10_000, new AbortController().signal);
        const deliveries = await work([], 2);
        await work(
          deliveries.map(({ receipt }) => ({ receipt, kind: "complete" })),
          0,
        );
        expect(await near.clear({ status: "completed" })).toBe(2);
      },
    );
    expect(await far.enqueueMany(jobs, call)).toMatchObject([
      { ok: true, value: { outcome: "accepted" } },
      { ok: false, error: { code: "LEX_ERR_TASK_DUPLICATE", fields: { existingId: held.id } } },
      { ok: false, error: { code: "LEX_ERR_TASK_DUPLICATE", fields: { existingId: held.id } } },
    ]);
    expect(await near.count()).toBe(0);
  });

  test("is sent again by enqueue() itself, and makes one job", async () => {
    const { far, near, proxy, runAndForget } = await proxied();
    proxy.blackhole("replies");
    const [first, second] = [aJob(), aJob({ key: "k" })];
    const results = Promise.all([far.enqueue(first), far.enqueue(second)]);
    await runAndForget(2);
    proxy.cut();
    proxy.heal();
    expect(await results).toEqual([
      { ok: true, value: first.id },
      { ok: true, value: second.id },
    ]);
    expect(await near.count()).toBe(0);
  });

  test("is sent again by the dispatcher, and runs once", async () => {
    const { near, proxy, name, runAndForget } = await proxied();
    const greet = task({ name: "greet" }, async () => {});
    const app = await Application.boot({
      modules: [
        TasksModule.configure({
          workerCount: 0,
          backends: [
            {
              name: "mails",
              queueName: name,
              type: "redis",
              redisUrl: proxy.redisUrl,
              extra: { namespace: "test" },
            },
          ],
        }),
        TasksModule.scope(greet),
      ],
    });
    try {
      const dispatcher = app.get(TaskDispatcher);
      await dispatcher.enqueue(greet);
      await runAndForget(1);
      proxy.blackhole("replies");
      const handle = dispatcher.enqueue(greet);
      await runAndForget(1);
      proxy.cut();
      proxy.heal();
      expect(await (await handle).status()).toBe("unknown");
      expect(await near.count()).toBe(0);
    } finally {
      await app.stop();
    }
  });
});

describe("an exchange whose reply was lost", () => {
  test("and is sent again settles nothing twice, and hands out what it gave", async () => {
    const { far, near, losing } = await proxied();
    for (let i = 0; i < 5; i++) await near.enqueue(aJob({ id: `job-${i}` }));
    const claimed = await far.exchange({
      session: "worker",
      seq: 1,
      settle: [],
      started: [],
      claim: { ...CLAIM, slots: 3 },
    });
    const [complete, retry, cancel] = claimed.deliveries as [Delivery, Delivery, Delivery];
    const call = {
      session: "worker",
      seq: 2,
      settle: [
        { receipt: complete.receipt, kind: "complete", result: { data: "1", encoding: "json" } },
        { receipt: retry.receipt, kind: "retry", delayMs: 3_600_000, countAttempt: true, error: anError() },
        { receipt: cancel.receipt, kind: "cancel" },
      ] satisfies Settlement[],
      started: [],
      claim: { ...CLAIM, slots: 1, ahead: 1 },
    };
    await losing(
      () => far.exchange(call),
      async () => {
        while ((await near.count("running")) !== 2) await near.waitForWork(20, new AbortController().signal);
      },
    );
    const before = await near.stats();
    expect(before.counts).toMatchObject({ completed: 1, scheduled: 1, cancelled: 1, running: 2, pending: 0 });
    const again = await far.exchange(call);
    expect(again.lost).toEqual([]);
    expect(again.deliveries).toMatchObject([
      { job: { id: "job-3" }, attempt: 1, started: true },
      { job: { id: "job-4" }, attempt: 1, started: false },
    ]);
    expect(await near.stats()).toEqual(before);
    expect(await near.getJob(retry.job.id)).toMatchObject({ status: "retrying", attempt: 1 });
    // They are still good for their one outcome.
    const { lost } = await far.exchange({
      session: "worker",
      seq: 3,
      settle: again.deliveries.map(({ receipt }) => ({ receipt, kind: "complete" })),
      started: [],
      claim: CLAIM,
    });
    expect(lost).toEqual([]);
    expect(await near.count("completed")).toBe(3);
  });
});

describe("a producer", () => {
  const taking = async (call: () => Promise<unknown>): Promise<number> => {
    const since = performance.now();
    await call();
    return performance.now() - since;
  };

  test("whose server is away is told so in time, with nothing accepted by a single call", async () => {
    const queue = queueAt(`redis://127.0.0.1:${await freePort()}`, "emails", 700);
    const job = aJob();
    const once = await unavailability(queue.enqueueMany([job], { session: "s", seq: 1 }));
    expect(once.fields).toMatchObject({ accepted: "no", retryable: true });
    let error;
    const ms = await taking(async () => (error = await unavailability(queue.enqueue(job))));
    expect(error).toMatchObject({ fields: { accepted: "unknown", ids: [job.id], retryable: true } });
    expect(ms).toBeGreaterThan(600);
    expect(ms).toBeLessThan(2_200);
  });

  test("whose server went silent is told so in time, and its job may be there", async () => {
    const { proxy, near, name } = await proxied();
    const queue = queueAt(proxy.redisUrl, name, 700);
    await queue.enqueue(aJob());
    proxy.blackhole("replies");
    const job = aJob();
    let error;
    const ms = await taking(async () => (error = await unavailability(queue.enqueue(job))));
    expect(error).toMatchObject({ fields: { accepted: "unknown", ids: [job.id], retryable: true } });
    expect(ms).toBeGreaterThan(600);
    expect(ms).toBeLessThan(2_200);
    expect(await near.getJob(job.id)).toMatchObject({ status: "pending" });
    proxy.cut();
  });
});
