import { describe, expect, test } from "vitest";
import { TaskMiddlewarePipeline } from "../../src/middleware/pipeline.ts";
import { TaskDashboard } from "../../src/observability/task-dashboard.ts";
import { InMemoryResultStore } from "../../src/results/in-memory-result-store.ts";
import { QueueResultStore } from "../../src/results/queue-result-store.ts";
import { DiscardTask } from "../../src/retry/control-flow.ts";
import type { AttemptScope } from "../../src/worker/worker-services.ts";
import { Workshop } from "./workshop.ts";

describe("a result store that is given", () => {
  test("learns how a job ended before its queue does", async () => {
    const shop = new Workshop();
    const store = new InMemoryResultStore({ clock: shop.clock });
    const statuses: string[] = [];
    const { queue } = shop;
    const original = store.store.bind(store);
    store.store = async (id, ...rest) => {
      statuses.push((await queue.getJob(id))!.status);
      return original(id, ...rest);
    };
    shop.define("ok", () => ({ n: 1 }));
    shop.define("bad", () => Promise.reject(new Error("no")), { maxRetries: 0 });
    shop.define("discarded", () => {
      throw new DiscardTask();
    });
    shop.define("retried", () => Promise.reject(new Error("no")));
    const ids = await Promise.all(["ok", "bad", "discarded", "retried"].map((name) => shop.enqueue(name)));
    await shop.start({ services: { resultStore: store } });
    expect(statuses).toEqual(["running", "running", "running"]);
    const records = await Promise.all(ids.map((id) => store.get(id)));
    expect(records[0]).toMatchObject({ status: "ok", value: { n: 1 }, task: "ok", attempt: 1 });
    expect(records[1]).toMatchObject({ status: "failed", error: { message: "no" } });
    expect(records[2]).toMatchObject({ status: "cancelled", error: { code: "LEX_ERR_TASK_DISCARDED" } });
    expect(records[3]).toBeUndefined();
  });

  test("holds the results of a queue that keeps none itself", async () => {
    const shop = new Workshop();
    const store = new InMemoryResultStore({ clock: shop.clock });
    Object.defineProperty(shop.queue, "capabilities", {
      value: { ...shop.queue.capabilities, results: false },
    });
    shop.define("t", () => "kept");
    const kept = await shop.enqueue("t");
    const taken = await shop.enqueue("t");
    await store.store(taken, { status: "ok", value: "by an attempt that lost its lease" });
    await shop.start({ services: { resultStore: store } });
    expect((await store.get(kept))?.value).toBe("kept");
    expect((await store.get(taken))?.value).toBe("kept");
  });

  test("that fails is logged and keeps no job from ending", async () => {
    const shop = new Workshop();
    const store = new InMemoryResultStore({ clock: shop.clock });
    store.store = () => Promise.reject(new Error("disk full"));
    shop.define("t", () => 1);
    const id = await shop.enqueue("t");
    await shop.start({ services: { resultStore: store } });
    expect((await shop.job(id)).status).toBe("completed");
    expect(shop.logged("the outcome of a job could not be stored")).toHaveLength(1);
  });

  test("that is the queue's own is not written to, since the settle does it", async () => {
    const shop = new Workshop();
    shop.define("t", () => 1);
    const id = await shop.enqueue("t");
    await shop.start({ services: { resultStore: new QueueResultStore(shop.queue, { clock: shop.clock }) } });
    expect((await shop.job(id)).result?.data).toBe("1");
    expect(shop.logs.filter((line) => line.level === "error")).toEqual([]);
  });
});

describe("a dead letter queue that is given", () => {
  test("gets a copy of what policy gave up on", async () => {
    const shop = new Workshop();
    const morgue = shop.backend.queue("morgue");
    shop.define("bad", () => Promise.reject(new Error("no")), { maxRetries: 0 });
    const id = await shop.enqueue("bad", { n: 1 }, { key: "k" });
    await shop.start({ services: { deadLetterQueue: morgue.deadLetters } });
    const letter = await morgue.deadLetters.get(id);
    expect([letter?.reason, letter?.error.message, letter?.job.key]).toEqual(["failed", "no", "k"]);
    expect((await shop.job(id)).status).toBe("failed");
  });

  test("that is the queue's own gets nothing twice", async () => {
    const shop = new Workshop();
    shop.define("bad", () => Promise.reject(new Error("no")), { maxRetries: 0 });
    await shop.enqueue("bad");
    await shop.start({ services: { deadLetterQueue: shop.queue.deadLetters } });
    expect(await shop.queue.deadLetters.size()).toBe(1);
  });
});

describe("a dashboard that is given", () => {
  test("sees every attempt that ran", async () => {
    const shop = new Workshop();
    const dashboard = new TaskDashboard({ clock: shop.clock });
    shop.define("ok", () => 1);
    shop.define("bad", () => Promise.reject(new TypeError("no")), { maxRetries: 0 });
    await shop.enqueue("ok");
    await shop.enqueue("bad");
    await shop.start({ services: { dashboard } });
    expect(dashboard.getSummary()).toMatchObject({ totalExecuted: 2, totalFailed: 1 });
  });
});

describe("retry rules that are given", () => {
  test("hold for tasks that have none of their own", async () => {
    const shop = new Workshop();
    shop.define("bare", () => Promise.reject(new TypeError("no")));
    shop.define("own", () => Promise.reject(new TypeError("no")), { retry: { retryOn: [TypeError] } });
    const bare = await shop.enqueue("bare");
    const own = await shop.enqueue("own");
    await shop.start({ services: { retryPolicy: { abortOn: [TypeError] } } });
    expect([(await shop.job(bare)).status, (await shop.job(own)).status]).toEqual(["failed", "retrying"]);
  });
});

describe("a method task", () => {
  class Greeter {
    readonly greeting: string;
    constructor(greeting = "made by hand") {
      this.greeting = greeting;
    }
    greet(input: unknown): string {
      return `${this.greeting} ${String(input)}`;
    }
    alone(...args: unknown[]): number {
      return args.length;
    }
    fail(): never {
      throw new Error("no");
    }
  }
  const define = (shop: Workshop, method: "greet" | "alone" | "fail", takesInput = true): void => {
    shop.define(method, () => 0, { maxRetries: 0 });
    const { policy } = shop.tasks.get(method)!;
    shop.tasks.set(method, {
      kind: "method",
      name: method,
      policy,
      schema: undefined,
      takesInput,
      owner: Greeter,
      method,
    });
  };
  const container = (disposed: string[], failing = false) => ({
    createScope: (): AttemptScope => {
      disposed.push("made");
      return {
        resolve: <T>() => new Greeter("injected") as T,
        [Symbol.asyncDispose]: async () => {
          await Promise.resolve();
          disposed.push("disposed");
          if (failing) throw new Error("cannot");
        },
      };
    },
  });

  test("runs on an object of the attempt's own scope, which is disposed afterwards", async () => {
    const shop = new Workshop();
    const disposed: string[] = [];
    define(shop, "greet");
    define(shop, "fail");
    shop.define("plain", () => 0);
    const id = await shop.enqueue("greet", "you");
    const failed = await shop.enqueue("fail");
    await shop.enqueue("plain");
    await shop.start({ services: { container: container(disposed) } });
    expect((await shop.job(id)).result?.data).toBe('"injected you"');
    expect((await shop.job(failed)).error?.message).toBe("no");
    expect(disposed).toEqual(["made", "disposed", "made", "disposed"]);
  });

  test("keeps its outcome when the scope cannot be disposed", async () => {
    const shop = new Workshop();
    define(shop, "greet");
    const id = await shop.enqueue("greet", "you");
    await shop.start({ services: { container: container([], true) } });
    expect((await shop.job(id)).status).toBe("completed");
    expect(shop.logged("the scope of an attempt could not be disposed")).toHaveLength(1);
  });

  test("works without a container, and takes the context alone when it has no input", async () => {
    const shop = new Workshop();
    define(shop, "greet");
    define(shop, "alone", false);
    const greet = await shop.enqueue("greet", "you");
    const alone = await shop.enqueue("alone");
    await shop.start();
    expect((await shop.job(greet)).result?.data).toBe('"made by hand you"');
    expect((await shop.job(alone)).result?.data).toBe("1");
  });
});

describe("middleware around an attempt", () => {
  test("wraps it in the order given, and may change the result", async () => {
    const shop = new Workshop();
    const order: string[] = [];
    const pipeline = new TaskMiddlewarePipeline({ clock: shop.clock });
    pipeline.use(async (context, next) => {
      order.push(
        `outer ${context.taskName} ${context.queueName} ${context.attempt} ${String(context.input)}`,
      );
      return `${String(await next())}!`;
    });
    pipeline.use(async (_context, next) => {
      order.push("inner");
      return next();
    });
    pipeline.use(() => Promise.reject(new Error("never on process")), ["enqueue"]);
    shop.define("t", () => {
      order.push("handler");
      return "hi";
    });
    const id = await shop.enqueue("t", "in");
    await shop.start({ pipeline });
    expect(order).toEqual(["outer t work 1 in", "inner", "handler"]);
    expect((await shop.job(id)).result?.data).toBe('"hi!"');
  });

  test("fails the attempt with what it throws, before or after the handler", async () => {
    const shop = new Workshop();
    const pipeline = new TaskMiddlewarePipeline();
    pipeline.use((context, next) => {
      if (context.taskName === "refused") throw new Error("not today");
      return next();
    });
    shop.define("refused", () => 1, { maxRetries: 0 });
    shop.define("fine", () => 1);
    const refused = await shop.enqueue("refused");
    const fine = await shop.enqueue("fine");
    await shop.start({ pipeline });
    expect([(await shop.job(refused)).error?.message, (await shop.job(fine)).status]).toEqual([
      "not today",
      "completed",
    ]);
    expect(shop.began).toEqual([fine]);
  });
});

describe("a failing helper", () => {
  test("never harms a job: listeners, loggers, middleware hooks", async () => {
    const shop = new Workshop();
    const boom = (): never => {
      throw new Error("boom");
    };
    for (const event of ["task.received", "task.started", "task.completed"] as const) {
      shop.emitter.on(event, boom);
      shop.emitter.on(event, () => Promise.reject(new Error("later")));
    }
    const pipeline = new TaskMiddlewarePipeline({ clock: shop.clock });
    pipeline.add({ afterExecute: boom });
    pipeline.add({ afterExecute: () => Promise.reject(new Error("late")) });
    shop.define("t", (_input, { log }) => {
      log.info("from the handler");
      return 1;
    });
    const id = await shop.enqueue("t");
    const logger = { debug: boom, info: boom, warn: boom, error: boom };
    const pool = await shop.start({ pipeline, services: { logger } });
    expect((await shop.job(id)).status).toBe("completed");
    expect(pool.getPoolStats().totalJobsSucceeded).toBe(1);
  });
});
