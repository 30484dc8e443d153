import { describe, expect, test } from "vitest";
import {
  type Clock,
  type Delivery,
  type Enqueued,
  type ExchangeRequest,
  LeaseLostError,
  type NewJob,
  ok,
  QueueFullError,
  QueueShorthands,
  QueueUnavailableError,
  type Receipt,
  type Result,
  type ShorthandCalls,
  systemClock,
} from "@lexigram/contracts";

const job = (id: string): NewJob => ({
  id,
  task: "t",
  body: { data: "{}", encoding: "json" },
  headers: {},
  priority: 5,
});

const delivery = (id: string, receipt: string): Delivery => ({
  job: { ...job(id), createdAt: 0 },
  receipt: receipt as Receipt,
  attempt: 1,
  recoveries: 0,
  deferrals: 0,
  leaseMs: 1,
  started: true,
});

/** A clock that jumps to each timer as soon as nothing else is left to run. */
function eagerClock(): Clock {
  let now = 0;
  return {
    now: () => now,
    monotonic: () => now,
    setTimer: (callback, delayMs) => {
      const due = now + delayMs;
      const waiting = setImmediate(() => {
        now = Math.max(now, due);
        callback();
      });
      return { cancel: () => clearImmediate(waiting) };
    },
  };
}

class Store implements ShorthandCalls {
  readonly name = "q";
  readonly batches: { ids: string[]; session: string; seq: number }[] = [];
  readonly exchanges: ExchangeRequest[] = [];
  hold: Promise<void> | undefined;
  outages = 0;
  ready: Delivery[] = [];
  lost: Receipt[] = [];

  async enqueueMany(jobs: readonly NewJob[], call: { session: string; seq: number }) {
    this.batches.push({ ids: jobs.map((j) => j.id), ...call });
    await this.hold;
    this.#fail();
    return jobs.map((j): Result<Enqueued, QueueFullError> => {
      if (j.id === "full") return { ok: false, error: new QueueFullError({ queue: "q", capacity: 1 }) };
      return ok({ id: j.id === "twin" ? "first" : j.id, outcome: j.id === "twin" ? "existing" : "accepted" });
    });
  }

  async exchange(request: ExchangeRequest) {
    this.exchanges.push(request);
    this.#fail();
    const deliveries = request.claim.slots > 0 ? this.ready.splice(0, request.claim.slots) : [];
    return { lost: this.lost, cancelled: [], deliveries, paused: false };
  }

  #fail(): void {
    if (this.outages-- > 0)
      throw new QueueUnavailableError({ queue: "q", retryable: true, accepted: "no", ids: [] });
  }
}

function over(store: Store, clock: Clock = systemClock, enqueueTimeoutMs?: number): QueueShorthands {
  const timeout = enqueueTimeoutMs === undefined ? {} : { enqueueTimeoutMs };
  return new QueueShorthands(store, { clock, session: "s", ...timeout });
}

describe("enqueue", () => {
  test("sends the calls of one turn in one round trip and answers each by itself", async () => {
    const store = new Store();
    const queue = over(store);
    const results = await Promise.all(["a", "full", "twin"].map((id) => queue.enqueue(job(id))));
    expect(store.batches).toEqual([{ ids: ["a", "full", "twin"], session: "s:e", seq: 1 }]);
    expect(results).toEqual([ok("a"), { ok: false, error: expect.any(QueueFullError) }, ok("first")]);
  });

  test("gathers what arrives while a batch is in flight into the next", async () => {
    const store = new Store();
    let release = (): void => {};
    store.hold = new Promise((resolve) => (release = resolve));
    const queue = over(store);
    const first = queue.enqueue(job("a"));
    await Promise.resolve();
    const rest = [queue.enqueue(job("b")), queue.enqueue(job("c"))];
    release();
    await Promise.all([first, ...rest]);
    expect(store.batches.map((b) => b.ids)).toEqual([["a"], ["b", "c"]]);
    expect(store.batches.map((b) => b.seq)).toEqual([1, 2]);
  });

  test("never puts more than 500 jobs into one call", async () => {
    const store = new Store();
    const queue = over(store);
    await Promise.all(Array.from({ length: 1_200 }, (_, i) => queue.enqueue(job(String(i)))));
    expect(store.batches.map((b) => b.ids.length)).toEqual([500, 500, 200]);
  });

  test("repeats a call under the same name while the store is away", async () => {
    const store = new Store();
    store.outages = 3;
    const queue = over(store, eagerClock());
    expect(await queue.enqueue(job("a"))).toEqual(ok("a"));
    expect(store.batches.map((b) => b.seq)).toEqual([1, 1, 1, 1]);
  });

  test("gives up after its time and says that the jobs may have been accepted", async () => {
    const store = new Store();
    store.outages = Number.POSITIVE_INFINITY;
    const queue = over(store, eagerClock(), 5_000);
    await expect(queue.enqueue(job("a"))).rejects.toMatchObject({
      code: "LEX_ERR_TASK_QUEUE_UNAVAILABLE",
      fields: { accepted: "unknown", ids: ["a"] },
    });
    expect(store.batches.length).toBeGreaterThan(3);
  });

  test("gives up a call that is not answered when its time is up", async () => {
    const store = new Store();
    store.hold = new Promise(() => {});
    const queue = over(store, eagerClock(), 5_000);
    const error: unknown = await queue.enqueue(job("a")).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: "LEX_ERR_TASK_QUEUE_UNAVAILABLE",
      fields: { accepted: "unknown", ids: ["a"], retryable: true },
      cause: { message: expect.stringContaining("5000 ms") },
    });
    expect(store.batches).toHaveLength(1);
  });

  test("says what the calls before were refused with, when the last one is not answered", async () => {
    const store = new Store();
    const cause = new Error("certificate has expired");
    let calls = 0;
    store.enqueueMany = async () => {
      if (calls++ > 0) return new Promise(() => {});
      throw new QueueUnavailableError({ queue: "q", retryable: true, accepted: "no", ids: [] }, { cause });
    };
    const error: unknown = await over(store, eagerClock(), 5_000)
      .enqueue(job("a"))
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ cause: { message: expect.stringContaining("5000 ms"), cause } });
    expect(calls).toBe(2);
  });

  test("is refused after close", async () => {
    const queue = over(new Store());
    await queue.close();
    await expect(queue.enqueue(job("a"))).rejects.toMatchObject({ code: "LEX_ERR_TASK_CLOSED" });
    await expect(queue.dequeue()).rejects.toMatchObject({ code: "LEX_ERR_TASK_CLOSED" });
    await expect(queue.ack("a")).rejects.toMatchObject({ code: "LEX_ERR_TASK_CLOSED" });
  });
});

describe("dequeue, ack, nack", () => {
  test("settle the delivery that was handed out", async () => {
    const store = new Store();
    store.ready = [delivery("a", "r1"), delivery("b", "r2"), delivery("c", "r3")];
    const queue = over(store);
    expect((await queue.dequeue())?.job.id).toBe("a");
    await queue.dequeue();
    await queue.dequeue();
    expect(await queue.dequeue()).toBeUndefined();
    await queue.ack("a");
    await queue.nack("b", { delayMs: 50 });
    await queue.nack("c", { requeue: false, reason: "no good" });
    expect(store.exchanges.flatMap((x) => x.settle)).toEqual([
      { receipt: "r1", kind: "complete" },
      { receipt: "r2", kind: "retry", delayMs: 50, countAttempt: true, error: expect.anything() },
      { receipt: "r3", kind: "fail", reason: "rejected", error: { name: "Nack", message: "no good" } },
    ]);
  });

  test("number their calls and never have two in flight", async () => {
    const store = new Store();
    store.ready = [delivery("a", "r1"), delivery("b", "r2")];
    const queue = over(store);
    await Promise.all([queue.dequeue(), queue.dequeue(), queue.dequeue()]);
    expect(store.exchanges.map((x) => [x.session, x.seq])).toEqual([
      ["s:x", 1],
      ["s:x", 2],
      ["s:x", 3],
    ]);
  });

  test("do nothing for an id that was not handed out, or was settled", async () => {
    const store = new Store();
    store.ready = [delivery("a", "r1")];
    const queue = over(store);
    await queue.ack("nobody");
    await queue.dequeue();
    await queue.ack("a");
    await queue.ack("a");
    expect(store.exchanges).toHaveLength(2);
  });

  test("refuse to guess when a job was handed out twice and the first is open", async () => {
    const store = new Store();
    store.ready = [delivery("a", "r1"), delivery("a", "r2")];
    const queue = over(store);
    await queue.dequeue();
    await queue.dequeue();
    await expect(queue.ack("a")).rejects.toThrow(LeaseLostError);
    await queue.ack("a");
    expect(store.exchanges.at(-1)?.settle).toEqual([{ receipt: "r2", kind: "complete" }]);
  });

  test("say so when the lease was lost", async () => {
    const store = new Store();
    store.ready = [delivery("a", "r1")];
    const queue = over(store);
    await queue.dequeue();
    store.lost = ["r1" as Receipt];
    await expect(queue.ack("a")).rejects.toThrow(LeaseLostError);
  });
});
