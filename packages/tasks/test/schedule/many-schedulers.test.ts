import { QueueUnavailableError, type StateStoreProtocol, TaskValidationError } from "@lexigram/contracts";
import { describe, expect, test } from "vitest";
import { gate, Workshop } from "./workshop.ts";

const HOURLY = "0 * * * *";

describe("many schedulers of one store", () => {
  test("fire each occurrence once, and all know what one of them was told", async () => {
    const w = new Workshop();
    const schedulers = await Promise.all(Array.from({ length: 5 }, () => w.started()));
    await schedulers[0]?.scheduleJob("clean", HOURLY, "s");
    await w.clock.advance("3h");
    expect(await w.fired()).toEqual(["s 01:00:00", "s 02:00:00", "s 03:00:00"]);
    expect(await schedulers[4]?.disableJob("s")).toBe(true);
    await w.clock.advance("3h");
    expect(await w.fired()).toHaveLength(3);
    await schedulers[1]?.enableJob("s");
    await w.clock.advance("1h");
    expect((await w.fired()).slice(3)).toEqual(["s 07:00:00"]);
    expect(await schedulers[2]?.unscheduleJob("s")).toBe(true);
    expect(await schedulers[2]?.unscheduleJob("s")).toBe(false);
    await w.clock.advance("2h");
    expect(await w.fired()).toHaveLength(4);
  });

  test("fire what is stored after those who stored it are gone", async () => {
    const w = new Workshop();
    const first = w.scheduler();
    await first.scheduleJob("clean", HOURLY, "s");
    const second = w.scheduler();
    expect(await second.restoreFromStore()).toBe(1);
    await second.startScheduler();
    await w.clock.advance("1h");
    expect(await w.fired()).toEqual(["s 01:00:00"]);
  });

  test("fire what stands in code only where that code runs", async () => {
    const w = new Workshop();
    const old = await w.started();
    old.scheduleJobSync("clean", HOURLY, "s");
    await w.clock.advance("1h");
    expect(await w.fired()).toEqual(["s 01:00:00"]);
    await old.stopScheduler();
    const other = await w.started();
    await w.clock.advance("2h");
    expect(await w.fired()).toHaveLength(1);
    expect(await other.getScheduledJobs()).toHaveLength(1);
    other.scheduleJobSync("clean", HOURLY, "s");
    await w.clock.settle();
    expect((await w.fired()).slice(1)).toEqual(["s 03:00:00"]);
    expect(other.unscheduleJobSync("s")).toBe(true);
    await w.clock.advance("2h");
    expect(await w.fired()).toHaveLength(2);
  });

  test("do not fire again what was unscheduled and scheduled anew", async () => {
    const w = new Workshop();
    const [first, second] = await Promise.all([w.started(), w.started()]);
    await first.scheduleJob("clean", HOURLY, "s");
    await w.clock.advance("1h");
    await second.unscheduleJob("s");
    await second.scheduleJob("clean", HOURLY, "s");
    await w.clock.advance("1h");
    expect(await w.fired()).toEqual(["s 01:00:00", "s 02:00:00"]);
  });
});

describe("a scheduler that is stopped in the middle", () => {
  /** What is read, and then a process that does not go on. */
  async function stopped(hours: number) {
    const w = new Workshop();
    await w.queue.setPolicy({ keepCompleted: 0 });
    const between = gate();
    const frozen = await w.started({
      frozen: true,
      queue: (queue) => ({
        async enqueueMany(jobs, options) {
          await between.pass();
          return queue.enqueueMany(jobs, options);
        },
      }),
    });
    const other = w.scheduler();
    await other.scheduleJob("clean", HOURLY, { id: "s", misfire: { run: "once", within: "1h" } });
    const moving = w.clock.advance("1h");
    await between.reached;
    await moving;
    await other.startScheduler();
    await w.clock.settle();
    expect(await w.fired()).toEqual(["s 01:00:00"]);
    expect(await w.work()).toBe(1);
    // Its job has run and is forgotten.
    expect(await w.fired()).toEqual([]);
    await other.disableJob("s");
    await w.clock.advance(hours * 3_600_000);
    between.open();
    await w.clock.settle();
    await frozen.stopScheduler();
    return w;
  }

  test("between read and enqueue for longer than its job is kept makes no second one", async () => {
    const w = await stopped(1);
    expect(await w.fired()).toEqual([]);
  });

  test("between read and the last look reads again, however long it was", async () => {
    const w = new Workshop();
    await w.queue.setPolicy({ keepCompleted: 0 });
    const between = gate();
    let frozenReads = 0;
    const frozen = await w.started({
      frozen: true,
      queue: (queue) => ({
        // Asked for the job before, as overlap says.
        async results(ids) {
          frozenReads++;
          await between.pass();
          return queue.results(ids);
        },
        async getJob(id) {
          frozenReads++;
          await between.pass();
          return queue.getJob(id);
        },
      }),
    });
    await frozen.scheduleJob("clean", HOURLY, { id: "s", overlap: "skip" });
    await w.clock.advance("1h");
    await w.work();
    const moving = w.clock.advance("1h");
    await between.reached;
    await moving;
    expect(frozenReads).toBeGreaterThan(0);
    const other = await w.started({ checkInterval: null });
    await w.clock.settle();
    expect(await w.work()).toBe(1);
    await other.disableJob("s");
    // Longer than any key is held.
    await w.clock.advance("30d");
    between.open();
    await w.clock.settle();
    expect(await w.fired()).toEqual([]);
  });

  test.each<
    [string, (state: StateStoreProtocol, dies: () => Promise<never>) => Partial<StateStoreProtocol>, number]
  >([
    [
      "after it read",
      (state, dies) => ({
        get: async (key) =>
          (await state.get(key)) && key.startsWith("schedules:") ? dies() : state.get(key),
      }),
      0,
    ],
    ["after it enqueued", (_state, dies) => ({ put: dies }), 1],
    ["after it moved on", (state, dies) => ({ put: async (...args) => state.put(...args).then(dies) }), 1],
  ])("%s leaves the rest to the others", async (_when, state, firedBefore) => {
    const w = new Workshop();
    const setup = w.scheduler();
    await setup.scheduleJob("clean", HOURLY, "s");
    let died = 0;
    await w.started({
      state: (inner) =>
        state(inner, async () => {
          died++;
          throw new QueueUnavailableError({ queue: "main", retryable: true, accepted: "unknown", ids: [] });
        }),
    });
    await w.clock.advance("1h");
    expect(died).toBeGreaterThan(0);
    expect(await w.fired()).toHaveLength(firedBefore);
    await w.started();
    await w.clock.advance("1h");
    expect(await w.fired()).toEqual(["s 01:00:00", "s 02:00:00"]);
  });
});

describe("a schedule", () => {
  test("is left to those who have its queue", async () => {
    const w = new Workshop();
    const without = await w.started({ without: "emails" });
    const with_ = w.scheduler();
    await with_.scheduleJob("clean", HOURLY, { id: "s", queue: "emails" });
    await w.clock.advance("2h");
    expect(w.logger.lines).toEqual([]);
    await with_.startScheduler();
    await w.clock.settle();
    expect(await w.fired(w.backend.queue("emails"))).toEqual(["s 02:00:00"]);
    await expect(without.scheduleJob("clean", HOURLY, { queue: "emails" })).rejects.toMatchObject({
      code: "LEX_ERR_TASK_QUEUE_NOT_FOUND",
    });
  });

  test.each([
    [{ overlap: "skip" }, { lookup: false }, "lookup"],
    [{ overlap: "cancel" }, { cancel: false }, "cancel"],
    [{ jitter: "1m" }, { delay: false }, "delay"],
  ] as const)("is refused where its queue cannot do it: %j", async (settings, lacks, capability) => {
    const w = new Workshop();
    const scheduler = w.scheduler({
      queue: (queue) => ({ capabilities: { ...queue.capabilities, ...lacks } }),
    });
    await expect(scheduler.scheduleJob("clean", HOURLY, settings)).rejects.toMatchObject({
      code: "LEX_ERR_TASK_UNSUPPORTED",
      fields: { capability },
    });
    expect(await scheduler.scheduleJob("clean", HOURLY)).toMatch(/^clean~/);
  });
});

describe("an occurrence", () => {
  test("that could not be enqueued is enqueued as soon as it can be", async () => {
    const w = new Workshop();
    let away = true;
    const scheduler = await w.started({
      queue: (queue) => ({
        enqueueMany: (jobs, options) =>
          away
            ? Promise.reject(
                new QueueUnavailableError({ queue: "main", retryable: false, accepted: "no", ids: [] }),
              )
            : queue.enqueueMany(jobs, options),
      }),
    });
    await scheduler.scheduleJob("clean", HOURLY, "s");
    await w.clock.advance("1h1m");
    expect(await w.fired()).toEqual([]);
    expect(w.logger.lines).toContainEqual(expect.objectContaining({ level: "error" }));
    away = false;
    await w.clock.advance("15s");
    expect(await w.fired()).toEqual(["s 01:00:00"]);
  });

  test("waits for room in a full queue", async () => {
    const w = new Workshop();
    await w.queue.setPolicy({ maxSize: 1 });
    const scheduler = await w.started();
    await scheduler.scheduleJob("clean", HOURLY, { id: "s", misfire: "all" });
    await w.clock.advance("2h10m");
    expect(await w.fired()).toEqual(["s 01:00:00"]);
    await w.work();
    await w.clock.advance("10s");
    expect(await w.fired()).toContain("s 02:00:00");
  });

  test("that its queue refuses for what it is is left out, and said", async () => {
    const w = new Workshop();
    const scheduler = await w.started({
      queue: (queue) => ({
        enqueueMany: async (jobs) => {
          await queue.getTaskCount();
          return jobs.map(() => ({
            ok: false,
            error: new TaskValidationError({ subject: "job", issues: [] }),
          }));
        },
      }),
    });
    await scheduler.scheduleJob("clean", HOURLY, "s");
    await w.clock.advance("2h");
    expect(w.skipped).toEqual(["s refused 01:00:00", "s refused 02:00:00"]);
  });

  test("has one job in a queue that cannot tell jobs apart", async () => {
    const w = new Workshop();
    const keys: unknown[] = [];
    const parts = {
      queue: (queue: Workshop["queue"]): Partial<Workshop["queue"]> => ({
        capabilities: { ...queue.capabilities, unique: false },
        async enqueueMany(jobs, options) {
          keys.push(...jobs.map(({ unique }) => unique));
          return queue.enqueueMany(
            jobs.map((job, i) => ({ ...job, id: `${job.id}.${keys.length + i}` })),
            options,
          );
        },
      }),
    };
    const schedulers = await Promise.all(Array.from({ length: 4 }, () => w.started(parts)));
    await schedulers[0]?.scheduleJob("clean", HOURLY, "s");
    await w.clock.advance("2h30m");
    expect(await w.fired()).toEqual(["s 01:00:00", "s 02:00:00"]);
    expect(keys).toEqual([undefined, undefined]);
  });

  test("is looked for again when the store was away", async () => {
    const w = new Workshop();
    let away = false;
    const scheduler = await w.started({
      state: (state) => ({
        get: (key) => (away ? Promise.reject(new Error("away")) : state.get(key)),
      }),
    });
    await scheduler.scheduleJob("clean", HOURLY, "s");
    away = true;
    await w.clock.advance(3_630_000);
    expect(await w.fired()).toEqual([]);
    away = false;
    await w.clock.advance("1s");
    expect(await w.fired()).toEqual(["s 01:00:00"]);
  });

  test("does not run with a store that is away from the start", async () => {
    const w = new Workshop();
    const scheduler = w.scheduler({ state: () => ({ get: () => Promise.reject(new Error("away")) }) });
    await expect(scheduler.startScheduler()).rejects.toThrow("away");
    expect(scheduler.running).toBe(false);
    expect(w.clock.pendingTimers).toBe(0);
  });
});
