import { describe, expect, test } from "vitest";
import {
  at,
  CronExpression,
  every,
  JobTemplate,
  on,
  type ScheduleSettings,
  task,
  type When,
} from "../../src/index.ts";
import { z } from "zod";
import { Workshop } from "./workshop.ts";

// The clock stands at 2030-01-01T00:00:00Z, a Tuesday.
const report = task(
  { name: "report", input: z.object({ month: z.number() }), queue: "emails", priority: 10 },
  () => 1,
);

describe("a scheduler", () => {
  test("enqueues each occurrence when it is due, named after schedule and instant", async () => {
    const w = new Workshop();
    const scheduler = await w.started();
    expect(await scheduler.scheduleJob("clean", "0 * * * *", "hourly")).toBe("hourly");
    await w.clock.advance("59m");
    expect(await w.fired()).toEqual([]);
    await w.clock.advance("1m");
    expect(await w.jobs()).toMatchObject([
      {
        id: `hourly@${Date.UTC(2030, 0, 1, 1)}`,
        task: "clean",
        headers: { "schedule-id": "hourly", "planned-at": "2030-01-01T01:00:00.000Z" },
      },
    ]);
    await w.clock.advance("3h");
    expect(await w.fired()).toEqual([
      "hourly 01:00:00",
      "hourly 02:00:00",
      "hourly 03:00:00",
      "hourly 04:00:00",
    ]);
  });

  test.each<[When, string[]]>([
    [{ every: "90m" }, ["01:30:00", "03:00:00"]],
    [{ every: "25h", starting: new Date("2030-01-01T02:10:00Z") }, ["02:10:00"]],
    [at("02:00").and(on("tue")), ["02:00:00"]],
    [every("1h", { starting: "02:30" }), ["02:30:00"]],
    [at("04:00").in("Europe/Paris"), ["03:00:00"]],
    [new CronExpression("30 2 * * *"), ["02:30:00"]],
    ["0 30 2 * * *", ["02:30:00"]],
  ])("takes what says when: %j", async (when, times) => {
    const w = new Workshop();
    const scheduler = await w.started();
    await scheduler.scheduleJob("clean", when, "s");
    await w.clock.advance("3h29m");
    expect(await w.fired()).toEqual(times.map((time) => `s ${time}`));
  });

  test("is in its own zone where a schedule names none", async () => {
    const w = new Workshop();
    const scheduler = await w.started({ timezone: "Asia/Tokyo" });
    await scheduler.scheduleJob("clean", "0 12 * * *", "noon");
    expect((await scheduler.getScheduledJob("noon"))?.timezone).toBe("Asia/Tokyo");
    await w.clock.advance("3h");
    expect(await w.fired()).toEqual(["noon 03:00:00"]);
  });

  test("enqueues what is due at the time it is due, not with its next look", async () => {
    const w = new Workshop();
    const scheduler = await w.started({ checkInterval: "1h" });
    await scheduler.addEvery("7s", "ping", { id: "ping", starting: new Date("2030-01-01T00:00:03Z") });
    await w.clock.advance("17s");
    const jobs = await w.jobs();
    expect(jobs.map(({ createdAt }) => createdAt - Date.UTC(2030, 0, 1))).toEqual([3_000, 10_000, 17_000]);
  });

  test("schedules tasks with an input, several of them, with settings of their own", async () => {
    const w = new Workshop();
    const scheduler = await w.started();
    const settings: ScheduleSettings = { headers: { tenant: "a" }, maxRetries: 7 };
    await scheduler.addSchedule(at("01:00"), report.s({ month: 1 }), { id: "jan", ...settings });
    await scheduler.addSchedule(at("01:00"), report.s({ month: 2 }, { priority: 3 }), {
      id: "feb",
      queue: "default",
    });
    await w.clock.advance("1h");
    expect(await w.jobs(w.backend.queue("emails"))).toMatchObject([
      { id: expect.stringContaining("jan@"), priority: 10, headers: { tenant: "a" } },
    ]);
    const [feb] = await w.jobs();
    expect(feb).toMatchObject({ priority: 3, task: "report" });
    expect(JSON.parse(String(feb?.body.data))).toMatchObject({ input: { month: 2 } });
    const [jan] = await w.jobs(w.backend.queue("emails"));
    expect(JSON.parse(String(jan?.body.data))).toMatchObject({
      input: { month: 1 },
      policy: { maxRetries: 7 },
    });
  });

  test("schedules templates, and shows them again", async () => {
    const w = new Workshop();
    const scheduler = await w.started();
    const template = new JobTemplate({ name: "report", input: { month: 3 }, priority: 8, timeout: "9s" });
    const id = await scheduler.scheduleJob(template, "30 1 * * *");
    const job = await scheduler.getScheduledJob(id);
    expect(job).toMatchObject({
      id,
      task: "report",
      cronExpression: "30 1 * * *",
      enabled: true,
      declared: false,
    });
    expect(job?.jobTemplate).toEqual(template);
    expect(job?.nextRun?.toISOString()).toBe("2030-01-01T01:30:00.000Z");
    expect(job?.calculateNextRun(new Date("2030-05-05T05:05:00Z"))?.toISOString()).toBe(
      "2030-05-06T01:30:00.000Z",
    );
    expect((await scheduler.preview(id, 2)).map((date) => date.toISOString())).toEqual([
      "2030-01-01T01:30:00.000Z",
      "2030-01-02T01:30:00.000Z",
    ]);
  });

  test("keeps what was scheduled twice as one, and begins anew what says something else", async () => {
    const w = new Workshop();
    const scheduler = await w.started();
    const id = await scheduler.scheduleJob("clean", "0 1 * * *");
    expect(await scheduler.scheduleJob("clean", "0 1 * * *")).toBe(id);
    expect(await scheduler.scheduleJob("clean", "0 2 * * *")).not.toBe(id);
    await scheduler.scheduleJob("clean", "0 1 * * *", "named");
    await scheduler.disableJob("named");
    await w.clock.advance("3h");
    await scheduler.scheduleJob("clean", "0 * * * *", "named");
    expect(await scheduler.getScheduledJob("named")).toMatchObject({
      enabled: false,
      cronExpression: "0 * * * *",
    });
    await scheduler.enableJob("named");
    await w.clock.advance("1h");
    expect((await w.fired()).filter((fired) => fired.startsWith("named"))).toEqual(["named 04:00:00"]);
  });

  test("lists schedules and when they are next due", async () => {
    const w = new Workshop();
    const scheduler = await w.started();
    await scheduler.scheduleJob("b", "0 2 * * *", "b");
    await scheduler.scheduleJob("a", "0 1 * * *", "a");
    scheduler.scheduleJobSync("c", "0 3 * * *", "c");
    await scheduler.disableJob("b");
    expect((await scheduler.getScheduledJobs()).map(({ id, enabled }) => [id, enabled])).toEqual([
      ["a", true],
      ["b", false],
      ["c", true],
    ]);
    expect(await scheduler.getNextRunTimes()).toEqual({
      a: new Date("2030-01-01T01:00:00Z"),
      c: new Date("2030-01-01T03:00:00Z"),
    });
  });

  test("triggers a schedule now, beside its occurrences", async () => {
    const w = new Workshop();
    const scheduler = await w.started();
    await scheduler.scheduleJob(report.s({ month: 5 }), "0 1 * * *", { id: "r", queue: "default" });
    await scheduler.disableJob("r");
    const handle = await scheduler.trigger("r");
    expect(await handle.job()).toMatchObject({ task: "report", headers: { "schedule-id": "r" } });
    await scheduler.trigger("r");
    expect(await w.jobs()).toHaveLength(2);
    await scheduler.enableJob("r");
    await w.clock.advance("1h");
    expect(await w.jobs()).toHaveLength(3);
    await expect(scheduler.trigger("nobody")).rejects.toMatchObject({ code: "LEX_ERR_TASK_REGISTRATION" });
  });

  test("fires nothing while it is stopped, and stops at once", async () => {
    const w = new Workshop();
    const scheduler = await w.started({ checkInterval: "24h" });
    await scheduler.scheduleJob("clean", "0 * * * *", "hourly");
    await scheduler.stopScheduler();
    await scheduler.stopScheduler();
    expect(scheduler.running).toBe(false);
    await w.clock.advance("5h");
    expect(await w.fired()).toEqual([]);
    expect(w.clock.pendingTimers).toBe(0);
    await Promise.all([scheduler.startScheduler(), scheduler.startScheduler()]);
    await w.clock.settle();
    expect(await w.fired()).toEqual(["hourly 05:00:00"]);
  });

  test("refuses what cannot be scheduled", async () => {
    const scheduler = new Workshop().scheduler();
    const code = (job: unknown, when: unknown, settings?: unknown): Promise<unknown> =>
      scheduler.scheduleJob(job as string, when as string, settings as string).then(
        () => "taken",
        (error: { code?: string }) => error.code,
      );
    expect(await code("clean", "61 * * * *")).toBe("LEX_ERR_TASK_SCHEDULE_INVALID");
    expect(await code("clean", {})).toBe("LEX_ERR_TASK_CONFIG");
    expect(await code("clean", { every: "10ms" })).toBe("LEX_ERR_TASK_CONFIG");
    expect(await code("clean", { every: "1h", timezone: "UTC" })).toBe("LEX_ERR_TASK_CONFIG");
    expect(await code("clean", { cron: "@daily", every: "1h" })).toBe("LEX_ERR_TASK_CONFIG");
    expect(await code("clean", { cron: "@daily", starting: new Date() })).toBe("LEX_ERR_TASK_CONFIG");
    expect(await code("clean", { schedule: "09:00" })).toBe("LEX_ERR_TASK_SCHEDULE_INVALID");
    expect(await code("clean", at("09:00").and(at("10:00")))).toBe("LEX_ERR_TASK_SCHEDULE_INVALID");
    expect(await code("clean", "@daily", { id: "a b" })).toBe("LEX_ERR_TASK_CONFIG");
    expect(await code("clean", "@daily", { jiter: "1s" })).toBe("LEX_ERR_TASK_CONFIG");
    expect(await code("clean", "@daily", { overlap: "wait" })).toBe("LEX_ERR_TASK_CONFIG");
    expect(await code("clean", "@daily", { misfire: "often" })).toBe("LEX_ERR_TASK_CONFIG");
    expect(await code("clean", "@daily", { misfire: { run: "all", upTo: 0 } })).toBe("LEX_ERR_TASK_CONFIG");
    expect(await code(() => 1, "@daily")).toBe("LEX_ERR_TASK_VALIDATION");
    expect(await code(report.s({ month: 1 }, { delay: "1s" }), "@daily")).toBe("LEX_ERR_TASK_VALIDATION");
    expect(await code({ task: "clean", input: 1n }, "@daily")).toBe("LEX_ERR_TASK_VALIDATION");
    expect(() => scheduler.scheduleJobSync("clean", "@daily", "x")).not.toThrow();
    expect(() => scheduler.scheduleJobSync("other", "@daily", "x")).toThrow("two schedules");
    expect(await scheduler.getScheduledJobs()).toHaveLength(1);
  });

  test("refuses settings of its own that cannot be", () => {
    const w = new Workshop();
    expect(() => w.scheduler({ checkInterval: 0 })).toThrow("checkInterval");
    expect(() => w.scheduler({ timezone: "Europe/Pari" })).toThrow("time zone");
    expect(() => w.scheduler({ misfireWindow: "soon" as never })).toThrow("misfireWindow");
    expect(() => w.scheduler({ interval: 1 } as never)).toThrow('no option "interval"');
  });
});

describe("what was missed while nobody looked", () => {
  const missed = async (
    misfire: ScheduleSettings["misfire"],
    when: When = "0 * * * *",
  ): Promise<string[]> => {
    const w = new Workshop();
    const before = await w.started();
    await before.scheduleJob("clean", when, { id: "s", ...(misfire === undefined ? {} : { misfire }) });
    await before.stopScheduler();
    await w.clock.advance("5h30m");
    await w.started();
    await w.clock.settle();
    const late = await w.fired();
    await w.clock.advance("30m");
    // What is due after that is fired in any case.
    expect((await w.fired()).slice(late.length)).toEqual(["s 06:00:00"]);
    return [...late, ...w.skipped];
  };

  test("is made up for once, by the latest", async () => {
    expect(await missed(undefined)).toEqual(["s 05:00:00"]);
    expect(await missed("once")).toEqual(["s 05:00:00"]);
  });

  test("is left out", async () => {
    expect(await missed("skip")).toEqual(["s late 05:00:00"]);
  });

  test("is all made up for, or the latest of it, the oldest first", async () => {
    expect(await missed("all")).toEqual([
      "s 01:00:00",
      "s 02:00:00",
      "s 03:00:00",
      "s 04:00:00",
      "s 05:00:00",
    ]);
    expect(await missed({ run: "all", upTo: 2 })).toEqual(["s 04:00:00", "s 05:00:00"]);
  });

  test("is made up for within a window", async () => {
    expect(await missed({ run: "all", within: "2h" })).toEqual(["s 04:00:00", "s 05:00:00"]);
    expect(await missed({ run: "once", within: "20m" })).toEqual(["s late 05:00:00"]);
  });

  test("is in time while it is within the threshold", async () => {
    const w = new Workshop();
    const before = await w.started();
    await before.scheduleJob("clean", "0 * * * *", { id: "s", misfire: "skip" });
    await before.stopScheduler();
    await w.clock.advance(3_650_000);
    await w.started();
    await w.clock.settle();
    expect(await w.fired()).toEqual(["s 01:00:00"]);
  });

  test("costs nothing to pass over, however much it is", async () => {
    const w = new Workshop();
    const before = await w.started();
    await before.scheduleJob("tick", "* * * * * *", { id: "s", misfire: { run: "all", upTo: 3 } });
    await before.stopScheduler();
    await w.clock.advance("90d");
    const after = await w.started();
    await w.clock.settle();
    expect(await w.fired()).toHaveLength(3);
    await after.stopScheduler();
  });
});

describe("an occurrence whose predecessor is not over", () => {
  test("is enqueued beside it", async () => {
    const w = new Workshop();
    const scheduler = await w.started();
    await scheduler.scheduleJob("clean", "0 * * * *", "s");
    await w.clock.advance("2h");
    expect(await w.fired()).toEqual(["s 01:00:00", "s 02:00:00"]);
  });

  test("is left out", async () => {
    const w = new Workshop();
    const scheduler = await w.started();
    await scheduler.scheduleJob("clean", "0 * * * *", { id: "s", overlap: "skip" });
    await w.clock.advance("3h");
    expect(await w.fired()).toEqual(["s 01:00:00"]);
    expect(w.skipped).toEqual(["s overlap 02:00:00", "s overlap 03:00:00"]);
    expect(await w.work()).toBe(1);
    await w.clock.advance("1h");
    expect(await w.fired()).toContain("s 04:00:00");
  });

  test("cancels it", async () => {
    const w = new Workshop();
    const scheduler = await w.started();
    await scheduler.scheduleJob("clean", "0 * * * *", { id: "s", overlap: "cancel" });
    await w.clock.advance("2h");
    const jobs = await w.jobs();
    expect(jobs.map(({ id, status }) => [id.split("@")[0], status])).toEqual([
      ["s", "pending"],
      ["s", "cancelled"],
    ]);
    expect(jobs[0]?.headers["planned-at"]).toBe("2030-01-01T02:00:00.000Z");
  });
});

describe("jitter", () => {
  test("puts off each occurrence by a share that all schedulers agree on", async () => {
    const seen: (readonly (number | undefined)[])[] = [];
    for (let i = 0; i < 2; i++) {
      const w = new Workshop();
      const scheduler = await w.started();
      await scheduler.scheduleJob("clean", "0 * * * *", { id: "s", jitter: "10m" });
      await w.clock.advance("4h");
      const jobs = await w.jobs();
      seen.push(jobs.map(({ runAt, headers }) => (runAt ?? 0) - Date.parse(headers["planned-at"] as string)));
    }
    const [first, second] = seen;
    expect(first).toEqual(second);
    expect(new Set(first).size).toBe(4);
    for (const ms of first ?? []) {
      expect(ms).toBeGreaterThanOrEqual(0);
      expect(ms).toBeLessThan(600_000);
    }
  });
});
