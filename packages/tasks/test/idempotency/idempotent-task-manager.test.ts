import {
  QueueFullError,
  QueueUnavailableError,
  type StateStoreProtocol,
  type TaskQueueProtocol,
} from "@lexigram/contracts";
import { ManualClock } from "@lexigram/conformance";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import {
  IdempotentTaskManager,
  QueueSet,
  StateStoreProtocol as State,
  task,
  TaskDispatcher,
} from "../../src/index.ts";
import { createTestApp } from "../../src/testing.ts";
import { memoryBackend } from "../../src/memory/memory-backend.ts";
import { TestClock } from "../../src/testing/test-clock.ts";
import { bindingOf } from "../dispatch/producer.ts";
import { overlaid } from "../schedule/workshop.ts";

let ran = 0;
const charge = task({ name: "charge", input: z.object({ amount: z.number() }) }, async ({ amount }) => {
  ran++;
  if (amount < 0) throw new Error("no luck");
  return { charged: amount };
});

describe("a task that is submitted", () => {
  test("runs once; the duplicate gets the first one's handle and result", async () => {
    ran = 0;
    await using t = await createTestApp({ tasks: [charge] });
    const manager = t.app.get(IdempotentTaskManager);
    const options = { idempotencyKey: "order-7" };
    const [first, second] = await Promise.all([
      manager.submit(charge, { amount: 5 }, options),
      manager.submit(charge, { amount: 5 }, options),
    ]);
    expect([first.status, second.status].toSorted()).toEqual(["duplicate", "submitted"]);
    expect(second.taskId).toBe(first.taskId);
    expect(second.handle.id).toBe(first.taskId);
    await t.drain();
    expect(await first.handle.result()).toEqual({ charged: 5 });
    expect(await second.handle.result()).toEqual({ charged: 5 });
    const third = await manager.submit(charge, { amount: 5 }, options);
    expect(third).toMatchObject({ status: "completed", result: { charged: 5 }, taskId: first.taskId });
    expect(await manager.checkDuplicate(charge, "order-7")).toMatchObject({ status: "completed" });
    expect(ran).toBe(1);
    expect((await manager.submit(charge, { amount: 5 })).status).toBe("submitted");
    expect((await manager.submit(charge, { amount: 5 })).status).toBe("duplicate");
    expect((await manager.submit(charge, { amount: 6 })).status).toBe("submitted");
  });

  test("has its result as long as its record, also when its job is gone", async () => {
    ran = 0;
    await using t = await createTestApp({
      tasks: [charge],
      config: { backends: [{ name: "q", keepCompleted: 0 }] },
    });
    const manager = t.app.get(IdempotentTaskManager);
    const first = await manager.submit(charge, { amount: 5 });
    await t.drain();
    expect(await first.handle.job()).toBeUndefined();
    expect(await first.handle.result()).toEqual({ charged: 5 });
    expect(await first.handle.status()).toBe("completed");
    await t.clock.advance("23h");
    expect((await manager.submit(charge, { amount: 5 })).status).toBe("completed");
    await t.clock.advance("2h");
    expect((await manager.submit(charge, { amount: 5 })).status).toBe("submitted");
  });

  test("that fails is told as failed to all, until it is forgotten", async () => {
    await using t = await createTestApp({ tasks: [charge] });
    const manager = t.app.get(IdempotentTaskManager);
    const options = { idempotencyKey: "k", maxRetries: 0 };
    const first = await manager.submit(charge, { amount: -1 }, options);
    await t.drain();
    const second = await manager.submit(charge, { amount: -1 }, options);
    expect(second).toMatchObject({ status: "duplicate", taskId: first.taskId });
    await expect(second.handle.result()).rejects.toThrow("no luck");
    expect(await manager.forget(charge, "k")).toBe(true);
    expect((await manager.submit(charge, { amount: -1 }, options)).status).toBe("submitted");
  });

  test("that was forgotten while it ran completes neither its old key nor the new submission", async () => {
    ran = 0;
    await using t = await createTestApp({ tasks: [charge] });
    const manager = t.app.get(IdempotentTaskManager);
    const options = { idempotencyKey: "k" };
    const first = await manager.submit(charge, { amount: 1 }, options);
    await manager.forget(charge, "k");
    await t.drain();
    expect(await first.handle.result()).toEqual({ charged: 1 });
    expect(await manager.checkDuplicate(charge, "k")).toBeUndefined();
    const second = await manager.submit(charge, { amount: 1 }, options);
    expect([second.status, second.taskId === first.taskId]).toEqual(["submitted", false]);
    await t.drain();
    expect(ran).toBe(2);
  });

  test("is not run again by an attempt whose record is completed", async () => {
    ran = 0;
    await using t = await createTestApp({ tasks: [charge] });
    const manager = t.app.get(IdempotentTaskManager);
    const { idempotencyKey } = await manager.submit(charge, { amount: 5 });
    await t.drain();
    // As of a worker that died between record and settle, or of a copy of the message.
    const again = await t.tasks.enqueue(
      charge,
      { amount: 9 },
      { headers: { "idempotency-key": idempotencyKey } },
    );
    await t.drain();
    expect([await again.result(), ran]).toEqual([{ charged: 5 }, 1]);
  });
});

/** Managers as of several processes, whose stores can be broken. */
class Office {
  readonly clock = new TestClock();
  readonly backend = memoryBackend({ clock: this.clock });
  readonly queue = this.backend.queue("q");
  manager(
    faults: {
      queue?: Partial<TaskQueueProtocol>;
      state?: Partial<StateStoreProtocol>;
    } = {},
  ): IdempotentTaskManager {
    const queue = overlaid<TaskQueueProtocol>(this.queue, faults.queue ?? {});
    const state = overlaid<StateStoreProtocol>(this.backend.state!, faults.state ?? {});
    const queues = new QueueSet([bindingOf(this.backend, queue, { state })]);
    const dispatcher = new TaskDispatcher({ queues, clock: this.clock });
    return new IdempotentTaskManager({ dispatcher, queues, clock: this.clock });
  }
  count(): Promise<number> {
    return this.queue.count("pending");
  }
}

describe("a process that submits", () => {
  test.each([
    ["before it enqueues", { enqueueMany: () => new Promise<never>(() => {}) }, {}],
    ["after it enqueued", {}, { after: true }],
  ])(
    "and ends %s leaves one job with one id",
    async (_when, queue, { after = false }: { after?: boolean }) => {
      const office = new Office();
      let puts = 0;
      const state: Partial<StateStoreProtocol> = after
        ? {
            put: (...args) =>
              ++puts > 1 ? new Promise<never>(() => {}) : office.backend.state!.put(...args),
          }
        : {};
      void office.manager({ queue, state }).submit(charge, { amount: 1 });
      await new Promise((resolve) => setImmediate(resolve));
      const second = await office.manager().submit(charge, { amount: 1 });
      const third = await office.manager().submit(charge, { amount: 1 });
      expect(third).toMatchObject({ status: "duplicate", taskId: second.taskId });
      expect(await office.count()).toBe(1);
    },
  );

  test("and ends before it enqueues is waited for, and then replaced, on a queue that does not know its jobs", async () => {
    const clock = new ManualClock();
    const backend = memoryBackend({ clock });
    const inner = backend.queue("q");
    const manager = (own: Partial<TaskQueueProtocol> = {}): IdempotentTaskManager => {
      const queue = overlaid<TaskQueueProtocol>(inner, {
        capabilities: { ...inner.capabilities, unique: false },
        ...own,
      });
      const queues = new QueueSet([bindingOf(backend, queue)]);
      return new IdempotentTaskManager({ dispatcher: new TaskDispatcher({ queues, clock }), queues, clock });
    };
    manager({ enqueueMany: () => new Promise<never>(() => {}) })
      .submit(charge, { amount: 1 })
      .catch(() => {});
    await clock.advance(1);
    let second: { readonly taskId: string; readonly status: string } | undefined;
    void manager()
      .submit(charge, { amount: 1 })
      .then((told) => (second = told));
    await clock.advance(19_000);
    expect(second).toBeUndefined();
    await clock.advance(2_000);
    expect(second?.status).toBe("submitted");
    expect(await inner.count("pending")).toBe(1);
    expect(await manager().submit(charge, { amount: 1 })).toMatchObject({
      status: "duplicate",
      taskId: second?.taskId,
    });
  });

  test("is refused with its job, and the key is free again", async () => {
    const office = new Office();
    const full = new QueueFullError({ queue: "q", capacity: 1 });
    const refusing = office.manager({
      queue: { enqueueMany: async (jobs) => jobs.map(() => ({ ok: false, error: full }) as const) },
    });
    await expect(refusing.submit(charge, { amount: 1 })).rejects.toBe(full);
    expect((await office.manager().submit(charge, { amount: 1 })).status).toBe("submitted");
  });

  test("and does not hear what became of its job keeps its id for the next one", async () => {
    const office = new Office();
    const deaf = office.manager({
      queue: {
        enqueueMany: async (jobs, call) => {
          await office.queue.enqueueMany(jobs, call);
          throw new QueueUnavailableError({ queue: "q", retryable: false, accepted: "unknown", ids: [] });
        },
      },
    });
    await expect(deaf.submit(charge, { amount: 1 })).rejects.toBeInstanceOf(QueueUnavailableError);
    const second = await office.manager().submit(charge, { amount: 1 });
    expect([second.status, await office.count()]).toEqual(["duplicate", 1]);
  });

  test("refuses what belongs to a transaction, and keys that are none", async () => {
    const office = new Office();
    await expect(office.manager().submit(charge, { amount: 1 }, { unique: {} } as object)).rejects.toThrow(
      "unique",
    );
    await expect(
      office.manager().submit(charge, { amount: 1 }, { idempotencyKey: "x".repeat(600) }),
    ).rejects.toThrow("1 to 450");
    await expect(office.manager().submit((() => 1) as never, 1 as never)).rejects.toThrow(
      "must be a definition",
    );
    expect(State).toBeDefined();
  });
});
