import {
  type ExchangeRequest,
  LeaseLostError,
  QueueUnavailableError,
  type Settlement,
  TaskTimeoutError,
  type TransactionHandle,
} from "@lexigram/contracts";
import { beforeEach, describe, expect, test } from "vitest";
import type { TaskContext } from "../../src/worker/task-context.ts";
import { Gate, type Handler, Workshop } from "./workshop.ts";

type Work = (transaction: TransactionHandle) => Promise<unknown>;
type Context = TaskContext & { transaction<T>(work: (transaction: TransactionHandle) => T): Promise<T> };

let shop: Workshop;
/** Ends of transactions, in order. */
let ends: ("committed" | "rolled back")[];
/** What the workers told of deliveries. */
let told: Settlement[];
/** What happens when a transaction is to be committed. */
let onCommit: () => Promise<void>;

/** Gives the queue transactions that settle when they commit. */
function giveTransactions(): void {
  const { queue } = shop;
  const open = new WeakMap<object, Settlement>();
  const exchange = queue.exchange.bind(queue);
  let seq = 0;
  Object.defineProperty(queue, "capabilities", { value: { ...queue.capabilities, transactions: true } });
  queue.exchange = (request: ExchangeRequest) => {
    told.push(...request.settle);
    return exchange(request);
  };
  queue.settleIn = async (transaction, settlement) => {
    const { lost } = await queue.extend([settlement.receipt], 15_000);
    if (lost.length > 0) return "lost";
    open.set(transaction, settlement);
    return "settled";
  };
  queue.inTransaction = async <T>(work: (transaction: TransactionHandle) => Promise<T>): Promise<T> => {
    const transaction: TransactionHandle = {};
    try {
      const value = await work(transaction);
      await onCommit();
      const settlement = open.get(transaction);
      const claim = { slots: 0, ahead: 0, leaseMs: 1_000, maxBytes: 1 };
      if (settlement !== undefined)
        await exchange({ session: "commits", seq: ++seq, settle: [settlement], started: [], claim });
      ends.push("committed");
      return value;
    } catch (error) {
      ends.push("rolled back");
      throw error;
    }
  };
}

/** Defines the task `t`, whose handler gets a context with transactions. */
function define(handler: (context: Context) => unknown, options: Parameters<Workshop["define"]>[2] = {}) {
  const run: Handler = (_input, context) => handler(context as Context);
  shop.define("t", run, { maxRetries: 0, ...options });
}

/** Runs one job of it. @returns how it stands then. */
async function ran(): Promise<readonly [status: string, result: unknown]> {
  const id = await shop.enqueue("t");
  await shop.start();
  return stands(id);
}

async function stands(id: string): Promise<readonly [status: string, result: unknown]> {
  const [outcome] = await shop.queue.results([id]);
  return [(await shop.job(id)).status, outcome?.result?.data];
}

describe("ctx.transaction", () => {
  beforeEach(() => {
    shop = new Workshop();
    shop.listen();
    ends = [];
    told = [];
    onCommit = () => Promise.resolve();
    giveTransactions();
  });

  test("completes the job with what was written, and its value is the result", async () => {
    let value: unknown;
    define(async (ctx) => {
      value = await ctx.transaction(() => Promise.resolve({ n: 1 }));
      return "not this";
    });
    expect(await ran()).toEqual(["completed", '{"n":1}']);
    expect([value, ends, told]).toEqual([{ n: 1 }, ["committed"], []]);
    expect(shop.eventNames()).toEqual(["task.received", "task.started", "task.completed"]);
  });

  test("leaves nothing behind when it throws, and the attempt ends as the handler does", async () => {
    define((ctx) => ctx.transaction(() => Promise.reject(new Error("no"))), { maxRetries: 1 });
    expect(await ran()).toEqual(["retrying", undefined]);
    expect(ends).toEqual(["rolled back"]);
  });

  test("counts, whatever the handler does after it", async () => {
    define(async (ctx) => {
      await ctx.transaction(() => Promise.resolve("done"));
      throw new Error("after all");
    });
    expect((await ran())[0]).toBe("completed");
    expect(shop.logged("a handler failed after its transaction had completed the job")).toHaveLength(1);
    expect(shop.eventNames()).toContain("task.completed");
  });

  test("counts when the time limit passes after it, and when the pool stops meanwhile", async () => {
    const gate = new Gate();
    define(
      async (ctx) => {
        await ctx.transaction(() => Promise.resolve("done"));
        await gate.promise;
      },
      { timeout: 1_000 },
    );
    const [pool, id] = [await shop.start(), await shop.enqueue("t")];
    await shop.settle();
    expect((await stands(id))[0]).toBe("completed");
    const stopped = pool.stop({ timeout: 100 });
    await shop.advance(40_000);
    gate.open();
    await stopped;
    expect([await stands(id), told, shop.began.length]).toEqual([["completed", '"done"'], [], 1]);
  });

  test("is for one call, unless that was rolled back", async () => {
    const refusals: unknown[] = [];
    const refused = (call: Promise<unknown>): Promise<unknown> =>
      call.catch((error: unknown) => refusals.push(error instanceof Error ? error.message : error));
    define(async (ctx) => {
      await refused(ctx.transaction(() => Promise.reject(new Error("first"))));
      const done = ctx.transaction(() => Promise.resolve("second"));
      await refused(ctx.transaction(() => Promise.resolve("beside")));
      await done;
      await refused(ctx.transaction(() => Promise.resolve("after")));
      await refused(ctx.transaction(7 as unknown as Work));
    });
    expect(await ran()).toEqual(["completed", '"second"']);
    expect(refusals).toEqual([
      "first",
      expect.stringContaining("is open"),
      expect.stringContaining("after the transaction of an earlier call"),
      expect.stringContaining("needs a function"),
    ]);
  });

  test("is rolled back when the time limit passes inside it", async () => {
    const gate = new Gate();
    define((ctx) => ctx.transaction(() => gate.promise), { timeout: 1_000 });
    const id = await shop.enqueue("t");
    await shop.start();
    await shop.advance(1_100);
    gate.open();
    await shop.settle();
    expect([(await stands(id))[0], ends]).toEqual(["failed", ["rolled back"]]);
    expect((await shop.job(id)).error?.name).toBe(TaskTimeoutError.name);
  });

  test.each([true, false])(
    "lets the store decide when the limit passes during the commit (%s)",
    async (good) => {
      const gate = new Gate();
      onCommit = () => gate.promise;
      define((ctx) => ctx.transaction(() => Promise.resolve("done")), { timeout: 1_000 });
      const id = await shop.enqueue("t");
      await shop.start();
      await shop.advance(10_000);
      expect((await shop.job(id)).status).toBe("running");
      if (good) gate.open();
      else gate.break(new QueueUnavailableError({ queue: "work", retryable: true, accepted: "no", ids: [] }));
      await shop.settle();
      await shop.advance(100);
      const { status, error } = await shop.job(id);
      expect([status, error?.name]).toEqual(
        good ? ["completed", undefined] : ["failed", TaskTimeoutError.name],
      );
    },
  );

  test("wins over a cancellation that is asked for meanwhile", async () => {
    const gate = new Gate();
    define((ctx) => ctx.transaction(() => gate.promise));
    const id = await shop.enqueue("t");
    await shop.start();
    expect(await shop.queue.cancel(id)).toBe("requested");
    await shop.advance(6_000);
    gate.open();
    await shop.settle();
    expect((await stands(id))[0]).toBe("completed");
  });

  test("is rolled back when the lease is lost before the commit", async () => {
    const gate = new Gate();
    let thrown: unknown;
    define((ctx) =>
      ctx
        .transaction(() => gate.promise)
        .catch((error: unknown) => {
          thrown = error;
          throw error;
        }));
    const id = await shop.enqueue("t");
    await shop.start();
    await shop.queue.deleteJob(id);
    gate.open();
    await shop.settle();
    expect([ends, thrown]).toEqual([["rolled back"], expect.any(LeaseLostError)]);
    expect(shop.eventNames()).not.toContain("task.completed");
  });

  test("is the store's to decide when a renewal misses the lease that the commit took", async () => {
    const gate = new Gate();
    onCommit = () => gate.promise;
    define((ctx) => ctx.transaction(() => Promise.resolve("done")));
    const id = await shop.enqueue("t");
    await shop.start();
    shop.queue.extend = (receipts) => Promise.resolve({ lost: receipts, cancelled: [] });
    await shop.advance(14_000);
    gate.open();
    await shop.settle();
    expect([(await stands(id))[0], shop.events("task.lease-lost")]).toEqual(["completed", []]);
  });

  test.each([
    ["cannot be stored", () => 1n, {}],
    [
      "is refused by the task",
      () => "again",
      { retry: { retryOnResult: (value: unknown) => value === "again" } },
    ],
  ])("is rolled back when its value %s", async (_what, value, options) => {
    define((ctx) => ctx.transaction(() => Promise.resolve<unknown>(value())), options);
    expect((await ran())[0]).toBe("failed");
    expect(ends).toEqual(["rolled back"]);
  });

  test("is refused where the job is completed before it runs", async () => {
    let thrown: unknown;
    define((ctx) => ctx.transaction(() => Promise.resolve()).catch((error: unknown) => (thrown = error)), {
      ackMode: "before",
    });
    expect((await ran())[0]).toBe("completed");
    expect(thrown).toMatchObject({ code: "LEX_ERR_TASK_VALIDATION" });
  });

  test("is refused after the attempt", async () => {
    const kept = new Gate<Context>();
    define((ctx) => kept.open(ctx));
    await ran();
    const call = (await kept.promise).transaction(() => Promise.resolve());
    await expect(call).rejects.toThrow("after the attempt had ended");
  });
});

test("ctx.transaction is refused by a queue without transactions", async () => {
  shop = new Workshop();
  let thrown: unknown;
  define((ctx) => ctx.transaction(() => Promise.resolve()).catch((error: unknown) => (thrown = error)));
  expect((await ran())[0]).toBe("completed");
  expect(thrown).toMatchObject({ code: "LEX_ERR_TASK_UNSUPPORTED" });
});
