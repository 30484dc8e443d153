import { ClosedError } from "@lexigram/contracts";
import { describe, expect, test } from "vitest";
import { Gate, turn, Workshop } from "./workshop.ts";

describe("a draining stop", () => {
  test("claims nothing more, lets running attempts finish, and stores their outcome", async () => {
    const shop = new Workshop();
    const gate = new Gate<string>();
    shop.define("t", () => gate.promise);
    const [first, second] = await shop.enqueueAll("t", 2);
    const pool = await shop.start();
    const stopped = pool.stop();
    await shop.settle();
    gate.open("done");
    await shop.settle();
    await stopped;
    expect((await shop.job(first!)).status).toBe("completed");
    expect((await shop.job(second!)).status).toBe("pending");
    expect(shop.clock.pendingTimers).toBe(0);
  });

  test("hands back at once what was only held ready, and burns nothing of it", async () => {
    const shop = new Workshop();
    const gate = new Gate();
    shop.define("t", () => gate.promise);
    const ids = await shop.enqueueAll("t", 4);
    const pool = await shop.start({ settings: { prefetch: 3 } });
    expect(pool.getPoolStats().held).toBe(3);
    const stopped = pool.stop();
    await shop.settle();
    const jobs = await Promise.all(ids.slice(1).map((id) => shop.job(id)));
    expect(jobs.map((job) => [job.status, job.attempt, job.recoveries])).toEqual(
      Array.from({ length: 3 }, () => ["pending", 0, 0]),
    );
    gate.open();
    await stopped;
  });

  test("aborts what is still running after the timeout, with a reason of its own, and takes what finishes in the grace period", async () => {
    const shop = new Workshop();
    let reason: unknown;
    shop.define(
      "tidy",
      (_input, { signal }) =>
        new Promise((resolve) =>
          signal.addEventListener("abort", () => {
            reason = signal.reason;
            resolve("saved");
          }),
        ),
    );
    const id = await shop.enqueue("tidy");
    const pool = await shop.start();
    const stopped = pool.stop({ timeout: "2s" });
    await shop.advance(1_900);
    expect(reason).toBeUndefined();
    await shop.advance(200);
    await stopped;
    expect(reason).toBeInstanceOf(ClosedError);
    expect((await shop.job(id)).result?.data).toBe('"saved"');
  });

  test("hands back what throws when it is asked to stop, without burning the attempt", async () => {
    const shop = new Workshop();
    shop.listen();
    shop.define(
      "t",
      (_input, { signal }) =>
        new Promise((_resolve, reject) =>
          signal.addEventListener("abort", () => reject(signal.reason as Error)),
        ),
      { maxRetries: 0 },
    );
    const id = await shop.enqueue("t");
    const pool = await shop.start();
    const stopped = pool.stop({ timeout: 100 });
    await shop.advance(200);
    await stopped;
    const job = await shop.job(id);
    expect([job.status, job.attempt, job.recoveries, job.deferrals]).toEqual(["pending", 0, 0, 0]);
    expect(shop.eventNames()).toEqual(["task.received", "task.started"]);
  });

  test("hands back what ignores its signal after the grace period, and never accepts its late result", async () => {
    const shop = new Workshop();
    const gate = new Gate<string>();
    shop.define("deaf", () => gate.promise);
    const id = await shop.enqueue("deaf");
    const pool = await shop.start({ settings: { graceMs: 1_000 } });
    const stopped = pool.stop({ timeout: 500 });
    await shop.advance(1_450);
    expect((await shop.job(id)).status).toBe("running");
    await shop.advance(150);
    await stopped;
    expect((await shop.job(id)).status).toBe("pending");
    gate.open("late");
    await shop.settle();
    expect([(await shop.job(id)).status, (await shop.job(id)).result]).toEqual(["pending", undefined]);
    expect(shop.clock.pendingTimers).toBe(0);
  });

  test("renews leases until its end", async () => {
    const shop = new Workshop();
    const gate = new Gate<string>();
    shop.define("t", () => gate.promise);
    const id = await shop.enqueue("t");
    const pool = await shop.start();
    const stopped = pool.stop({ timeout: "60s" });
    await shop.advance(40_000);
    gate.open("kept");
    await shop.settle();
    await stopped;
    const job = await shop.job(id);
    expect([job.status, job.recoveries]).toEqual(["completed", 0]);
  });

  test("waits as long as it takes when its timeout is null", async () => {
    const shop = new Workshop();
    const gate = new Gate();
    shop.define("t", () => gate.promise);
    const id = await shop.enqueue("t");
    const pool = await shop.start();
    const stopped = pool.stop({ timeout: null });
    await shop.advance(120_000);
    expect((await shop.job(id)).status).toBe("running");
    gate.open();
    await shop.settle();
    await stopped;
    expect((await shop.job(id)).status).toBe("completed");
  });

  test("lets a draining handler enqueue", async () => {
    const shop = new Workshop();
    const gate = new Gate();
    let child: string | undefined;
    shop.define("parent", async () => {
      await gate.promise;
      child = await shop.enqueue("child");
    });
    const id = await shop.enqueue("parent");
    const pool = await shop.start();
    const stopped = pool.stop();
    gate.open();
    await shop.settle();
    await stopped;
    expect([(await shop.job(id)).status, (await shop.job(child!)).status]).toEqual(["completed", "pending"]);
  });

  test("releases deliveries of a claim that was under way", async () => {
    const shop = new Workshop();
    shop.define("t", () => 0);
    const slow = new Gate<"apply">();
    shop.onCall = (name) => (name === "exchange" ? slow.promise : "apply");
    const pool = shop.pool();
    const id = await shop.enqueue("t");
    await pool.start();
    const stopped = pool.stop();
    for (let i = 0; i < 5; i++) await turn();
    slow.open("apply");
    await stopped;
    expect([(await shop.job(id)).status, (await shop.job(id)).attempt, shop.began]).toEqual([
      "pending",
      0,
      [],
    ]);
  });

  test("ends in bounded time when the store does not answer", async () => {
    const shop = new Workshop();
    const gate = new Gate();
    shop.define("t", () => gate.promise);
    await shop.enqueue("t");
    const pool = await shop.start();
    shop.onCall = () => "refuse";
    const stopped = pool.stop({ timeout: 100 });
    gate.open();
    let done = false;
    void stopped.then(() => (done = true));
    await shop.advance(10_000);
    expect(done).toBe(true);
    expect(shop.clock.pendingTimers).toBe(0);
  });
});

describe("a stop without drain", () => {
  test("aborts and hands back at once, without waiting for the grace period", async () => {
    const shop = new Workshop();
    const gate = new Gate();
    let reason: unknown;
    shop.define("deaf", (_input, { signal }) => {
      signal.addEventListener("abort", () => (reason = signal.reason));
      return gate.promise;
    });
    const id = await shop.enqueue("deaf");
    const pool = await shop.start();
    await pool.stop({ drain: false });
    expect(reason).toBeInstanceOf(ClosedError);
    expect([(await shop.job(id)).status, (await shop.job(id)).attempt]).toEqual(["pending", 0]);
    gate.open();
  });

  test("hastens a draining stop that is under way", async () => {
    const shop = new Workshop();
    const gate = new Gate();
    shop.define("deaf", () => gate.promise);
    const id = await shop.enqueue("deaf");
    const pool = await shop.start();
    const slow = pool.stop({ timeout: null });
    await shop.settle();
    await Promise.all([slow, pool.stop({ drain: false })]);
    expect((await shop.job(id)).status).toBe("pending");
    gate.open();
  });
});

describe("a pool's life", () => {
  test("bears start and stop at any time and in any number", async () => {
    const shop = new Workshop();
    shop.define("t", () => 0);
    const pool = shop.pool();
    await pool.stop();
    await Promise.all([pool.start(), pool.start(), pool.stop(), pool.stop(), pool.start()]);
    const id = await shop.enqueue("t");
    await shop.settle();
    expect((await shop.job(id)).status).toBe("completed");
    await Promise.all([pool.stop(), pool.start(), pool.stop()]);
    expect(pool.running).toBe(false);
    expect(shop.clock.pendingTimers).toBe(0);
  });

  test("goes on after a restart, under sessions that no earlier run had", async () => {
    const shop = new Workshop();
    shop.define("t", () => 0);
    const sessions: string[] = [];
    const exchange = shop.queue.exchange.bind(shop.queue);
    shop.queue.exchange = (request) => {
      sessions.push(`${request.session}/${request.seq}`);
      return exchange(request);
    };
    const pool = await shop.start();
    await pool.stop();
    await pool.start();
    const id = await shop.enqueue("t");
    await shop.settle();
    expect((await shop.job(id)).status).toBe("completed");
    expect(new Set(sessions).size).toBe(sessions.length);
  });

  test("survives a stress of starts and stops under load, and loses nothing", async () => {
    const shop = new Workshop();
    const done = new Map<string, number>();
    shop.define("t", async (_input, { job }) => {
      await turn();
      done.set(job.id, (done.get(job.id) ?? 0) + 1);
    });
    const ids = await shop.enqueueAll("t", 400);
    const pool = shop.pool({ maxConcurrentTasks: 5, settings: { prefetch: 4 } });
    for (let i = 0; i < 40; i++) {
      await pool.start();
      for (let n = 0; n < i % 7; n++) await turn();
      const stopped = pool.stop({ drain: i % 3 !== 0 });
      for (let n = 0; n < 5; n++) await turn();
      await stopped;
    }
    await pool.start();
    await shop.settle();
    const statuses = await Promise.all(ids.map(async (id) => (await shop.job(id)).status));
    expect(new Set(statuses)).toEqual(new Set(["completed"]));
    await pool.stop();
    expect(shop.clock.pendingTimers).toBe(0);
  });

  test("leaves no listener behind", async () => {
    const shop = new Workshop();
    const pool = await shop.start();
    expect(shop.emitter.has("queue.policy")).toBe(true);
    await pool.stop();
    expect(shop.emitter.has("queue.policy")).toBe(false);
  });
});

describe("scaleTo", () => {
  test("adds workers that begin at once", async () => {
    const shop = new Workshop();
    const gate = new Gate();
    shop.define("t", () => gate.promise);
    await shop.enqueueAll("t", 5);
    const pool = await shop.start({ size: 1, maxConcurrentTasks: 2 });
    expect(shop.atWork).toBe(2);
    await pool.scaleTo(2);
    await shop.settle();
    expect(shop.atWork).toBe(4);
    expect(new Set(pool.getWorkerStats().map((worker) => worker.workerId)).size).toBe(2);
    gate.open();
  });

  test("lets removed workers finish what they run, and gives them nothing new", async () => {
    const shop = new Workshop();
    const gates = [new Gate(), new Gate(), new Gate()];
    shop.define("t", (input) => gates[input as number]!.promise);
    for (const i of [0, 1, 2]) await shop.enqueue("t", i);
    const pool = await shop.start({ size: 2 });
    expect(shop.atWork).toBe(2);
    let scaled = false;
    const scaling = pool.scaleTo(1).then(() => (scaled = true));
    await shop.settle();
    expect([scaled, pool.getPoolStats().poolSize]).toEqual([false, 1]);
    gates[1]!.open();
    await shop.settle();
    await scaling;
    expect(shop.atWork).toBe(1);
    gates[0]!.open();
    await shop.settle();
    expect(shop.began).toHaveLength(3);
    expect(shop.atWork).toBe(1);
    gates[2]!.open();
    await shop.settle();
    expect(pool.getPoolStats().totalJobsSucceeded).toBe(3);
  });

  test("to 0 claims nothing until there are workers again", async () => {
    const shop = new Workshop();
    shop.define("t", () => 0);
    const pool = await shop.start();
    await pool.scaleTo(0);
    const id = await shop.enqueue("t");
    await shop.advance(1_000);
    expect((await shop.job(id)).status).toBe("pending");
    await pool.scaleTo(1);
    await shop.settle();
    expect((await shop.job(id)).status).toBe("completed");
  });

  test("hands back what was held ready for workers that are gone", async () => {
    const shop = new Workshop();
    const gate = new Gate();
    shop.define("t", () => gate.promise);
    const ids = await shop.enqueueAll("t", 4);
    const pool = await shop.start({ settings: { prefetch: 3 } });
    expect(pool.getPoolStats().held).toBe(3);
    const scaling = pool.scaleTo(0);
    await shop.settle();
    const statuses = await Promise.all(ids.map(async (id) => (await shop.job(id)).status));
    expect(statuses).toEqual(["running", "pending", "pending", "pending"]);
    gate.open();
    await shop.settle();
    await scaling;
  });
});
