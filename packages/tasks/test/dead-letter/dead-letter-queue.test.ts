import {
  JobNotFoundError,
  type NewJob,
  QueueNotFoundError,
  TaskConfigError,
  TaskValidationError,
  TransitionNotAllowedError,
} from "@lexigram/contracts";
import { beforeEach, describe, expect, test } from "vitest";
import { DeadLetterQueue, type DeadLetterQueueOptions } from "../../src/dead-letter/dead-letter-queue.ts";
import { FailureRecord } from "../../src/dead-letter/failure-record.ts";
import { ManualClock } from "../memory-state/manual-clock.ts";
import { ListedLetters } from "./listed-letters.ts";

let clock: ManualClock;
let mails: ListedLetters;
let reports: ListedLetters;
let dead: DeadLetterQueue;

const job = (id: string, task = "t"): NewJob => ({
  id,
  task,
  body: { data: "{}", encoding: "json" },
  headers: { tenant: "x" },
  priority: 5,
});

/** One failure in a millisecond of its own. */
async function fail(letters: ListedLetters, id: string, task = "t"): Promise<void> {
  clock.jump(1);
  await letters.add(job(id, task), { name: "E", message: "no" }, "failed");
}

beforeEach(() => {
  clock = new ManualClock();
  mails = new ListedLetters("mails", clock);
  reports = new ListedLetters("reports", clock);
  dead = new DeadLetterQueue([mails.queue, reports.queue]);
});

describe("add", () => {
  test("keeps the error, a traceback and what is noted beside the job", async () => {
    const metadata = { ticket: 7, tags: ["a"] };
    const result = await dead.add(job("j"), new TypeError("bad"), { traceback: "at x:1", metadata });
    expect(result).toEqual({ ok: true, value: "j" });
    const record = await dead.get("j");
    expect(record).toMatchObject({
      queue: "mails",
      error: { name: "TypeError", message: "bad" },
      traceback: "at x:1",
      reason: "manual",
      failedAt: clock.now(),
      attemptCount: 0,
      metadata,
    });
    expect(record?.job.headers["tenant"]).toBe("x");
    expect((await dead.stats()).added).toBe(1);
  });

  test("keeps the error's own stack when no traceback is given, and puts the job where it is told", async () => {
    const error = new Error("bad");
    await dead.add(job("j"), error, { queue: "reports", reason: "rejected" });
    expect((await dead.get("j"))?.traceback).toContain("bad");
    expect(reports.letters).toHaveLength(1);
    expect(reports.letters[0]?.reason).toBe("rejected");
  });

  test("refuses a queue that is not there, unknown options, and metadata that is no data or too much", async () => {
    await expect(dead.add(job("j"), "x", { queue: "nope" })).rejects.toBeInstanceOf(QueueNotFoundError);
    await expect(dead.add(job("j"), "x", { trace: 1 } as object)).rejects.toBeInstanceOf(TaskConfigError);
    for (const metadata of [{ n: 1n }, { text: "x".repeat(20_000) }])
      await expect(dead.add(job("j"), "x", { metadata })).rejects.toBeInstanceOf(TaskValidationError);
    expect(await dead.size()).toBe(0);
  });
});

describe("listing", () => {
  test("is newest first over all queues, page by page, each once", async () => {
    for (let i = 0; i < 30; i++) await fail(i % 3 === 0 ? mails : reports, `j${i}`);
    const expected = Array.from({ length: 30 }, (_, i) => `j${29 - i}`);
    const ids: string[] = [];
    let cursor: string | undefined;
    let pages = 0;
    do {
      const page = await dead.list({ limit: 7, ...(cursor === undefined ? {} : { cursor }) });
      expect(page.items.length).toBeLessThanOrEqual(7);
      ids.push(...page.items.map((record) => record.job.id));
      cursor = page.cursor;
      pages++;
    } while (cursor !== undefined);
    expect(ids).toEqual(expected);
    expect(pages).toBe(5);
    expect((await dead.listFailed()).map((record) => record.job.id)).toEqual(expected);
  });

  test("passes nothing over when entries go while a page is made", async () => {
    for (let i = 0; i < 9; i++) await fail(mails, `m${i}`);
    for (let i = 0; i < 3; i++) await fail(reports, `r${i}`);
    const list = mails.list.bind(mails);
    let calls = 0;
    mails.list = async (query) => {
      if (++calls === 2) await mails.remove("m8");
      return list(query);
    };
    const first = await dead.list({ limit: 5 });
    expect(first.items.map((record) => record.job.id)).toEqual(["r2", "r1", "r0", "m8", "m7"]);
    const rest = await dead.list({ cursor: first.cursor as string });
    expect(rest.items.map((record) => record.job.id)).toEqual(["m6", "m5", "m4", "m3", "m2", "m1", "m0"]);
  });

  test("shows 50 by default, of one task or of one queue when asked", async () => {
    for (let i = 0; i < 60; i++) await fail(mails, `m${i}`, i % 2 === 0 ? "even" : "odd");
    await fail(reports, "r");
    expect((await dead.list()).items).toHaveLength(50);
    expect((await dead.listFailed(3, "even")).map((record) => record.job.id)).toEqual(["m58", "m56", "m54"]);
    expect((await dead.list({ queue: "reports" })).items.map((record) => record.job.id)).toEqual(["r"]);
    await expect(dead.list({ cursor: "%%" })).rejects.toBeInstanceOf(TaskValidationError);
    await expect(dead.list({ tsk: "x" } as object)).rejects.toThrow(/tsk/);
  });
});

describe("retry", () => {
  test("moves the job back in the queue that holds it", async () => {
    await fail(reports, "j");
    expect(await dead.retry("j")).toEqual({ ok: true, value: "j" });
    expect(reports.pending).toEqual(["j"]);
    expect(mails.pending).toEqual([]);
    expect(await dead.size()).toBe(0);
  });

  test("tells a job that is nowhere from one that did not fail", async () => {
    const nowhere = await dead.retry("j");
    expect(nowhere).toMatchObject({
      ok: false,
      error: { fields: { queue: 'mails" or "reports', jobId: "j" } },
    });
    expect(nowhere.ok ? undefined : nowhere.error).toBeInstanceOf(JobNotFoundError);
    mails.healthy.add("j");
    const healthy = await dead.retry("j");
    expect(healthy.ok ? undefined : healthy.error).toBeInstanceOf(TransitionNotAllowedError);
  });

  test("of all moves those of a task, of a queue, or every one", async () => {
    await fail(mails, "a", "x");
    await fail(mails, "b", "y");
    await fail(reports, "c", "x");
    expect(await dead.retryAll({ task: "x", queue: "reports" })).toBe(1);
    expect(await dead.retryAll({ task: "y" })).toBe(1);
    expect(await dead.retryAll()).toBe(1);
    expect(mails.pending).toEqual(["b", "a"]);
  });
});

describe("removal", () => {
  test("takes one, wherever it is", async () => {
    await fail(reports, "j");
    expect(await dead.remove("j")).toBe(true);
    expect(await dead.remove("j")).toBe(false);
  });

  test("by age takes what is older than the retention, or than a given span, and 0 takes all", async () => {
    await fail(mails, "old");
    clock.jump(7 * 86_400_000);
    await fail(reports, "young");
    expect(await dead.purge()).toBe(1);
    expect(await dead.get("young")).toBeDefined();
    expect(await dead.purge("1h")).toBe(0);
    expect(await dead.purge(0)).toBe(1);
  });

  test("of all empties every queue", async () => {
    await fail(mails, "a");
    await fail(reports, "b");
    expect(await dead.clear()).toBe(2);
    expect(await dead.size()).toBe(0);
  });
});

describe("statistics", () => {
  test("are sums over the queues", async () => {
    await fail(mails, "a", "x");
    await fail(reports, "b", "x");
    await fail(reports, "c", "y");
    await fail(reports, "d", "y");
    await dead.retry("c");
    await dead.remove("d");
    const expected = { size: 2, maxSize: 20_000, added: 0, retried: 1, removed: 1, byTask: { x: 2 } };
    expect(await dead.stats()).toEqual(expected);
    expect(await dead.getStats()).toEqual(expected);
  });
});

describe("bounds", () => {
  test("are written into the policy of each queue, beside its other rules, once", async () => {
    await dead.enforce();
    const keepFailed = { ageMs: 604_800_000, count: 10_000 };
    expect(mails.policy).toEqual({ maxSize: 7, keepFailed });
    await dead.enforce();
    expect([mails.policiesSet, reports.policiesSet]).toEqual([1, 1]);
    await new DeadLetterQueue(mails.queue, { maxSize: 5, retention: "1h" }).enforce();
    expect(mails.policy.keepFailed).toEqual({ ageMs: 3_600_000, count: 5 });
  });

  test.each([{ maxSize: 0 }, { retention: "x" }, { retentionHours: 1 }])(
    "refuse the options %j",
    (options) => {
      expect(() => new DeadLetterQueue(mails.queue, options as DeadLetterQueueOptions)).toThrow(
        TaskConfigError,
      );
    },
  );

  test("refuse no queue and two of one name", () => {
    expect(() => new DeadLetterQueue([])).toThrow(TaskConfigError);
    expect(() => new DeadLetterQueue([mails.queue, mails.queue])).toThrow(TaskConfigError);
  });
});

describe("FailureRecord", () => {
  test("survives the way through JSON with every field, bytes too", async () => {
    await fail(mails, "j");
    const letter = mails.letters[0];
    if (letter === undefined) throw new Error("there is one");
    const full = FailureRecord.of("mails", {
      ...letter,
      job: {
        ...letter.job,
        body: { data: new Uint8Array([0, 255, 7]), encoding: "raw" },
        result: { data: "1", encoding: "json" },
        key: "k",
        headers: { "lex-correlation": "c" },
        dependsOn: ["a", "b"],
        replayOf: { id: "j", failedAt: 1, reason: "poison", attempt: 2 },
      },
    });
    expect(FailureRecord.fromJSON(JSON.parse(JSON.stringify(full)) as Record<string, unknown>)).toEqual(full);
  });

  test("shows no metadata where a header of that name holds something else", async () => {
    await fail(mails, "j");
    const [letter] = mails.letters;
    for (const text of ["{", "[1]", "7", "null"]) {
      const headers = { "lex-dead-letter-metadata": text };
      const record = FailureRecord.of("q", { ...letter!, job: { ...letter!.job, headers } });
      expect(record.metadata).toEqual({});
    }
  });
});
