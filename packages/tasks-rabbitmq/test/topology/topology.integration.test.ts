import { aJob } from "@lexigram/conformance";
import { type Clock, systemClock } from "@lexigram/contracts";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { BrokerQueue } from "../../src/queue/broker-queue.ts";
import { RabbitMQTaskQueue, type RabbitMQTaskQueueOptions } from "../../src/index.ts";
import type { QueueNames } from "../../src/topology/names.ts";
import { type RabbitServer, serverOfTest } from "../rabbit-server.ts";

vi.setConfig({ testTimeout: 60_000 });

async function opening(): Promise<(options?: Partial<RabbitMQTaskQueueOptions>) => RabbitMQTaskQueue> {
  const { url, namespace, names } = await serverOfTest();
  names("default");
  return (options = {}) => {
    const queue = new RabbitMQTaskQueue({ url, namespace, ...options });
    onTestFinished(() => queue.close());
    return queue;
  };
}

describe("queues of the server", () => {
  test("that are there with another type are refused, by name, argument and both values", async () => {
    const open = await opening();
    await open().enqueue(aJob());
    const other = open({ queueType: "classic" });
    for (const call of [other.enqueue(aJob()), other.dequeue(), other.getTaskCount()])
      await expect(call).rejects.toMatchObject({
        code: "LEX_ERR_TASK_CONFIG",
        fields: { path: "queueType" },
        message: expect.stringMatching(
          /^queue "default" cannot be declared: ".*\.default\.dead" is on the server already, and its x-queue-type is .*quorum.*, and .*classic.* is asked for$/,
        ),
      });
  });

  test("keep their rules: others are refused, the same are taken", async () => {
    const open = await opening();
    const first = open();
    // Nothing is declared before it is needed, so rules may be set.
    expect(await first.getTaskCount()).toBe(0);
    await first.setPolicy({ maxSize: 5, keepFailed: { ageMs: 60_000, count: 7 } });
    await first.enqueue(aJob());
    await expect(first.setPolicy({ maxSize: 6 })).rejects.toMatchObject({ fields: { path: "keepFailed" } });
    const second = open();
    expect(await second.getTaskCount()).toBe(1);
    await second.setPolicy({ maxSize: 5, keepFailed: { ageMs: 60_000, count: 7 } });
    expect(await second.getPolicy()).toEqual({ maxSize: 5, keepFailed: { ageMs: 60_000, count: 7 } });
    expect((await second.dequeue())?.attempt).toBe(1);
    const third = open({ maxSize: 6, policy: { keepFailed: { ageMs: 60_000, count: 7 } } });
    await expect(third.enqueue(aJob())).rejects.toMatchObject({ fields: { path: "maxSize" } });
  });

  test("refuse rules that count over processes", async () => {
    const open = await opening();
    const queue = open();
    await expect(queue.setPolicy({ agingMs: 5 })).rejects.toMatchObject({
      code: "LEX_ERR_TASK_UNSUPPORTED",
      fields: { capability: "aging" },
    });
    await queue.setPolicy({ keepCompleted: 0, perKey: { order: "any", fair: false } });
  });

  describe("that nobody has made yet", () => {
    /** Has the turn to make them. @returns how to end it. */
    async function turnOfAnother(server: RabbitServer, { turn }: QueueNames): Promise<() => Promise<void>> {
      const channel = await server.admin();
      await channel.assertQueue(turn, { exclusive: true });
      return async () => {
        await channel.deleteQueue(turn);
      };
    }

    const apart = async (extra: { readonly callTimeoutMs?: number } = {}) => {
      const server = await serverOfTest();
      let tell = (): void => {};
      const asksAgain = new Promise<void>((resolve) => (tell = resolve));
      const clock: Clock = {
        ...systemClock,
        setTimer(run, ms, options) {
          // The second pause.
          if (ms === 40) tell();
          return systemClock.setTimer(run, ms, options);
        },
      };
      const [name, broker] = ["default", server.connect({ ...extra, clock })];
      const { namespace } = server;
      const queue = new BrokerQueue({ name, namespace, broker, type: "quorum", onClose: () => {} });
      onTestFinished(() => queue.close());
      return { server, queue, names: server.names(name), asksAgain };
    };

    // A server lets others have what it still makes, and closes the connection of who consumes from that.
    test("are left to whoever makes them now", async () => {
      const { server, queue, names, asksAgain } = await apart();
      const end = await turnOfAnother(server, names);
      let isStored = false;
      const stored = queue.enqueue(aJob()).then(({ ok }) => (isStored = ok));
      await asksAgain;
      expect(await queue.getTaskCount()).toBe(0);
      expect(isStored).toBe(false);
      await end();
      expect(await stored).toBe(true);
      expect(await queue.getTaskCount()).toBe(1);
    });

    test("are made in the end, when another one keeps the turn", async () => {
      const { server, queue, names } = await apart({ callTimeoutMs: 500 });
      const end = await turnOfAnother(server, names);
      expect((await queue.enqueue(aJob())).ok).toBe(true);
      await end();
    });

    test("are made in turns by the objects of one connection too", async () => {
      const { server, queue, names } = await apart();
      const others = Array.from(
        { length: 6 },
        () => new RabbitMQTaskQueue({ url: server.url, namespace: server.namespace }),
      );
      for (const other of others) onTestFinished(() => other.close());
      await Promise.all([queue, ...others].map((each) => each.dequeue()));
      const channel = await server.admin();
      await expect(channel.checkExchange(names.mark)).resolves.toBeDefined();
      // Nobody kept it.
      const end = await turnOfAnother(server, names);
      await end();
    });
  });
});
