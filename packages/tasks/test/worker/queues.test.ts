import { QueueUnavailableError } from "@lexigram/contracts";
import { describe, expect, test } from "vitest";
import { QueueSet } from "../../src/dispatch/queue-set.ts";
import { Gate, turn, Workshop } from "./workshop.ts";

describe("several queues", () => {
  test("share the slots in proportion to their weights", async () => {
    const shop = new Workshop();
    const begun: string[] = [];
    shop.define("t", async (_input, { job }) => {
      begun.push(job.queue);
      await turn();
    });
    const heavy = shop.binding("heavy", { weight: 3 });
    const light = shop.binding("light", { weight: 1 });
    await shop.enqueueAll("t", 300, { queue: heavy.queue });
    await shop.enqueueAll("t", 300, { queue: light.queue });
    await shop.start({
      queues: new QueueSet([heavy, light]),
      maxConcurrentTasks: 4,
      settings: { prefetch: 8 },
    });
    const early = begun.slice(20, 220).filter((name) => name === "heavy").length;
    expect(early).toBeGreaterThan(135);
    expect(early).toBeLessThan(165);
    expect(begun).toHaveLength(600);
  });

  test("leave the whole of the slots to one that alone has work", async () => {
    const shop = new Workshop();
    const gate = new Gate();
    shop.define("t", () => gate.promise);
    const busy = shop.binding("busy");
    await shop.enqueueAll("t", 10, { queue: busy.queue });
    await shop.start({
      queues: new QueueSet([busy, shop.binding("idle", { weight: 100 })]),
      maxConcurrentTasks: 6,
    });
    expect(shop.atWork).toBe(6);
    gate.open();
  });

  test("keep each to its own limit in this process", async () => {
    const shop = new Workshop();
    const gate = new Gate();
    const at = new Map<string, number>();
    shop.define("t", (_input, { job }) => {
      at.set(job.queue, (at.get(job.queue) ?? 0) + 1);
      return gate.promise;
    });
    const small = shop.binding("small", { concurrency: 2 });
    const large = shop.binding("large");
    for (const { queue } of [small, large]) await shop.enqueueAll("t", 20, { queue });
    await shop.start({ queues: new QueueSet([small, large]), maxConcurrentTasks: 10 });
    expect([...at].toSorted(([a], [b]) => a.localeCompare(b))).toEqual([
      ["large", 8],
      ["small", 2],
    ]);
    gate.open();
  });

  test("are left alone when consume is false", async () => {
    const shop = new Workshop();
    shop.define("t", () => 0);
    const other = shop.binding("other", { consume: false });
    const id = await shop.enqueue("t", undefined, { queue: other.queue });
    await shop.start({ queues: new QueueSet([shop.binding("work"), other]) });
    await shop.advance(1_000);
    expect((await shop.job(id, other.queue)).status).toBe("pending");
  });

  test("may grow by one after the start", async () => {
    const shop = new Workshop();
    shop.define("t", (_input, { job }) => job.queue);
    const queues = new QueueSet([shop.binding("work")]);
    const pool = await shop.start({ queues });
    const late = shop.binding("late");
    const id = await shop.enqueue("t", undefined, { queue: late.queue });
    queues.add(late);
    await shop.settle();
    expect((await shop.job(id, late.queue)).result?.data).toBe('"late"');
    await pool.stop();
    queues.add(shop.binding("later"));
    expect(shop.clock.pendingTimers).toBe(0);
  });

  test("do not wait for one whose store is away, and use the slots that it claimed for", async () => {
    const shop = new Workshop();
    const gate = new Gate();
    shop.define("t", () => gate.promise);
    const away = shop.binding("away");
    const near = shop.binding("near");
    const exchange = away.queue.exchange.bind(away.queue);
    let down = true;
    away.queue.exchange = (request) =>
      down
        ? Promise.reject(
            new QueueUnavailableError({ queue: "away", retryable: true, accepted: "no", ids: [] }),
          )
        : exchange(request);
    await shop.enqueueAll("t", 20, { queue: near.queue });
    const ids = await shop.enqueueAll("t", 4, { queue: away.queue });
    await shop.start({ queues: new QueueSet([away, near]), maxConcurrentTasks: 4 });
    expect(shop.atWork).toBe(4);
    down = false;
    await shop.advance(3_000);
    expect(shop.atWork).toBe(4);
    gate.open();
    await shop.advance(500);
    expect(shop.mostAtWork).toBe(4);
    expect(await Promise.all(ids.map(async (id) => (await shop.job(id, away.queue)).status))).toEqual(
      Array.from({ length: 4 }, () => "completed"),
    );
  });
});
