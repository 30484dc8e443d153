import { describe, expect, test } from "vitest";
import { InMemorySchedulerStore, type SchedulerStore } from "../../src/index.ts";
import { planOf, type SchedulePlan } from "../../src/schedule/schedule-plan.ts";

const plan = (id: string, every: number): SchedulePlan =>
  planOf(
    { task: "clean", target: "clean", input: undefined, options: {}, declared: false },
    { id, every },
    { timezone: "UTC", misfireWindowMs: 1_000 },
    () => id,
  );

const standing = async (store: SchedulerStore): Promise<number | undefined> =>
  (await store.loadJob("s"))?.record.lastPlanned;

describe("a store of schedules", () => {
  test("moves a schedule on and never back, whoever comes late", async () => {
    const store = new InMemorySchedulerStore();
    await store.saveJob(plan("s", 1_000), 5_000);
    const early = await store.loadJob("s");
    if (early === undefined) throw new Error("it is not there");
    const job = { queue: "q", id: "s@7000" };
    expect((await store.updateNextRun(early, 7_000, job))?.record).toMatchObject({
      lastPlanned: 7_000,
      lastJob: job,
    });
    // As it was read before the other wrote.
    expect((await store.updateNextRun(early, 6_000))?.record).toMatchObject({
      lastPlanned: 7_000,
      lastJob: job,
    });
    expect((await store.updateNextRun(early, 7_000, { queue: "q", id: "another" }))?.record.lastJob).toEqual(
      job,
    );
    expect((await store.updateNextRun(early, 8_000))?.record.lastPlanned).toBe(8_000);
    expect(await standing(store)).toBe(8_000);
  });

  test("does not bring back what was deleted", async () => {
    const store = new InMemorySchedulerStore();
    await store.saveJob(plan("s", 1_000), 5_000);
    const before = await store.loadJob("s");
    if (before === undefined) throw new Error("it is not there");
    expect(await store.deleteJob("s")).toBe(true);
    expect(await store.updateNextRun(before, 6_000)).toBeUndefined();
    expect(await store.loadJobs()).toEqual([]);
    await store.saveJob(plan("s", 1_000), 9_000);
    expect((await store.updateNextRun(before, 6_000))?.record.lastPlanned).toBe(9_000);
  });

  test("lets neither another rule nor enabling take a schedule back", async () => {
    const store = new InMemorySchedulerStore();
    await store.saveJob(plan("s", 1_000), 5_000);
    expect(await store.saveJob(plan("s", 1_000), 9_000)).toBe(false);
    expect(await standing(store)).toBe(5_000);
    expect(await store.saveJob(plan("s", 2_000), 4_000)).toBe(true);
    expect(await standing(store)).toBe(5_000);
    await store.enableJob("s", false, 6_000);
    await store.enableJob("s", true, 3_000);
    expect(await standing(store)).toBe(5_000);
    await store.enableJob("s", true, 9_000);
    expect(await standing(store)).toBe(5_000);
  });

  test("has another revision after each change of what is scheduled, and after nothing else", async () => {
    const store = new InMemorySchedulerStore();
    const seen = [await store.revision()];
    const note = async (): Promise<void> => void seen.push(await store.revision());
    await store.saveJob(plan("s", 1_000), 5_000);
    await note();
    const schedule = await store.loadJob("s");
    if (schedule !== undefined) await store.updateNextRun(schedule, 6_000);
    await store.saveJob(plan("s", 1_000), 7_000);
    await note();
    await store.enableJob("s", false, 8_000);
    await note();
    await store.deleteJob("s");
    await store.deleteJob("s");
    await note();
    expect(new Set(seen).size).toBe(4);
    expect(seen[2]).toBe(seen[1]);
  });
});
