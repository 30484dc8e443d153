import { aJob, anError } from "@lexigram/conformance";
import type { Delivery, NewJob } from "@lexigram/contracts";
import { describe, expect, test, vi } from "vitest";
import { type WorkedQueue, workedQueue } from "./worked-queue.ts";

vi.setConfig({ testTimeout: 120_000 });

/** Puts jobs into the dead letters, one after the other. */
async function dead({ put, claim, settle }: WorkedQueue, ...given: Partial<NewJob>[]): Promise<string[]> {
  const ids: string[] = [];
  for (const job of given) {
    ids.push(...(await put(job)));
    const [delivery] = (await claim(1)) as [Delivery];
    await settle({ receipt: delivery.receipt, kind: "fail", error: anError(`of ${delivery.job.task}`) });
  }
  return ids;
}

describe.each(["quorum", "classic"] as const)("dead letters of a %s queue", (type) => {
  test("are listed newest first, page by page, also of one task, however often one looks", async () => {
    const worked = await workedQueue({ type });
    const letters = worked.queue.deadLetters;
    const ids = await dead(worked, ...["a", "b", "a", "b", "a"].map((task) => ({ task })));
    for (let looks = 0; looks < 3; looks++) {
      const first = await letters.list({ limit: 3 });
      expect(first.items.map(({ job }) => job.id)).toEqual(ids.toReversed().slice(0, 3));
      const rest = await letters.list({ limit: 3, cursor: first.cursor! });
      expect(rest.items.map(({ job }) => job.id)).toEqual(ids.toReversed().slice(3));
      expect(rest.cursor).toBeUndefined();
    }
    const ofB = await letters.list({ task: "b" });
    expect(ofB.items.map(({ job }) => job.id)).toEqual([ids[3], ids[1]]);
    await expect(letters.list({ cursor: "x" })).rejects.toMatchObject({
      fields: { issues: [{ path: "cursor" }] },
    });
  });

  test("tell what happened, and of nobody else anything", async () => {
    const worked = await workedQueue({ type });
    const { put, claim, settle, queue } = worked;
    await put({ task: "a", key: "k", headers: { h: "1" } });
    const [first] = (await claim(1)) as [Delivery];
    const { receipt } = first;
    await settle({ receipt, kind: "retry", delayMs: 0, countAttempt: true, error: anError() });
    const [second] = (await claim(1)) as [Delivery];
    const error = { name: "RangeError", message: "too far", code: "E_FAR" };
    await settle({ receipt: second.receipt, kind: "fail", error, reason: "rejected" });
    const letter = await queue.deadLetters.get(first.job.id);
    expect(letter).toMatchObject({
      error,
      reason: "rejected",
      job: {
        id: first.job.id,
        status: "failed",
        task: "a",
        key: "k",
        attempt: 2,
        redrives: 0,
        reason: "rejected",
        error,
      },
    });
    expect(letter?.failedAt).toBe(letter?.job.finishedAt);
    expect(await queue.deadLetters.get("nobody")).toBeUndefined();
  });

  test("are redriven to the tail of their line, with a new budget and a link to their failure", async () => {
    const worked = await workedQueue({ type });
    const { put, claim, queue } = worked;
    const [id] = (await dead(worked, {})) as [string];
    const failedAt = (await queue.deadLetters.get(id))?.failedAt;
    const [other] = await put({});
    expect(await queue.deadLetters.retry(id)).toEqual({ ok: true, value: id });
    expect(await queue.deadLetters.retry("nobody")).toMatchObject({
      ok: false,
      error: { code: "LEX_ERR_TASK_JOB_NOT_FOUND" },
    });
    const deliveries = await claim(5);
    expect(deliveries.map(({ job, attempt }) => [job.id, attempt])).toEqual([
      [other, 1],
      [id, 1],
    ]);
    const [, again] = deliveries as [Delivery, Delivery];
    await worked.settle({ receipt: again.receipt, kind: "fail", error: anError("again") });
    expect(await queue.deadLetters.get(id)).toMatchObject({
      job: { redrives: 1, replayOf: { id, failedAt, reason: "failed", attempt: 1 } },
    });
  });

  test("are redriven all, oldest first, or those of a task", async () => {
    const worked = await workedQueue({ type });
    const letters = worked.queue.deadLetters;
    const ids = await dead(worked, ...["a", "b", "a", "b"].map((task) => ({ task })));
    expect(await letters.retryAll({ task: "b" })).toBe(2);
    expect((await worked.claim(5)).map(({ job }) => job.id)).toEqual([ids[1], ids[3]]);
    expect(await letters.retryAll()).toBe(2);
    expect((await worked.claim(5)).map(({ job }) => job.id)).toEqual([ids[0], ids[2]]);
    expect(await letters.retryAll()).toBe(0);
  });

  test("are added, removed, purged by age, cleared and counted", async () => {
    const worked = await workedQueue({ type });
    const letters = worked.queue.deadLetters;
    const [a, b, c] = await dead(worked, { task: "a" }, { task: "b" }, { task: "b" });
    expect(await letters.remove(a!)).toBe(true);
    expect(await letters.remove(a!)).toBe(false);
    await letters.retry(b!);
    expect(await letters.stats()).toEqual({
      size: 1,
      maxSize: 10_000,
      retried: 1,
      removed: 1,
      byTask: { b: 1 },
    });
    expect((await worked.queue.stats()).counts.failed).toBe(1);
    expect(await letters.purge(60_000)).toBe(0);
    expect(await letters.purge(0)).toBe(1);
    expect(await letters.get(c!)).toBeUndefined();
    expect(await letters.add(aJob({ id: "by hand" }), anError("broken"))).toEqual({
      ok: true,
      value: "by hand",
    });
    expect(await letters.get("by hand")).toMatchObject({ reason: "manual", error: { message: "broken" } });
    expect(await letters.clear()).toBe(1);
    expect(await letters.size()).toBe(0);
  });

  test("are bounded, the oldest dropped first", async () => {
    const worked = await workedQueue({ type, rules: { keepFailed: { ageMs: 600_000, count: 2 } } });
    const ids = await dead(worked, {}, {}, {}, {});
    const { items } = await worked.queue.deadLetters.list();
    expect(items.map(({ job }) => job.id)).toEqual([ids[3], ids[2]]);
  });
});
