import { aJob } from "@lexigram/conformance";
import type { Delivery } from "@lexigram/contracts";
import { describe, expect, test, vi } from "vitest";
import { rabbitmqBackend } from "../../src/index.ts";
import { workedQueue } from "../queue/worked-queue.ts";
import { serverOfTest } from "../rabbit-server.ts";

vi.setConfig({ testTimeout: 120_000 });

const WITHIN = { timeout: 5_000, interval: 50 };
const none = AbortSignal.any([]);

/** The next delivery, whatever goes wrong on the way. */
async function next({
  queue,
  claim,
}: Pick<Awaited<ReturnType<typeof workedQueue>>, "queue" | "claim">): Promise<Delivery> {
  return vi.waitFor(async () => {
    await queue.waitForWork(200, none);
    const [delivery] = await claim(1);
    expect(delivery).toBeDefined();
    return delivery!;
  }, WITHIN);
}

describe("a lost connection", () => {
  test("is made anew: jobs come within 5 seconds, over one consumer for each band", async () => {
    const worked = await workedQueue();
    const { queue, names, server } = worked;
    const consumers = async (): Promise<number[]> => {
      const admin = await server.admin();
      const counts = [];
      for (const name of [...names.bands, names.workers])
        counts.push((await admin.checkQueue(name)).consumerCount);
      return counts;
    };
    for (let i = 0; i < 5; i++) {
      const wait = queue.waitForWork(60_000, none).catch(() => {});
      await vi.waitFor(async () => expect((await consumers()).slice(0, 4)).toEqual([1, 1, 1, 1]), WITHIN);
      await server.sever();
      await wait;
      await vi.waitFor(() => queue.enqueue(aJob({ id: `job-${i}` })), WITHIN);
      const delivery = await next(worked);
      await worked.settle({ receipt: delivery.receipt, kind: "complete" });
    }
    await vi.waitFor(async () => {
      const [critical, high, normal, low, workers] = await consumers();
      expect([critical, high, normal, low]).toSatisfy((bands: number[]) => bands.every((n) => n <= 1));
      expect(workers).toBe(1);
    }, WITHIN);
  });

  test("that is silent is found by its heartbeats, and jobs come again", async () => {
    const worked = await workedQueue({ heartbeat: 1 });
    const { queue, server, put } = worked;
    await put({});
    const first = await next(worked);
    server.wire.blackhole();
    const settled = worked.settle({ receipt: first.receipt, kind: "complete" });
    await expect(settled).rejects.toMatchObject({
      code: "LEX_ERR_TASK_QUEUE_UNAVAILABLE",
      fields: { retryable: true },
    });
    server.wire.heal();
    await vi.waitFor(() => queue.enqueue(aJob()), WITHIN);
    const again = await next(worked);
    expect(again.receipt).not.toBe(first.receipt);
  });

  test("makes enqueues fail, their fate unknown, and those after them wait for the next", async () => {
    const { queue, server, put, session } = await workedQueue();
    await put({});
    server.wire.refuse();
    await expect(session.enqueue([aJob({ id: "lost" })])).rejects.toMatchObject({
      code: "LEX_ERR_TASK_QUEUE_UNAVAILABLE",
      fields: { retryable: true },
    });
    const waiting = queue.enqueue(aJob({ id: "waits" }));
    server.wire.heal();
    expect(await waiting).toEqual({ ok: true, value: "waits" });
  });
});

describe("a channel that the server closes", () => {
  test("loses what came on it, and another takes its place on the same connection", async () => {
    const worked = await workedQueue();
    const { broker, names, put, settle, server } = worked;
    await put({});
    const first = await next(worked);
    const { accepted } = server.wire;
    // The server ends a channel on which something is acknowledged that it never delivered.
    const model = await broker.link("consuming").ready("test");
    const channels = (model.connection as unknown as { channels: { channel: { ack?: unknown } }[] }).channels;
    for (const { channel } of channels.filter(Boolean))
      if (typeof channel.ack === "function")
        (channel as unknown as { ack: (message: unknown) => void }).ack({ fields: { deliveryTag: 9_999 } });
    await vi.waitFor(async () => {
      expect(await settle({ receipt: first.receipt, kind: "complete" })).toEqual([first.receipt]);
    }, WITHIN);
    const again = await next(worked);
    expect(again.job.id).toBe(first.job.id);
    await settle({ receipt: again.receipt, kind: "complete" });
    expect(server.wire.accepted).toBe(accepted);
    const admin = await server.admin();
    await vi.waitFor(
      async () => expect((await admin.checkQueue(names.workers)).consumerCount).toBe(1),
      WITHIN,
    );
  });
});

describe("two backends of one address", () => {
  test("share their connections, and those end with the last", async () => {
    const server = await serverOfTest();
    const [a, b] = [
      rabbitmqBackend({ url: server.url, namespace: server.namespace }),
      rabbitmqBackend({ url: server.url, namespace: server.namespace, queueType: "classic" }),
    ];
    expect((await a.health()).status).toBe("healthy");
    expect((await b.health()).status).toBe("healthy");
    expect(server.wire.accepted).toBe(1);
    await a.close();
    expect((await b.health()).status).toBe("healthy");
    await b.close();
    await server.wire.until((wire) => wire.connections === 0);
    expect((await b.health()).status).toBe("unhealthy");
  });
});
