import { aJob, Session, uniqueName } from "@lexigram/conformance";
import { type Clock, type Settlement, systemClock } from "@lexigram/contracts";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { BrokerQueue } from "../../src/queue/broker-queue.ts";
import { serverOfTest } from "../rabbit-server.ts";
import { workedQueue } from "./worked-queue.ts";

vi.setConfig({ testTimeout: 120_000 });

describe("jobs of one band", () => {
  test.each(["quorum", "classic"] as const)(
    "come all, and in their order, whether they are sent or fetched, on %s queues",
    async (type) => {
      const server = await serverOfTest();
      const worked = async (): Promise<void> => {
        const { queue } = await workedQueue({ server, type });
        const jobs = Array.from({ length: 50 }, () => aJob());
        await Promise.all(jobs.map((job) => queue.enqueue(job)));
        const session = new Session(queue, uniqueName("session"), 600_000);
        const seen: string[] = [];
        let settle: Settlement[] = [];
        // A claim that settles nothing looks: when it brings nothing, there is nothing.
        for (let isOver = false; !isOver;) {
          const { deliveries } = await session.exchange({ settle, slots: 1 });
          for (const { job } of deliveries) seen.push(job.id);
          isOver = settle.length === 0 && deliveries.length === 0;
          settle = deliveries.map(({ receipt }) => ({ receipt, kind: "complete" }));
        }
        expect(seen).toEqual(jobs.map(({ id }) => id));
        await queue.close();
        // A server has handles for so many queues.
        await server.remove(queue.name);
      };
      for (let round = 0; round < 5; round++) await Promise.all(Array.from({ length: 6 }, worked));
    },
  );
});

describe("a server that counts late", () => {
  test("is asked for messages of each band, once", async () => {
    const server = await serverOfTest();
    // As if every look at a queue had taken longer than the server waits for its count.
    let ahead = 0;
    const clock: Clock = { ...systemClock, monotonic: () => systemClock.monotonic() + (ahead += 250) };
    const name = uniqueName("queue");
    server.names(name);
    const broker = server.connect({ clock });
    const { namespace } = server;
    const queue = new BrokerQueue({ name, namespace, broker, type: "quorum", onClose: () => {} });
    onTestFinished(() => queue.close());
    expect(await queue.dequeue()).toBeUndefined();
    const [low, critical] = [aJob({ priority: 0 }), aJob({ priority: 20 })];
    for (const job of [low, critical]) await queue.enqueue(job);
    expect((await queue.dequeue())?.job.id).toBe(critical.id);
    expect((await queue.dequeue())?.job.id).toBe(low.id);
    expect(await queue.dequeue()).toBeUndefined();
  });
});
