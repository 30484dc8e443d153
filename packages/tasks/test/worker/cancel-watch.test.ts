import type { StateStoreProtocol } from "@lexigram/contracts";
import { describe, expect, test } from "vitest";
import { TaskDispatcher } from "../../src/dispatch/task-dispatcher.ts";
import { QueueSet } from "../../src/dispatch/queue-set.ts";
import { cancelTopic } from "../../src/job/cancel-topic.ts";
import { Gate, Workshop } from "./workshop.ts";

describe("a cancellation through a handle", () => {
  async function cancelledElsewhere(state?: Partial<StateStoreProtocol>): Promise<{
    shop: Workshop;
    aborted: string[];
    gate: Gate;
    id: string;
  }> {
    const shop = new Workshop();
    const aborted: string[] = [];
    const gate = new Gate();
    shop.define("t", (_input, { job, signal }) => {
      signal.addEventListener("abort", () => aborted.push(job.id));
      return gate.promise;
    });
    const worker = shop.binding("work");
    const producer = shop.binding("work", state === undefined ? {} : { state: state as StateStoreProtocol });
    const dispatcher = new TaskDispatcher({ queues: new QueueSet([producer]), clock: shop.clock });
    const handle = await dispatcher.enqueue("t", undefined);
    await shop.start({ queues: new QueueSet([worker]), settings: { leaseMs: 30_000 } });
    expect(shop.began).toEqual([handle.id]);
    expect(await handle.cancel()).toBe("requested");
    await shop.settle();
    return { shop, aborted, gate, id: handle.id };
  }

  test("aborts the handler at once", async () => {
    const { shop, aborted, gate, id } = await cancelledElsewhere();
    expect(aborted).toEqual([id]);
    gate.open();
    await shop.settle();
  });

  test.each([
    ["refuses", () => Promise.reject(new Error("cut"))],
    ["never answers", () => new Promise<void>(() => {})],
  ])("aborts the handler within a third of its lease when the store of topics %s", async (_what, publish) => {
    const { shop, aborted, gate, id } = await cancelledElsewhere({ publish });
    expect(aborted).toEqual([]);
    await shop.advance(10_100);
    expect(aborted).toEqual([id]);
    gate.open();
    await shop.settle();
  });
});

describe("a cancellation that is announced", () => {
  test("reaches the handler at once, and is taken from the store, not from the announcement", async () => {
    const shop = new Workshop();
    const aborted: string[] = [];
    const gate = new Gate();
    shop.define("t", (_input, { job, signal }) => {
      signal.addEventListener("abort", () => aborted.push(job.id));
      return gate.promise;
    });
    const binding = shop.binding("work");
    const [first, second] = await shop.enqueueAll("t", 2);
    await shop.start({ queues: new QueueSet([binding]), maxConcurrentTasks: 2 });
    await shop.queue.cancel(first!);
    await binding.state.publish(cancelTopic("work"), second!);
    await binding.state.publish(cancelTopic("work"), { odd: true });
    await shop.settle();
    expect(aborted).toEqual([]);
    await binding.state.publish(cancelTopic("work"), first!);
    await shop.settle();
    expect(aborted).toEqual([first]);
    gate.open();
  });

  test("is listened for again after the subscription broke, and no more after a stop", async () => {
    const shop = new Workshop();
    let subscriptions = 0;
    const state = {
      subscribe: () => {
        subscriptions++;
        return Promise.reject(new Error("away"));
      },
    } as Partial<StateStoreProtocol> as StateStoreProtocol;
    const pool = await shop.start({ queues: new QueueSet([shop.binding("work", { state })]) });
    expect(subscriptions).toBe(1);
    await shop.advance(10_100);
    expect(subscriptions).toBe(3);
    await pool.stop();
    await shop.advance(10_000);
    expect([subscriptions, shop.clock.pendingTimers]).toEqual([3, 0]);
  });
});
