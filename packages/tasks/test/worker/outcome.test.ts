import { describe, expect, test } from "vitest";
import type { FaultVerdict } from "../../src/memory/memory-faults.ts";
import { DiscardTask, RejectTask, RetryTask } from "../../src/retry/control-flow.ts";
import { Gate, Workshop } from "./workshop.ts";

/** No chance: waits are exactly what the backoff says. */
const EXACT = { baseDelay: "1s", jitter: 0 } as const;

describe("a failed attempt", () => {
  test("is stored for a retry after its backoff, and frees its slot meanwhile", async () => {
    const shop = new Workshop();
    shop.define(
      "flaky",
      (_input, { attempt }) => {
        if (attempt < 3) throw new Error(`try ${attempt}`);
        return attempt;
      },
      { retry: EXACT },
    );
    shop.define("other", () => "ran");
    const flaky = await shop.enqueue("flaky");
    const other = await shop.enqueue("other");
    await shop.start();
    expect((await shop.job(flaky)).status).toBe("retrying");
    expect((await shop.job(other)).status).toBe("completed");
    await shop.advance(950);
    expect(shop.began.filter((id) => id === flaky)).toHaveLength(1);
    await shop.advance(100);
    expect(shop.began.filter((id) => id === flaky)).toHaveLength(2);
    await shop.advance(2_050);
    const job = await shop.job(flaky);
    expect([job.status, job.attempt, job.result?.data]).toEqual(["completed", 3, "3"]);
  });

  test("goes to the dead letters after maxRetries + 1 attempts", async () => {
    const shop = new Workshop();
    shop.listen();
    shop.define("never", () => Promise.reject(new Error("no")), { maxRetries: 1, retry: EXACT });
    const id = await shop.enqueue("never");
    await shop.start();
    await shop.advance(1_100);
    const job = await shop.job(id);
    expect([job.status, job.reason, job.attempt, job.error?.message]).toEqual(["failed", "failed", 2, "no"]);
    expect(shop.eventNames().filter((name) => name !== "task.received" && name !== "task.started")).toEqual([
      "task.failed",
      "task.retried",
      "task.failed",
      "task.dead",
    ]);
    expect(shop.events("task.failed").map(({ payload }) => payload["willRetry"])).toEqual([true, false]);
  });

  test("takes its number of retries from the job, then the task, then the queue, then the settings", async () => {
    const runs = async (
      job: number | undefined,
      task: number | undefined,
      queue: number | undefined,
    ): Promise<number> => {
      const shop = new Workshop();
      shop.define("t", () => Promise.reject(new Error("no")), {
        ...(task === undefined ? {} : { maxRetries: task }),
        retry: { baseDelay: 1, jitter: 0 },
      });
      const base = shop.binding("work");
      const binding = { ...base, defaults: { ...base.defaults, maxRetries: queue } };
      const policy = job === undefined ? {} : { policy: { maxRetries: job } };
      const id = await shop.enqueue("t", undefined, policy);
      await shop.start({ queues: queueSet(binding), settings: { maxRetries: 1 } });
      await shop.advance(2_000);
      return (await shop.job(id)).attempt;
    };
    const { QueueSet } = await import("../../src/dispatch/queue-set.ts");
    const queueSet = (binding: ReturnType<Workshop["binding"]>) => new QueueSet([binding]);
    expect(await runs(0, 2, 3)).toBe(1);
    expect(await runs(undefined, 2, 3)).toBe(3);
    expect(await runs(undefined, undefined, 3)).toBe(4);
    expect(await runs(undefined, undefined, undefined)).toBe(2);
  });

  test("waits as the job says when it brings a backoff", async () => {
    const shop = new Workshop();
    shop.define("t", () => Promise.reject(new Error("no")), { retry: EXACT });
    await shop.enqueue("t", undefined, {
      policy: { backoff: { strategy: "fixed", baseDelayMs: 5_000, jitter: 0 } },
    });
    await shop.start();
    await shop.advance(4_900);
    expect(shop.began).toHaveLength(1);
    await shop.advance(200);
    expect(shop.began).toHaveLength(2);
  });

  test("follows the rules of its task, causes included", async () => {
    class Transient extends Error {}
    class Fatal extends Error {}
    const shop = new Workshop();
    shop.define(
      "t",
      (input) => {
        throw input === "fatal" ? new Fatal("f") : new Error("wrapped", { cause: new Transient("t") });
      },
      {
        retry: { ...EXACT, retryOn: [Transient], abortOn: [Fatal] },
      },
    );
    const transient = await shop.enqueue("t", "transient");
    const fatal = await shop.enqueue("t", "fatal");
    await shop.start();
    expect((await shop.job(transient)).status).toBe("retrying");
    expect((await shop.job(fatal)).status).toBe("failed");
  });

  test("calls onRetry before the retry is stored, and survives what it throws", async () => {
    const shop = new Workshop();
    const told: unknown[] = [];
    shop.define("t", () => Promise.reject(new Error("no")), {
      retry: {
        ...EXACT,
        onRetry: (error, facts) => {
          told.push((error as Error).message, facts);
          throw new Error("mine");
        },
      },
    });
    const id = await shop.enqueue("t");
    await shop.start();
    expect(told).toEqual(["no", { taskName: "t", jobId: id, attempt: 1, maxAttempts: 4, delayMs: 1_000 }]);
    expect((await shop.job(id)).status).toBe("retrying");
    expect(shop.logged("a retry rule failed")).toHaveLength(1);
  });

  test("repeats a returned value that retryOnResult refuses, and gives up on it in the end", async () => {
    const shop = new Workshop();
    shop.define("poll", (_input, { attempt }) => ({ ready: attempt === 2 }), {
      retry: { ...EXACT, retryOnResult: (result) => !(result as { ready: boolean }).ready },
    });
    shop.define("never", () => 0, { maxRetries: 0, retry: { retryOnResult: () => true } });
    const poll = await shop.enqueue("poll");
    const never = await shop.enqueue("never");
    await shop.start();
    await shop.advance(1_100);
    expect([(await shop.job(poll)).status, (await shop.job(poll)).attempt]).toEqual(["completed", 2]);
    expect((await shop.job(never)).error?.cause?.message).toContain("retryOnResult");
  });
});

describe("RetryTask", () => {
  test("asks for another attempt after its delay, whatever the rules say", async () => {
    const shop = new Workshop();
    shop.define(
      "t",
      (_input, { attempt }) => {
        if (attempt === 1) throw new RetryTask({ delay: "3s" });
      },
      {
        retry: { retryOn: [] },
      },
    );
    const id = await shop.enqueue("t");
    await shop.start();
    await shop.advance(2_900);
    expect(shop.began).toHaveLength(1);
    await shop.advance(200);
    expect((await shop.job(id)).status).toBe("completed");
  });

  test("counts as an attempt unless told otherwise", async () => {
    const shop = new Workshop();
    shop.define(
      "t",
      () => {
        throw new RetryTask({ delay: 100 });
      },
      { maxRetries: 1 },
    );
    const id = await shop.enqueue("t");
    await shop.start();
    await shop.advance(1_000);
    expect([(await shop.job(id)).status, (await shop.job(id)).attempt]).toEqual(["failed", 2]);
  });

  test("that does not count is bounded by maxDeferrals", async () => {
    const shop = new Workshop();
    shop.define(
      "t",
      () => {
        throw new RetryTask({ delay: 100, countAttempt: false });
      },
      { maxRetries: 0, maxDeferrals: 3 },
    );
    const id = await shop.enqueue("t");
    await shop.start();
    await shop.advance(1_000);
    const job = await shop.job(id);
    expect([job.status, job.reason, job.deferrals]).toEqual(["failed", "failed", 3]);
    expect(shop.began).toHaveLength(4);
  });
});

describe("RejectTask", () => {
  test("sends the job to the dead letters without another attempt", async () => {
    const shop = new Workshop();
    shop.define("t", () => {
      throw new RejectTask({ reason: "not mine" });
    });
    const id = await shop.enqueue("t");
    await shop.start();
    const job = await shop.job(id);
    expect([job.status, job.reason, job.error?.code]).toEqual([
      "failed",
      "rejected",
      "LEX_ERR_TASK_REJECTED",
    ]);
    expect(job.error?.message).toContain("not mine");
  });

  test("puts the job back after a second at least, and only as often as it has attempts", async () => {
    const shop = new Workshop();
    shop.define(
      "t",
      () => {
        throw new RejectTask({ requeue: true, delay: 1 });
      },
      { maxRetries: 2 },
    );
    const id = await shop.enqueue("t");
    await shop.start();
    await shop.advance(900);
    expect(shop.began).toHaveLength(1);
    await shop.advance(5_000);
    expect(shop.began).toHaveLength(3);
    expect((await shop.job(id)).reason).toBe("rejected");
  });
});

describe("DiscardTask", () => {
  test("ends the job as cancelled, without a dead letter, and leaves the reason", async () => {
    const shop = new Workshop();
    shop.listen();
    shop.define("t", () => {
      throw new DiscardTask({ reason: "obsolete" });
    });
    const id = await shop.enqueue("t");
    await shop.start();
    const job = await shop.job(id);
    expect([job.status, job.error?.code]).toEqual(["cancelled", "LEX_ERR_TASK_DISCARDED"]);
    expect(await shop.queue.deadLetters.size()).toBe(0);
    expect(shop.events("task.cancelled")[0]?.payload["reason"]).toBe("obsolete");
  });
});

describe("a retry inside the slot", () => {
  const options = {
    retry: { strategy: "fixed", baseDelay: 200, jitter: 0, inPlaceUpTo: 500 },
    maxRetries: 2,
  } as const;

  test("keeps the slot, stores nothing between, and counts its attempts", async () => {
    const shop = new Workshop();
    const attempts: number[] = [];
    shop.define(
      "t",
      (_input, { attempt }) => {
        attempts.push(attempt);
        if (attempt < 3) throw new Error("no");
        return attempt;
      },
      options,
    );
    shop.define("other", () => 0);
    const id = await shop.enqueue("t");
    const other = await shop.enqueue("other");
    await shop.start();
    expect([(await shop.job(id)).status, (await shop.job(other)).status]).toEqual(["running", "pending"]);
    await shop.advance(450);
    expect(attempts).toEqual([1, 2, 3]);
    expect((await shop.job(id)).status).toBe("completed");
    expect((await shop.job(other)).status).toBe("completed");
  });

  test("ends with the budget of attempts", async () => {
    const shop = new Workshop();
    shop.define("t", () => Promise.reject(new Error("no")), options);
    const id = await shop.enqueue("t");
    await shop.start();
    await shop.advance(1_000);
    expect(shop.began).toHaveLength(3);
    expect((await shop.job(id)).status).toBe("failed");
  });

  test("is not made when the wait is longer", async () => {
    const shop = new Workshop();
    shop.define("t", () => Promise.reject(new Error("no")), { retry: { ...options.retry, baseDelay: 600 } });
    const id = await shop.enqueue("t");
    await shop.start();
    expect((await shop.job(id)).status).toBe("retrying");
  });

  test("ends its wait at once when the job is cancelled", async () => {
    const shop = new Workshop();
    shop.define("t", () => Promise.reject(new Error("no")), {
      retry: { ...options.retry, baseDelay: "1h", inPlaceUpTo: "2h" },
    });
    const id = await shop.enqueue("t");
    await shop.start();
    await shop.queue.cancel(id);
    await shop.advance(5_100);
    expect((await shop.job(id)).status).toBe("cancelled");
  });

  test("is left to another process when the workers stop", async () => {
    const shop = new Workshop();
    shop.define("t", () => Promise.reject(new Error("no")), {
      retry: { ...options.retry, baseDelay: "1h", inPlaceUpTo: "2h" },
    });
    const id = await shop.enqueue("t");
    const pool = await shop.start();
    const stopped = pool.stop({ timeout: 100 });
    await shop.advance(200);
    await stopped;
    const job = await shop.job(id);
    expect([job.status, job.attempt]).toEqual(["pending", 0]);
    expect(shop.clock.pendingTimers).toBe(0);
  });
});

describe("a task without a handler", () => {
  test("is put off without using up attempts, so that a newer process may take it", async () => {
    const shop = new Workshop();
    const id = await shop.enqueue("newer", undefined, { policy: { maxRetries: 0 } });
    await shop.start();
    const job = await shop.job(id);
    expect([job.status, job.attempt, job.deferrals, job.error?.code]).toEqual([
      "scheduled",
      0,
      1,
      "LEX_ERR_TASK_NOT_FOUND",
    ]);
    shop.define("newer", () => "known now");
    await shop.advance(5_100);
    expect((await shop.job(id)).status).toBe("completed");
  });

  test("goes to the dead letters after the limit", async () => {
    const shop = new Workshop();
    const id = await shop.enqueue("nobody");
    await shop.start({ settings: { unknownTask: { policy: "retry", delayMs: 100, limit: 2 } } });
    await shop.advance(1_000);
    const job = await shop.job(id);
    expect([job.status, job.reason, job.deferrals]).toEqual(["failed", "unknown-task", 2]);
  });

  test("goes there at once when the settings say so, naming what is known", async () => {
    const shop = new Workshop();
    shop.define("known", () => 0);
    const id = await shop.enqueue("nobody");
    const settings = { unknownTask: { policy: "dead-letter", delayMs: 0, limit: 0 } } as const;
    await shop.start({ settings });
    expect((await shop.job(id)).reason).toBe("unknown-task");
  });
});

describe("a job that is completed before it runs", () => {
  test("is completed in the store before the handler begins, and never runs again", async () => {
    const shop = new Workshop();
    const seen: string[] = [];
    const gate = new Gate();
    shop.define(
      "once",
      async (_input, { job }) => {
        seen.push((await shop.job(job.id)).status);
        await gate.promise;
        throw new Error("too late");
      },
      { ackMode: "before" },
    );
    shop.listen();
    const id = await shop.enqueue("once");
    const pool = await shop.start();
    expect(seen).toEqual(["completed"]);
    expect(pool.getPoolStats().running).toBe(1);
    gate.open();
    await shop.settle();
    expect([(await shop.job(id)).status, (await shop.job(id)).result]).toEqual(["completed", undefined]);
    expect(shop.eventNames()).toEqual(["task.received", "task.started", "task.failed"]);
    expect(shop.logged("a job that was completed before it ran has failed")).toHaveLength(1);
    expect(pool.getPoolStats().running).toBe(0);
  });

  test("does not run when the store refuses the completion", async () => {
    const shop = new Workshop();
    shop.define("once", () => 0, { ackMode: "before" });
    const id = await shop.enqueue("once");
    let calls = 0;
    shop.onCall = async (name): Promise<FaultVerdict> => {
      // The second exchange carries the completion; meanwhile the job is taken away.
      if (name === "exchange" && ++calls === 2) await shop.queue.deleteJob(id);
      return "apply";
    };
    const pool = await shop.start();
    expect(shop.began).toEqual([]);
    expect(pool.getPoolStats().running).toBe(0);
  });

  test("still has its time limit", async () => {
    const shop = new Workshop();
    let reason: unknown;
    shop.define(
      "once",
      (_input, { signal }) =>
        new Promise((resolve) =>
          signal.addEventListener("abort", () => {
            reason = signal.reason;
            resolve(0);
          }),
        ),
      {
        ackMode: "before",
        timeout: "1s",
      },
    );
    await shop.enqueue("once");
    const pool = await shop.start();
    await shop.advance(1_100);
    expect((reason as Error).name).toBe("TaskTimeoutError");
    expect(pool.getPoolStats().running).toBe(0);
  });
});
