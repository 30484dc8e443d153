import {
  ClosedError,
  QueueUnavailableError,
  ResultTimeoutError,
  ResultUnavailableError,
  UnsupportedError,
} from "@lexigram/contracts";
import { beforeEach, describe, expect, test } from "vitest";
import { waitForOutcome } from "../../src/results/result-waiter.ts";
import type { WaitOptions } from "../../src/results/waiter-hub.ts";
import { ManualClock, settled } from "../memory-state/manual-clock.ts";
import { ScriptedQueue } from "./scripted-queue.ts";

let clock: ManualClock;
let scripted: ScriptedQueue;
const wait = (id: string, options: WaitOptions = {}) =>
  waitForOutcome(scripted.queue, id, { clock, ...options });

/** A promise's state, without waiting for it. */
async function stateOf(promise: Promise<unknown>): Promise<string> {
  let state = "waiting";
  promise.then(
    () => (state = "resolved"),
    () => (state = "rejected"),
  );
  await settled();
  return state;
}

beforeEach(() => {
  clock = new ManualClock();
  scripted = new ScriptedQueue();
});

describe("a wait for an outcome", () => {
  test("ends with the hint of the settle, without time passing", async () => {
    scripted.add("j");
    const waiting = wait("j");
    expect(await stateOf(waiting)).toBe("waiting");
    scripted.settle("j", { result: { data: "0", encoding: "json" } });
    expect(await waiting).toEqual({
      id: "j",
      status: "completed",
      attempt: 1,
      result: { data: "0", encoding: "json" },
    });
    expect(clock.timers).toBe(0);
    expect(scripted.openSubscriptions).toBe(0);
  });

  test.each(["completed", "failed", "cancelled", "expired"] as const)(
    "ends for a job that is %s already",
    async (status) => {
      scripted.add("j", status);
      expect((await wait("j")).status).toBe(status);
    },
  );

  test("goes on over every status that is not the end", async () => {
    scripted.add("j", "retrying");
    const waiting = wait("j");
    for (const status of ["running", "scheduled", "waiting", "retrying"] as const) {
      scripted.settle("j", { status });
      expect(await stateOf(waiting)).toBe("waiting");
    }
    scripted.settle("j", { status: "failed" });
    expect((await waiting).status).toBe("failed");
  });

  test("that comes too late is told so and never hangs", async () => {
    await expect(wait("gone")).rejects.toBeInstanceOf(ResultUnavailableError);
    scripted.add("j");
    const waiting = wait("j");
    await settled();
    scripted.outcomes.delete("j");
    await Promise.all([expect(waiting).rejects.toBeInstanceOf(ResultUnavailableError), clock.advance(1_000)]);
  });

  test("whose hint was missed ends with the poll, after one second at most", async () => {
    scripted.add("j");
    scripted.deaf = true;
    const waiting = wait("j");
    await clock.advance(500);
    scripted.settle("j");
    await clock.advance(499);
    expect(await stateOf(waiting)).toBe("waiting");
    await clock.advance(1);
    expect((await waiting).status).toBe("completed");
    expect(clock.timers).toBe(0);
  });

  test("ends when its time is up, and takes no other with it", async () => {
    scripted.add("j");
    const short = wait("j", { timeoutMs: 250 });
    const long = wait("j", { timeoutMs: 5_000 });
    const endless = wait("j");
    await clock.advance(249);
    expect(await stateOf(short)).toBe("waiting");
    await Promise.all([expect(short).rejects.toBeInstanceOf(ResultTimeoutError), clock.advance(1)]);
    await expect(short).rejects.toMatchObject({ fields: { jobId: "j", timeoutMs: 250 } });
    expect(await stateOf(long)).toBe("waiting");
    scripted.settle("j");
    expect((await long).status).toBe("completed");
    expect((await endless).status).toBe("completed");
  });

  test("ends with the reason of its signal, and takes no other with it", async () => {
    scripted.add("j");
    const abort = new AbortController();
    const mine = wait("j", { signal: abort.signal });
    const other = wait("j");
    await settled();
    const reason = new Error("enough");
    abort.abort(reason);
    await expect(mine).rejects.toBe(reason);
    await expect(wait("j", { signal: abort.signal })).rejects.toBe(reason);
    scripted.settle("j");
    expect((await other).status).toBe("completed");
    expect(clock.timers).toBe(0);
  });

  test("outlives a store that cannot be reached, and subscribes anew", async () => {
    scripted.add("j");
    const waiting = wait("j");
    await settled();
    scripted.failure = new QueueUnavailableError({ queue: "q", retryable: true, accepted: "no", ids: [] });
    scripted.sever();
    await clock.advance(3_000);
    expect(await stateOf(waiting)).toBe("waiting");
    scripted.failure = undefined;
    await clock.advance(1_000);
    expect(scripted.openSubscriptions).toBe(1);
    scripted.settle("j");
    expect((await waiting).status).toBe("completed");
  });

  test("ends with an error that no later read will mend", async () => {
    scripted.failure = new UnsupportedError({ subject: "q", capability: "results" });
    await expect(wait("j")).rejects.toBe(scripted.failure);
  });

  test("ends when the queue is closed", async () => {
    scripted.add("j");
    const waiting = wait("j");
    await settled();
    await scripted.close();
    await expect(waiting).rejects.toBeInstanceOf(ClosedError);
    expect(clock.timers).toBe(0);
  });
});

describe("many waits on one queue object", () => {
  test("of one turn share one subscription and one read", async () => {
    const ids = Array.from({ length: 500 }, (_, i) => `j${i}`);
    for (const id of ids) scripted.add(id);
    const waits = ids.map((id) => wait(id, { timeoutMs: 60_000 }));
    await settled();
    expect(scripted.subscriptions).toBe(1);
    expect(scripted.reads.map((read) => read.length)).toEqual([500]);
    expect(clock.timers).toBe(1);
    for (const id of ids) scripted.settle(id);
    await Promise.all(waits);
    expect(scripted.reads.length).toBeLessThan(10);
    expect(scripted.reads.flat()).toHaveLength(1_000);
    expect(scripted.openSubscriptions).toBe(0);
    expect(clock.timers).toBe(0);
  });

  test("that come one by one hold few subscriptions, and none is missed", async () => {
    const waits: Promise<unknown>[] = [];
    for (let i = 0; i < 1_000; i++) {
      scripted.add(`j${i}`);
      waits.push(wait(`j${i}`));
      await settled();
      expect(scripted.openSubscriptions).toBeLessThanOrEqual(11);
    }
    for (let i = 0; i < 1_000; i++) scripted.settle(`j${i}`);
    await Promise.all(waits);
    expect(scripted.openSubscriptions).toBe(0);
    expect(clock.timers).toBe(0);
  });

  test("that end while others begin leave no subscription behind", async () => {
    scripted.add("slow");
    const slow = wait("slow");
    for (let i = 0; i < 300; i++) {
      const ids = [0, 1, 2].map((n) => `j${i}-${n}`);
      for (const id of ids) scripted.add(id);
      const waits = ids.map((id) => wait(id));
      await settled();
      for (const id of ids) scripted.settle(id);
      await Promise.all(waits);
    }
    expect(scripted.openSubscriptions).toBeLessThanOrEqual(2);
    scripted.settle("slow");
    await slow;
    expect(scripted.openSubscriptions).toBe(0);
  });

  test("read at most 1,000 ids in one call", async () => {
    const waits = Array.from({ length: 2_500 }, (_, i) => {
      scripted.add(`j${i}`, "completed");
      return wait(`j${i}`);
    });
    await Promise.all(waits);
    expect(scripted.reads.map((read) => read.length)).toEqual([1_000, 1_000, 500]);
  });
});
