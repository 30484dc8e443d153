import { QueueUnavailableError, type TaskQueueProtocol } from "@lexigram/contracts";
import { describe, expect, test } from "vitest";
import { task } from "../../src/define/task.ts";
import { QueueSet } from "../../src/dispatch/queue-set.ts";
import { TaskDispatcher } from "../../src/dispatch/task-dispatcher.ts";
import type { TaskHandle } from "../../src/dispatch/task-handle.ts";
import { CacheBackendResultStore } from "../../src/results/cache-backend-result-store.ts";
import { DiscardTask } from "../../src/retry/control-flow.ts";
import { resultless } from "../dispatch/resultless-queue.ts";
import { type Handler, turn, Workshop } from "./workshop.ts";

const work = task({ name: "work" }, (): unknown => undefined);

/** Two processes that work on one queue without results, and a third that enqueues. */
class Shift extends Workshop {
  readonly state = this.backend.state!;
  readonly store = new CacheBackendResultStore(this.state, { clock: this.clock });
  /** To the queue, one of each worker process, in the order in which they joined. */
  readonly lines: { cut: boolean }[] = [];
  readonly #lookup: boolean;
  readonly dispatcher: TaskDispatcher;

  constructor(lookup: boolean, handler: Handler, options: Parameters<Workshop["define"]>[2] = {}) {
    super();
    this.#lookup = lookup;
    this.define("work", handler, options);
    this.dispatcher = new TaskDispatcher({ queues: this.queues(), clock: this.clock });
  }

  queues(queue = this.open()): QueueSet {
    return new QueueSet([this.binding("work", { queue })]);
  }

  open(): TaskQueueProtocol {
    return resultless(this.backend.queue("work"), this.#lookup);
  }

  /** A worker process whose line to the queue can be cut. */
  async join(): Promise<void> {
    const queue = this.open();
    const line = { cut: false };
    this.lines.push(line);
    const gone = (): Promise<never> =>
      Promise.reject(
        new QueueUnavailableError({ queue: "work", retryable: true, accepted: "unknown", ids: [] }),
      );
    const exchange = queue.exchange.bind(queue);
    const extend = queue.extend.bind(queue);
    queue.exchange = (request) => (line.cut ? gone() : exchange(request));
    queue.extend = (...args) => (line.cut ? gone() : extend(...args));
    await this.start({ queues: this.queues(queue), services: { resultStore: this.store } });
  }

  handle(id: string): TaskHandle {
    return this.dispatcher.handle("work", id);
  }
}

describe.each([true, false])("the result of a queue that keeps none (lookup: %s)", (lookup) => {
  test("is that of the attempt whose settle was accepted, not of one that lost its lease", async () => {
    let runs = 0;
    const shift: Shift = new Shift(lookup, () => {
      runs++;
      if (runs === 1) shift.lines[0]!.cut = true;
      return `run ${runs}`;
    });
    const handle = await shift.dispatcher.enqueue(work);
    const patient = handle.result();
    await shift.join();
    expect(runs).toBe(1);
    await shift.join();
    await shift.advance(20_000);
    expect(await patient).toBe("run 2");
    shift.lines[0]!.cut = false;
    await shift.advance(5_000);
    expect(await handle.result()).toBe("run 2");
    expect(await shift.store.get(handle.id)).toMatchObject({ value: "run 2", attempt: 1 });
  });

  test("is not told while nothing says whether its attempt counts", async () => {
    let runs = 0;
    const shift: Shift = new Shift(lookup, () => {
      shift.lines[0]!.cut = true;
      return `run ${++runs}`;
    });
    const handle = await shift.dispatcher.enqueue(work);
    const early = handle.result({ timeout: "10s" }).catch((error: unknown) => error);
    await shift.join();
    await shift.advance(10_500);
    expect(await early).toMatchObject({ code: "LEX_ERR_TASK_RESULT_TIMEOUT" });
    expect(await shift.store.get(handle.id)).toBeUndefined();
    shift.lines[0]!.cut = false;
    await shift.advance(3_000);
    expect(await handle.result()).toBe("run 1");
    expect((await shift.state.list("attempt-result:")).items).toEqual([]);
  });

  test("tells of failure, and of a handler that discarded its job", async () => {
    const shift = new Shift(
      lookup,
      (input) => {
        throw input === "bad" ? new RangeError("too far") : new DiscardTask({ reason: "not needed" });
      },
      { maxRetries: 0 },
    );
    const bad = await shift.dispatcher.enqueue(work, "bad" as never);
    const discarded = await shift.dispatcher.enqueue(work);
    await shift.join();
    await expect(bad.result()).rejects.toMatchObject({ fields: { error: { message: "too far" } } });
    await expect(discarded.result()).rejects.toMatchObject({ code: "LEX_ERR_TASK_DISCARDED" });
  });

  test("is kept as long as the worker was told", async () => {
    const shift = new Shift(lookup, () => 1);
    const { id } = await shift.dispatcher.enqueue(work);
    await shift.start({ queues: shift.queues(), settings: { resultTtlMs: 5_000 } });
    expect(await shift.handle(id).result()).toBe(1);
    expect(await shift.store.get(id)).toBeDefined();
    await shift.advance(6_000);
    expect(await shift.store.get(id)).toBeUndefined();
  });

  test("of a job that is completed before it runs is nothing, and told at once", async () => {
    const shift = new Shift(lookup, () => "unheard", { ackMode: "before" });
    const handle = await shift.dispatcher.enqueue(work);
    await shift.join();
    expect(await handle.result({ timeout: "1s" })).toBeUndefined();
  });

  test("is stored before a stopping worker is gone", async () => {
    const shift = new Shift(lookup, () => 7);
    const handle = await shift.dispatcher.enqueue(work);
    let release = (): void => {};
    const held = new Promise<void>((resolve) => (release = resolve));
    const put = shift.state.put.bind(shift.state);
    shift.state.put = async (key, ...rest) => {
      if (key.startsWith("result:")) await held;
      return put(key, ...rest);
    };
    const pool = shift.pool({ queues: shift.queues() });
    await pool.start();
    for (let i = 0; i < 20; i++) await turn();
    expect(shift.began).toEqual([handle.id]);
    let stopped = false;
    const stop = pool.stop().then(() => (stopped = true));
    for (let i = 0; i < 20; i++) await turn();
    expect(stopped).toBe(false);
    release();
    await stop;
    expect(await shift.store.get(handle.id)).toMatchObject({ value: 7 });
  });
});

describe("the result of a queue that keeps none, when its worker died after the settle", () => {
  /** Runs one delivery by hand, as a worker would that writes, settles and dies. */
  async function dies(shift: Shift, session: string, value: unknown, settles = true): Promise<string> {
    const claim = { slots: 1, ahead: 0, leaseMs: 1_000, maxBytes: 1_000 };
    const call = { session, settle: [], started: [], claim };
    const [delivery] = (await shift.queue.exchange({ ...call, seq: 1 })).deliveries;
    if (delivery === undefined) throw new Error("no job waits");
    const { job, receipt, attempt, recoveries } = delivery;
    const run = { jobId: job.id, attempt, recoveries, receipt };
    await shift.store.attempts.keep(run, { status: "ok", value, attempt }, 60_000);
    const settle = settles ? ([{ receipt, kind: "complete" }] as const) : [];
    await shift.queue.exchange({ ...call, seq: 2, settle, claim: { ...claim, slots: 0 } });
    return job.id;
  }

  test("is what the attempt left behind that the queue names", async () => {
    const shift = new Shift(true, () => undefined);
    const handle = await shift.dispatcher.enqueue(work);
    await dies(shift, "a", "late", false);
    await shift.advance(1_500);
    await dies(shift, "b", "in time");
    expect(await handle.result()).toBe("in time");
    expect(await shift.store.get(handle.id)).toMatchObject({ value: "in time" });
  });

  test("is unavailable when only an attempt that lost its lease left one", async () => {
    const shift = new Shift(true, () => undefined);
    const handle = await shift.dispatcher.enqueue(work);
    await dies(shift, "a", "late", false);
    await shift.advance(1_500);
    const again = await shift.queue.dequeue();
    await shift.queue.ack(again!.job.id);
    await expect(handle.result({ timeout: "1s" })).rejects.toMatchObject({
      code: "LEX_ERR_TASK_RESULT_UNAVAILABLE",
    });
  });

  test("is unavailable after a minute when the job's record is gone", async () => {
    const shift = new Shift(true, () => undefined);
    await shift.queue.setPolicy({ keepCompleted: 0 });
    const handle = await shift.dispatcher.enqueue(work);
    await dies(shift, "a", 1);
    const result = handle.result().catch((error: unknown) => error);
    await shift.advance(62_000);
    expect(await result).toMatchObject({ code: "LEX_ERR_TASK_RESULT_UNAVAILABLE" });
  });

  test("is not an older end of a job that was redriven", async () => {
    let runs = 0;
    const shift = new Shift(
      true,
      () => {
        if (++runs === 1) throw new Error("the first time");
        return "the second time";
      },
      { maxRetries: 0 },
    );
    const handle = await shift.dispatcher.enqueue(work);
    await shift.join();
    await expect(handle.result()).rejects.toMatchObject({ code: "LEX_ERR_TASK_REMOTE" });
    await shift.queue.pause();
    await shift.queue.deadLetters.retry(handle.id);
    const again = handle.result();
    await shift.advance(2_000);
    await shift.queue.resume();
    await shift.advance(2_000);
    expect(await again).toBe("the second time");
  });
});
