import { LeaseLostError, TaskCancelledError } from "@lexigram/contracts";
import { describe, expect, test } from "vitest";
import { Gate, Workshop } from "./workshop.ts";

/** A handler that ends when its signal is aborted, and remembers why. */
function untilAborted(reasons: unknown[]) {
  return (_input: unknown, { signal }: { signal: AbortSignal }) =>
    new Promise((_resolve, reject) =>
      signal.addEventListener("abort", () => {
        reasons.push(signal.reason);
        reject(signal.reason as Error);
      }),
    );
}

describe("a lease", () => {
  test("is renewed at a third of its length, so a long job runs once", async () => {
    const shop = new Workshop();
    const gate = new Gate();
    const calls: number[] = [];
    shop.onCall = (name) => {
      if (name === "extend") calls.push(shop.clock.monotonic());
      return "apply";
    };
    shop.define("long", () => gate.promise);
    const id = await shop.enqueue("long");
    await shop.start();
    await shop.advance(60_000);
    expect(calls.slice(0, 3)).toEqual([5_000, 10_000, 15_000]);
    gate.open();
    await shop.settle();
    const job = await shop.job(id);
    expect([job.status, job.recoveries, shop.began.length]).toEqual(["completed", 0, 1]);
  });

  test("is renewed in batches of 500 at most", async () => {
    const shop = new Workshop();
    const sizes: number[] = [];
    const extend = shop.queue.extend.bind(shop.queue);
    shop.queue.extend = (receipts, leaseMs) => {
      sizes.push(receipts.length);
      return extend(receipts, leaseMs);
    };
    const gate = new Gate();
    shop.define("long", () => gate.promise);
    await shop.enqueueAll("long", 700);
    await shop.start({ maxConcurrentTasks: 700 });
    await shop.advance(5_100);
    expect(sizes).toEqual([500, 200]);
    gate.open();
  });

  test("covers deliveries that are only held ready", async () => {
    const shop = new Workshop();
    const gate = new Gate();
    shop.define("long", () => gate.promise);
    const ids = await shop.enqueueAll("long", 3);
    await shop.start({ settings: { prefetch: 2 } });
    await shop.advance(30_000);
    gate.open();
    await shop.settle();
    expect(shop.began).toEqual(ids);
  });

  test("that ended while the process stood still begins nothing that was held ready", async () => {
    const shop = new Workshop();
    const { clock } = shop;
    let stoodStill = 0;
    const services = {
      clock: {
        now: () => clock.now(),
        monotonic: () => clock.monotonic() + stoodStill,
        setTimer: clock.setTimer.bind(clock),
      },
    };
    const gate = new Gate();
    shop.define("t", () => gate.promise);
    const [first] = await shop.enqueueAll("t", 3);
    await shop.start({ settings: { prefetch: 2 }, services });
    shop.onCall = () => "refuse";
    stoodStill = 16_000;
    gate.open();
    await shop.settle();
    expect(shop.began).toEqual([first]);
  });

  test("covers a handler in its grace period", async () => {
    const shop = new Workshop();
    const gate = new Gate();
    shop.define("stuck", () => gate.promise, { timeout: "1s", maxRetries: 0 });
    const id = await shop.enqueue("stuck");
    await shop.start({ settings: { graceMs: 30_000 } });
    await shop.advance(25_000);
    const job = await shop.job(id);
    expect([job.status, job.recoveries]).toEqual(["running", 0]);
    gate.open();
    await shop.settle();
    expect((await shop.job(id)).status).toBe("failed");
  });

  test("counts as lost at its own deadline, whatever the store will say", async () => {
    const shop = new Workshop();
    shop.listen();
    const reasons: unknown[] = [];
    shop.define("long", untilAborted(reasons));
    const id = await shop.enqueue("long");
    const pool = await shop.start();
    shop.onCall = () => "refuse";
    await shop.advance(14_950);
    expect(reasons).toEqual([]);
    await shop.advance(100);
    expect(reasons[0]).toBeInstanceOf(LeaseLostError);
    expect((reasons[0] as LeaseLostError).fields).toEqual({ queue: "work", jobId: id });
    expect(pool.getPoolStats().running).toBe(0);
    expect(shop.eventNames()).toContain("task.lease-lost");
  });

  test("counts from the moment its renewal was sent, not answered", async () => {
    const shop = new Workshop();
    const reasons: unknown[] = [];
    shop.define("long", untilAborted(reasons));
    await shop.enqueue("long");
    await shop.start();
    const slow = new Gate<"apply">();
    let extends_ = 0;
    shop.onCall = (name) => {
      if (name !== "extend") return "apply";
      // Sent at 5 s, answered at 9 s; what follows is refused, so the lease ends at 20 s.
      return ++extends_ === 1 ? slow.promise : "refuse";
    };
    await shop.advance(9_000);
    slow.open("apply");
    await shop.advance(10_900);
    expect(reasons).toEqual([]);
    await shop.advance(200);
    expect(reasons).toHaveLength(1);
  });

  test("that the store says is lost aborts the attempt and drops its outcome", async () => {
    const shop = new Workshop();
    shop.listen();
    const gate = new Gate<string>();
    let reason: unknown;
    shop.define("t", (_input, { signal }) => {
      signal.addEventListener("abort", () => (reason = signal.reason));
      return gate.promise;
    });
    const id = await shop.enqueue("t");
    const pool = await shop.start();
    await shop.queue.deleteJob(id);
    await shop.advance(5_100);
    expect(reason).toBeInstanceOf(LeaseLostError);
    gate.open("value");
    await shop.settle();
    expect(shop.eventNames()).toEqual(["task.received", "task.started", "task.lease-lost"]);
    expect(pool.getPoolStats()).toMatchObject({ running: 0, totalJobsProcessed: 0 });
  });

  test("that is lost gives its slot to others after the grace period", async () => {
    const shop = new Workshop();
    const gate = new Gate();
    shop.define("stuck", () => gate.promise);
    shop.define("next", () => 0);
    const stuck = await shop.enqueue("stuck");
    const pool = await shop.start({ settings: { graceMs: 1_000 } });
    await shop.queue.deleteJob(stuck);
    const next = await shop.enqueue("next");
    await shop.advance(5_900);
    expect((await shop.job(next)).status).toBe("pending");
    await shop.advance(200);
    expect((await shop.job(next)).status).toBe("completed");
    expect(pool.getPoolStats().zombies).toBe(1);
    gate.open();
    await shop.settle();
    expect(pool.getPoolStats().zombies).toBe(0);
  });

  test("that ended before the outcome was stored refuses the outcome, and the event says so", async () => {
    const shop = new Workshop();
    shop.listen();
    shop.define("t", async (_input, { job }) => void (await shop.queue.deleteJob(job.id)));
    await shop.enqueue("t");
    const pool = await shop.start();
    expect(shop.eventNames()).toEqual(["task.received", "task.started", "task.lease-lost"]);
    expect(pool.getPoolStats().totalJobsProcessed).toBe(0);
  });

  test("is renewed on the spot by heartbeat, which throws when the attempt should stop", async () => {
    const shop = new Workshop();
    const outcome: unknown[] = [];
    const gate = new Gate();
    shop.define("t", async (_input, context) => {
      await context.heartbeat();
      outcome.push("renewed");
      await gate.promise;
      await context.heartbeat().catch((error: unknown) => outcome.push(error));
    });
    const id = await shop.enqueue("t");
    await shop.start();
    await shop.queue.cancel(id);
    gate.open();
    await shop.settle();
    expect(outcome[0]).toBe("renewed");
    expect(outcome[1]).toBeInstanceOf(TaskCancelledError);
  });
});

describe("a crashed process", () => {
  /** Leaves a pool as a dead process would: no call of it reaches the store any more. */
  const crash = (shop: Workshop): (() => void) => {
    const { onCall } = shop;
    shop.onCall = () => new Promise(() => undefined);
    return () => (shop.onCall = onCall);
  };

  test("burns nothing of the jobs it only held ready, also without retries", async () => {
    const shop = new Workshop();
    const gate = new Gate();
    shop.define("t", () => gate.promise, { maxRetries: 0, maxRecoveries: 0 });
    const ids = await shop.enqueueAll("t", 9, { maxRecoveries: 0 });
    const dead = await shop.start({ settings: { prefetch: 8 } });
    expect(dead.getPoolStats()).toMatchObject({ running: 1, held: 8 });
    shop.onCall = () => new Promise(() => undefined);
    await shop.clock.advance(16_000);
    shop.onCall = () => "apply";
    const successor = new Workshop();
    Object.assign(successor, { queue: shop.queue, clock: shop.clock });
    successor.define("t", () => "done", { maxRetries: 0 });
    const pool = successor.pool({ maxConcurrentTasks: 20, services: { clock: shop.clock } });
    await pool.start();
    await successor.settle();
    const jobs = await Promise.all(ids.map((id) => shop.job(id)));
    expect(jobs.slice(1).map((job) => [job.status, job.attempt, job.recoveries])).toEqual(
      Array.from({ length: 8 }, () => ["completed", 1, 0]),
    );
    // The one that ran is at most once, and lies in the dead letters.
    expect([jobs[0]?.status, jobs[0]?.reason]).toEqual(["failed", "poison"]);
    gate.open();
  });

  test("lets its jobs start again elsewhere when their lease has ended", async () => {
    const shop = new Workshop();
    const never = new Gate();
    shop.define("t", (_input, { recoveries }) => (recoveries === 0 ? never.promise : "recovered"));
    const id = await shop.enqueue("t");
    await shop.start();
    const revive = crash(shop);
    await shop.clock.advance(14_000);
    revive();
    const successor = new Workshop();
    successor.tasks.set("t", shop.tasks.get("t")!);
    const pool = successor.pool({ queues: shop.queue, services: { clock: shop.clock } });
    await pool.start();
    await successor.settle();
    expect((await shop.job(id)).status).toBe("running");
    for (let i = 0; i < 50; i++) {
      await shop.clock.advance(50);
      await successor.settle();
    }
    const job = await shop.job(id);
    expect([job.status, job.result?.data, job.recoveries]).toEqual(["completed", '"recovered"', 1]);
  });
});

describe("a cancellation", () => {
  test("of a running job reaches its handler within a third of the lease", async () => {
    const shop = new Workshop();
    shop.listen();
    const reasons: unknown[] = [];
    shop.define("t", untilAborted(reasons));
    const id = await shop.enqueue("t");
    await shop.start();
    expect(await shop.queue.cancel(id)).toBe("requested");
    await shop.advance(5_050);
    expect(reasons[0]).toBeInstanceOf(TaskCancelledError);
    const job = await shop.job(id);
    expect([job.status, job.error?.code]).toEqual(["cancelled", "LEX_ERR_TASK_CANCELLED"]);
    expect(shop.eventNames()).toEqual(["task.received", "task.started", "task.cancelled"]);
  });

  test("reaches it sooner when an exchange is on its way anyhow", async () => {
    const shop = new Workshop();
    const reasons: unknown[] = [];
    shop.define("t", untilAborted(reasons));
    shop.define("quick", () => 0);
    const id = await shop.enqueue("t");
    await shop.start({ maxConcurrentTasks: 2 });
    await shop.queue.cancel(id);
    await shop.enqueue("quick");
    await shop.settle();
    expect(reasons).toHaveLength(1);
    expect((await shop.job(id)).status).toBe("cancelled");
  });

  test("loses against a completion", async () => {
    const shop = new Workshop();
    const gate = new Gate<string>();
    shop.define("t", () => gate.promise);
    const id = await shop.enqueue("t");
    await shop.start();
    await shop.queue.cancel(id);
    await shop.advance(5_050);
    gate.open("done");
    await shop.settle();
    expect([(await shop.job(id)).status, (await shop.job(id)).result?.data]).toEqual(["completed", '"done"']);
  });

  test("turns any other end into cancelled, and no retry follows", async () => {
    const shop = new Workshop();
    const gate = new Gate();
    shop.define("t", () => gate.promise.then(() => Promise.reject(new Error("something else"))));
    const id = await shop.enqueue("t");
    await shop.start();
    await shop.queue.cancel(id);
    await shop.advance(5_050);
    gate.open();
    await shop.settle();
    expect((await shop.job(id)).status).toBe("cancelled");
  });

  test("stays the reason when the time limit runs out later", async () => {
    const shop = new Workshop();
    const gate = new Gate();
    let reason: unknown;
    shop.define(
      "t",
      async (_input, context) => {
        await gate.promise;
        reason = context.signal.reason;
      },
      { timeout: "6s" },
    );
    const id = await shop.enqueue("t");
    await shop.start();
    await shop.queue.cancel(id);
    await shop.advance(6_100);
    gate.open();
    await shop.settle();
    expect(reason).toBeInstanceOf(TaskCancelledError);
    expect((await shop.job(id)).status).toBe("cancelled");
  });

  test("of a job that is only held ready ends it without a run", async () => {
    const shop = new Workshop();
    const gate = new Gate();
    shop.define("t", () => gate.promise);
    const [, held] = await shop.enqueueAll("t", 2);
    await shop.start({ settings: { prefetch: 1 } });
    await shop.queue.cancel(held!);
    await shop.advance(5_050);
    expect((await shop.job(held!)).status).toBe("cancelled");
    gate.open();
    await shop.settle();
    expect(shop.began).toHaveLength(1);
  });
});
