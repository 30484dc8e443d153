import { aJob, Session, uniqueName } from "@lexigram/conformance";
import type { Delivery } from "@lexigram/contracts";
import { describe, expect, test, vi } from "vitest";
import { workedQueue } from "./worked-queue.ts";

vi.setConfig({ testTimeout: 120_000 });

const none = AbortSignal.any([]);

describe("a message that is only held ready", () => {
  test("is there after 30 drains with it in the buffer", async () => {
    const { put, peer, session } = await workedQueue();
    const [id] = await put({});
    for (let i = 0; i < 30; i++) {
      const holder = peer();
      // It is sent to who waits.
      await holder.waitForWork(10_000, none);
      await holder.close();
    }
    const { deliveries } = await session.exchange({ slots: 5 });
    expect(deliveries.map(({ job, attempt }) => [job.id, attempt])).toEqual([[id, 1]]);
  });

  test("is there after 30 lost connections with it in the buffer", async () => {
    const { put, queue, server, come } = await workedQueue();
    const [id] = await put({});
    for (let i = 0; i < 30; i++) {
      await vi.waitFor(() => queue.waitForWork(10_000, none), { timeout: 10_000 });
      await server.sever();
    }
    await vi.waitFor(
      async () => {
        const deliveries = await come();
        expect(deliveries.map(({ job, attempt }) => [job.id, attempt])).toEqual([[id, 1]]);
      },
      { timeout: 10_000 },
    );
  });

  test("goes back when nobody takes it, and counts nothing for who handed it back", async () => {
    const { put, queue, peer, claim } = await workedQueue();
    const wait = queue.waitForWork(10_000, none);
    const [id] = await put({});
    await wait;
    const other = peer();
    const seen = await vi.waitFor(
      async () => {
        const delivery = await other.dequeue();
        expect(delivery?.job.id).toBe(id);
        return delivery;
      },
      { timeout: 10_000 },
    );
    await other.close();
    expect(seen?.attempt).toBe(1);
    const [again] = await vi.waitFor(
      async () => {
        const deliveries = await claim(1);
        expect(deliveries.length).toBe(1);
        return deliveries;
      },
      { timeout: 10_000 },
    );
    expect(again?.attempt).toBe(1);
  });
});

describe("a job that is handed back", () => {
  test("comes with the claim behind it, however long the server takes to write that down", async () => {
    const { put, peer, server } = await workedQueue();
    const [id] = await put({});
    let isOver = false;
    // What others publish keeps the server at its disk.
    const busy = Array.from({ length: 4 }, async () => {
      const { session } = await workedQueue({ server });
      while (!isOver) await session.enqueue(Array.from({ length: 50 }, () => aJob()));
    });
    for (let i = 0; i < 30; i++) {
      // Whoever claims often has messages sent instead.
      const queue = peer();
      const session = new Session(queue, uniqueName("session"), 600_000);
      const [delivery] = (await session.exchange({ slots: 1 })).deliveries;
      expect(delivery?.job.id).toBe(id);
      const settle = [{ receipt: delivery!.receipt, kind: "release", delayMs: 0 }] as const;
      const { deliveries } = await session.exchange({ settle, slots: 1 });
      expect(deliveries.map(({ job }) => job.id)).toEqual([id]);
      await queue.close();
    }
    isOver = true;
    await Promise.all(busy);
  });
});

describe("who claims again and again", () => {
  test("is sent messages, however long it takes to fetch them", async () => {
    const { put, claim, names, server } = await workedQueue();
    await put(...Array.from({ length: 1_000 }, () => ({})));
    for (let i = 0; i < 3; i++) expect((await claim(150)).length).toBe(150);
    const admin = await server.admin();
    // More has left the server than was claimed.
    await vi.waitFor(
      async () => expect((await admin.checkQueue(names.band("normal"))).messageCount).toBeLessThan(550),
      { interval: 10 },
    );
    expect((await claim(550)).length).toBeGreaterThan(0);
  });
});

describe("a message near its limit of deliveries", () => {
  test("is stored anew with a fresh count, and is never put aside", async () => {
    const { put, claim, settle, names, server, come } = await workedQueue({ deliveryLimit: 10 });
    const [id] = await put({});
    for (let i = 0; i < 40; i++) {
      const [delivery] = (await come()) as [Delivery];
      expect(delivery.job.id).toBe(id);
      await settle({ receipt: delivery.receipt, kind: "release", delayMs: 0 });
    }
    const admin = await server.admin();
    expect((await admin.checkQueue(names.dead)).messageCount).toBe(0);
    expect((await come()).length).toBe(1);
    expect(await claim(5)).toEqual([]);
  });
});
