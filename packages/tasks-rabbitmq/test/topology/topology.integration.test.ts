import { aJob } from "@lexigram/conformance";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { RabbitMQTaskQueue, type RabbitMQTaskQueueOptions } from "../../src/index.ts";
import { serverOfTest } from "../rabbit-server.ts";

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
});
