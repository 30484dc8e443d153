import { aJob, anError, Session, uniqueName } from "@lexigram/conformance";
import {
  type Delivery,
  type NewJob,
  type Settlement,
  type StateStoreProtocol,
  systemClock,
} from "@lexigram/contracts";
import { MemoryStateStore } from "@lexigram/tasks";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import type { BrokerQueue } from "../../src/queue/broker-queue.ts";
import { workedQueue } from "../queue/worked-queue.ts";

vi.setConfig({ testTimeout: 60_000 });

/** A delivery is acknowledged when it was held for half of this. */
const ACK_TIMEOUT_MS = 1_000;
const LEASE_MS = 600_000;
const PATIENCE = { timeout: 20_000, interval: 20 };
const result = { data: '"done"', encoding: "json" };

/** A store that is away while it is told to be. */
function faultyState() {
  const state = new MemoryStateStore({ clock: systemClock });
  onTestFinished(() => state.close());
  let isAway = false;
  let refused = 0;
  const faulty: StateStoreProtocol = new Proxy(state, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== "function") return value;
      return async (...given: unknown[]) => {
        if (isAway) {
          refused++;
          throw new Error("the store is away");
        }
        return Reflect.apply(value, target, given) as unknown;
      };
    },
  });
  return {
    store: state,
    state: faulty,
    setAway: (away: boolean) => void (isAway = away),
    refused: () => refused,
  };
}

/** What a worker does with one object of a queue. */
function seatAt(queue: BrokerQueue) {
  const session = new Session(queue, uniqueName("session"), LEASE_MS);
  return {
    session,
    queue,
    /** Claims until something comes. */
    come: async (slots = 1): Promise<Delivery> => {
      for (;;) {
        const { deliveries } = await session.exchange({ slots });
        if (deliveries[0] !== undefined) return deliveries[0];
        await queue.waitForWork(500, AbortSignal.any([]));
      }
    },
    holds: async ({ receipt }: Delivery) => (await queue.extend([receipt], LEASE_MS)).lost.length === 0,
    settle: async (...settle: Settlement[]) => (await session.exchange({ settle })).lost,
  };
}

async function longRunning() {
  const faults = faultyState();
  const worked = await workedQueue({
    state: faults.state,
    ackTimeoutMs: ACK_TIMEOUT_MS,
    replyWithinMs: LEASE_MS,
  });
  const { queue } = worked;
  /** Jobs whose lease is recorded. */
  const recorded = async (): Promise<unknown[]> => {
    const { items } = await faults.store.list("");
    return items.filter(({ key }) => key.includes("/lease/")).map(({ value }) => value);
  };
  const first = seatAt(queue);
  return {
    ...worked,
    ...faults,
    ...first,
    recorded,
    /** A job whose attempt runs, and whose delivery was acknowledged. */
    running: async (job: Partial<NewJob> = {}): Promise<Delivery> => {
      const call = { session: uniqueName("ask"), seq: 1, replies: true };
      const [answer] = await queue.enqueueMany([aJob(job)], call);
      expect(answer?.ok).toBe(true);
      const delivery = await first.come();
      const { receipt } = delivery;
      await vi.waitFor(
        async () => expect(await recorded()).toContainEqual({ id: delivery.job.id, receipt }),
        PATIENCE,
      );
      return delivery;
    },
    /** Another worker, with connections of its own. */
    other: () => seatAt(worked.peer()),
    told: async (id: string) =>
      vi.waitFor(async () => {
        const [outcome] = await queue.replies!.read([id]);
        expect(outcome).toBeDefined();
        return outcome;
      }, PATIENCE),
  };
}

describe("a delivery that is held for long, of a queue with an index", () => {
  test("is acknowledged while it runs: a lost connection neither ends nor repeats it", async () => {
    const { running, put, come, settle, names, server, queue, recorded } = await longRunning();
    const { job, receipt } = await running();
    const [second] = await put({});
    expect((await come()).job.id).toBe(second);
    const admin = await server.admin();
    await server.sever();
    // What was held on the channel comes back in one step.
    const ready = async (): Promise<number> => (await admin.checkQueue(names.band("normal"))).messageCount;
    await vi.waitFor(async () => expect(await ready()).toBeGreaterThan(0), PATIENCE);
    expect(await ready()).toBe(1);
    expect((await queue.extend([receipt], LEASE_MS)).lost).toEqual([]);
    expect((await queue.stats()).counts.running).toBe(1);
    expect(await settle({ receipt, kind: "complete", result })).toEqual([]);
    expect(await queue.getJob(job.id)).toMatchObject({ status: "completed", attempt: 1, recoveries: 0 });
    expect((await come()).job.id).toBe(second);
    expect(await recorded()).toEqual([]);
  });

  test("has no limit that a boot would refuse", async () => {
    const indexed = await longRunning();
    const plain = await workedQueue({ ackTimeoutMs: ACK_TIMEOUT_MS });
    expect([indexed.queue.deliveryLimitMs, plain.queue.deliveryLimitMs]).toEqual([undefined, ACK_TIMEOUT_MS]);
  });

  test("runs again when its lease is over by the clock of the store, once, and its worker has lost it", async () => {
    const { running, queue, store, settle, other, told } = await longRunning();
    const { job, receipt } = await running({
      expiresInMs: 4_000,
      headers: { a: "b" },
      body: { data: new Uint8Array([1, 255]), encoding: "raw" },
    });
    await vi.waitFor(() => expect(systemClock.now()).toBeGreaterThan(job.expiresAt!), PATIENCE);
    const others = [other(), other(), other()];
    const claims = others.map((seat) => seat.come());
    for (const { key } of (await store.list("")).items)
      // Less than what a record has left when its lease is over.
      if (key.includes("/lease/")) await store.touch(key, { ttlMs: 3_600_000 });
    const again = await Promise.race(claims);
    // What has begun in time does not expire.
    const { expiresAt: _, ...begun } = job;
    expect(again).toMatchObject({ job: begun, attempt: 1, recoveries: 1 });
    expect((await queue.extend([receipt], LEASE_MS)).lost).toEqual([receipt]);
    const late = { data: "1", encoding: "json" };
    expect(await settle({ receipt, kind: "complete", result: late })).toEqual([receipt]);
    expect(await queue.getJob(job.id)).toMatchObject({ status: "running", recoveries: 1 });
    const seat = others[(await Promise.all(others.map((one) => one.holds(again)))).indexOf(true)]!;
    expect(await seat.settle({ receipt: again.receipt, kind: "complete", result })).toEqual([]);
    expect(await told(job.id)).toEqual({ id: job.id, status: "completed", attempt: 1, result });
    expect(await queue.getTaskCount()).toBe(0);
  });

  test("runs again when the process of its worker is gone, within a second of the end of its lease", async () => {
    const { running, queue, other, recorded } = await longRunning();
    const { job, receipt } = await running();
    const next = other();
    // A worker that only waits hears of it.
    const coming = next.come();
    await queue.extend([receipt], 1_000);
    const since = systemClock.monotonic();
    await queue.close();
    expect(await coming).toMatchObject({ job: { id: job.id }, attempt: 1, recoveries: 1 });
    const tookMs = systemClock.monotonic() - since;
    expect(tookMs).toBeGreaterThan(500);
    expect(tookMs).toBeLessThan(10_000);
    await vi.waitFor(async () => expect(await recorded()).toEqual([]), PATIENCE);
  });

  test("is a dead letter when it lost too many workers, and who waits is told", async () => {
    const { running, queue, told, recorded } = await longRunning();
    const { job, receipt } = await running({ maxRecoveries: 0 });
    await queue.extend([receipt], 1);
    const error = expect.objectContaining({ name: "PoisonJobError" }) as unknown;
    expect(await told(job.id)).toMatchObject({ status: "failed", error });
    expect(await queue.deadLetters.get(job.id)).toMatchObject({ reason: "poison", job: { recoveries: 1 } });
    expect(await queue.getJob(job.id)).toMatchObject({ status: "failed", reason: "poison" });
    expect(await recorded()).toEqual([]);
    expect((await queue.deadLetters.retry(job.id)).ok).toBe(true);
    expect(await queue.getTaskCount()).toBe(1);
  });

  test("hears that its job was cancelled, and its end by the lease cancels it too", async () => {
    const { running, queue, settle, other, told } = await longRunning();
    const first = await running();
    expect(await other().queue.cancel(first.job.id)).toBe("requested");
    expect((await queue.extend([first.receipt], LEASE_MS)).cancelled).toEqual([first.receipt]);
    expect(await settle({ receipt: first.receipt, kind: "fail", error: anError() })).toEqual([]);
    expect(await queue.getJob(first.job.id)).toMatchObject({ status: "cancelled" });
    const second = await running();
    expect(await queue.cancel(second.job.id)).toBe("requested");
    await queue.extend([second.receipt], 1);
    expect(await told(second.job.id)).toMatchObject({ status: "cancelled" });
    expect(await queue.getJob(second.job.id)).toMatchObject({ status: "cancelled" });
    expect(await queue.getTaskCount()).toBe(0);
  });

  test("is handed back at once, without an attempt or a recovery", async () => {
    const { running, settle, other, queue, recorded } = await longRunning();
    const { job, receipt } = await running();
    expect(await settle({ receipt, kind: "release", delayMs: 0 })).toEqual([]);
    expect(await recorded()).toEqual([]);
    expect(await queue.getJob(job.id)).toMatchObject({ status: "pending", attempt: 0 });
    const next = other();
    const again = await next.come();
    expect(again).toMatchObject({ job, attempt: 1, recoveries: 0 });
    expect(await next.settle({ receipt: again.receipt, kind: "release", delayMs: 300 })).toEqual([]);
    expect(await next.come()).toMatchObject({ job: { id: job.id }, attempt: 1, recoveries: 0 });
  });

  test("is retried, deferred and put into the dead letters as any other", async () => {
    const { running, settle, come, recorded, queue } = await longRunning();
    const { job, receipt } = await running();
    const error = anError();
    expect(await settle({ receipt, kind: "retry", delayMs: 60, countAttempt: true, error })).toEqual([]);
    expect(await recorded()).toEqual([]);
    const second = await come();
    expect(second).toMatchObject({ job: { id: job.id }, attempt: 2, recoveries: 0 });
    await vi.waitFor(async () => expect(await recorded()).toHaveLength(1), PATIENCE);
    expect(await settle({ receipt: second.receipt, kind: "fail", error })).toEqual([]);
    expect(await recorded()).toEqual([]);
    expect(await queue.deadLetters.get(job.id)).toMatchObject({ reason: "failed", job: { attempt: 2 } });
    expect(await queue.getTaskCount()).toBe(0);
  });

  test("is nothing any more when its job is deleted", async () => {
    const { running, queue, settle, recorded } = await longRunning();
    const { job, receipt } = await running();
    await queue.extend([receipt], 2_000);
    expect(await queue.deleteJob(job.id)).toBe(true);
    expect((await queue.extend([receipt], 2_000)).lost).toEqual([receipt]);
    expect(await settle({ receipt, kind: "complete" })).toEqual([receipt]);
    await vi.waitFor(async () => expect(await recorded()).toEqual([]), PATIENCE);
    expect(await queue.getTaskCount()).toBe(0);
  });

  test("is recorded later when the store is away, and is the channel's until then", async () => {
    const { put, come, queue, setAway, refused, recorded, settle } = await longRunning();
    const [id] = await put({});
    const { receipt } = await come();
    setAway(true);
    await vi.waitFor(() => expect(refused()).toBeGreaterThan(1), PATIENCE);
    expect((await queue.extend([receipt], LEASE_MS)).lost).toEqual([]);
    setAway(false);
    await vi.waitFor(async () => expect(await recorded()).toEqual([{ id, receipt }]), PATIENCE);
    expect(await settle({ receipt, kind: "complete" })).toEqual([]);
  });

  test("that the store cannot renew is lost before its lease ends, and others are not", async () => {
    const { running, put, come, queue, setAway } = await longRunning();
    const { receipt } = await running();
    await put({});
    const short = (await come()).receipt;
    await queue.extend([receipt, short], 2_000);
    setAway(true);
    const asked = { code: "LEX_ERR_TASK_QUEUE_UNAVAILABLE", fields: { retryable: true } };
    await expect(queue.extend([receipt, short], 2_000)).rejects.toMatchObject(asked);
    await vi.waitFor(async () => {
      expect((await queue.extend([receipt, short], 2_000)).lost).toEqual([receipt]);
    }, PATIENCE);
    setAway(false);
  });
});
