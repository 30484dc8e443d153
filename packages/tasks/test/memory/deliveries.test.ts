import { describe, expect, test } from "vitest";
import { MemoryTaskQueue } from "../../src/memory/memory-task-queue.ts";
import { Bench, failure, job } from "./jobs.ts";

const claim = { slots: 1, ahead: 0, leaseMs: 1_000, maxBytes: 1e9 };

describe("a delivery", () => {
  test("that is handed out again by a resend tells what is left of its lease", async () => {
    const { queue, clock } = new Bench();
    await queue.enqueue(job());
    const request = { session: "w", seq: 1, settle: [], started: [], claim };
    await queue.exchange(request);
    await clock.advance(400);
    const { deliveries } = await queue.exchange(request);
    expect(deliveries.map(({ leaseMs }) => leaseMs)).toEqual([600]);
  });

  test.each([
    ["x", 100, 4],
    ["é", 200, 4],
    ["€", 300, 4],
    ["x", 99, 3],
    ["€", 299, 3],
  ])("of five bodies of 25 %s holds to %i bytes: it is %i of them", async (text, maxBytes, fit) => {
    const bench = new Bench();
    const body = { data: text.repeat(25), encoding: "text" };
    await bench.put(job({ body }), job({ body }), job({ body }), job({ body }), job({ body }));
    const { deliveries } = await bench.exchange({ slots: 5, maxBytes });
    expect(deliveries).toHaveLength(fit);
  });

  test("that is handed back leaves no trace of a start", async () => {
    const bench = new Bench();
    await bench.put(job({ id: "a", expiresInMs: 1_000 }));
    const before = await bench.queue.getJob("a");
    const [delivery] = await bench.claim(1);
    expect((await bench.queue.getJob("a"))?.startedAt).toBe(bench.clock.now());
    await bench.exchange({ settle: [{ receipt: delivery!.receipt, kind: "release", delayMs: 0 }] });
    expect(await bench.queue.getJob("a")).toEqual(before);
    await bench.clock.advance(1_000);
    expect(await bench.claimIds(1)).toEqual([]);
    expect((await bench.queue.getJob("a"))?.status).toBe("expired");
  });

  test("that is settled and named as started in one call is not lost", async () => {
    const bench = new Bench();
    await bench.put(job({ id: "a" }));
    const [delivery] = await bench.claim(0, 1);
    const { receipt } = delivery!;
    const { lost } = await bench.exchange({ started: [receipt], settle: [{ receipt, kind: "complete" }] });
    expect(lost).toEqual([]);
    expect((await bench.queue.getJob("a"))?.status).toBe("completed");
  });

  test("that is settled without being named as started counts as an attempt all the same", async () => {
    const bench = new Bench();
    await bench.put(job({ id: "a", unique: { key: "k", until: "started", onConflict: "reject" } }));
    const [delivery] = await bench.claim(0, 1);
    await bench.exchange({
      settle: [{ receipt: delivery!.receipt, kind: "retry", delayMs: 0, countAttempt: true, error: failure }],
    });
    expect(await bench.queue.getJob("a")).toMatchObject({ attempt: 1, status: "pending", error: failure });
    const [taken] = await bench.put(job({ unique: { key: "k", until: "started", onConflict: "reject" } }));
    expect(taken?.ok).toBe(true);
  });
});

describe("parts of milliseconds", () => {
  const clock = {
    at: 0,
    now: () => 1_800_000_000_000 + Math.floor(clock.at),
    monotonic: () => clock.at,
    setTimer: () => ({ cancel: () => {} }),
  };

  test("never make a lease shorter than it was asked for", async () => {
    clock.at = 0.9;
    const queue = new MemoryTaskQueue({ clock });
    await queue.enqueue(job());
    const { deliveries } = await queue.exchange({ session: "w", seq: 1, settle: [], started: [], claim });
    clock.at = 1_000.8;
    const { lost } = await queue.extend([deliveries[0]!.receipt], 1_000);
    expect(lost).toEqual([]);
    clock.at = 2_002;
    expect((await queue.extend([deliveries[0]!.receipt], 1_000)).lost).toHaveLength(1);
  });

  test("never bring a start too early for its rate", async () => {
    clock.at = 0.9;
    const queue = new MemoryTaskQueue({ clock, policy: { rate: { rate: 1, perMs: 100, burst: 1 } } });
    await queue.enqueueMany([job(), job()], { session: "p", seq: 1 });
    const claimed = async (seq: number): Promise<number> =>
      (await queue.exchange({ session: "w", seq, settle: [], started: [], claim })).deliveries.length;
    expect(await claimed(1)).toBe(1);
    clock.at = 100.8;
    expect(await claimed(2)).toBe(0);
    clock.at = 101;
    expect(await claimed(3)).toBe(1);
  });
});

describe("a job of a limited task", () => {
  test("is never claimed ahead, nor what stands behind it", async () => {
    const bench = await Bench.withPolicy({ perTask: { slow: { concurrency: 5 } } });
    await bench.put(job({ id: "free" }), job({ id: "limited", task: "slow" }), job({ id: "behind" }));
    expect(await bench.claimIds(0, 3)).toEqual(["free"]);
    expect(await bench.claimIds(3)).toEqual(["limited", "behind"]);
  });

  test("takes its turn among others by the order of acceptance", async () => {
    const bench = await Bench.withPolicy({ perTask: { a: { concurrency: 9 }, b: { concurrency: 1 } } });
    await bench.put(...["a", "b", "c", "b", "a", "c"].map((task, i) => job({ id: `${task}${i}`, task })));
    expect(await bench.claimIds(6)).toEqual(["a0", "b1", "c2", "a4", "c5"]);
  });
});

describe("keys that take turns", () => {
  test("have one turn each, though a limit parts their jobs by task", async () => {
    const bench = await Bench.withPolicy({ perKey: { fair: true }, perTask: { t: { concurrency: 100 } } });
    const of = (key: string | undefined, task: string, n: number) =>
      Array.from({ length: n }, (_, i) =>
        job({ id: `${key}-${task}-${i}`, task, ...(key === undefined ? {} : { key }) }),
      );
    await bench.put(...of("x", "t", 3), ...of("x", "u", 3), ...of("y", "u", 3), ...of(undefined, "u", 2));
    const keys = (await bench.claimIds(11)).map((id) => id.split("-")[0]);
    expect(keys.slice(0, 6)).toEqual(["x", "y", "undefined", "x", "y", "undefined"]);
    expect(keys.slice(6, 8)).toEqual(["x", "y"]);
  });
});

describe("the priority of a job in a key that is held in order", () => {
  test("may change while it is alone, and not beside others", async () => {
    const bench = await Bench.withPolicy({ perKey: { order: "fifo" } });
    await bench.put(job({ id: "a", key: "k" }));
    expect((await bench.queue.update("a", { priority: 9 })).ok).toBe(true);
    await bench.put(job({ id: "b", key: "k", priority: 9 }));
    const result = await bench.queue.update("b", { priority: 1 });
    expect(!result.ok && result.error.code).toBe("LEX_ERR_TASK_VALIDATION");
    expect((await bench.queue.update("b", { priority: 9, body: { data: "new", encoding: "text" } })).ok).toBe(
      true,
    );
    expect(await bench.drain()).toEqual(["a", "b"]);
  });
});
