import { ScheduleInvalidError, silentLogger, type TaskBackend } from "@lexigram/contracts";
import { Application, inject, injectable, provide } from "@lexigram/kernel";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import {
  at,
  memoryBackend,
  Priority,
  scheduled,
  task,
  TaskDispatcher,
  type TaskContext,
  TaskProvider,
  TaskScheduler,
  TasksModule,
  type TasksOptions,
} from "../../src/index.ts";
import { createTestApp, TestClock } from "../../src/testing.ts";
import { overlaid } from "./workshop.ts";

const ran: string[] = [];

class Notes {
  add(note: string): void {
    ran.push(note);
  }
}

@injectable()
class ReportTasks {
  constructor(@inject(Notes) private readonly notes: Notes) {}

  @scheduled({ cron: "0 9 * * *", timezone: "Europe/Paris", name: "report.daily", priority: Priority.HIGH })
  async daily(ctx: TaskContext): Promise<void> {
    this.notes.add(`daily ${ctx.headers["planned-at"] ?? "by hand"}`);
  }

  @scheduled({ every: "6h", id: "often" })
  often(): void {
    this.notes.add("often");
  }
}

const cleaned = scheduled(
  { name: "clean", schedule: at("02:00"), maxRetries: 1 },
  () => void ran.push("clean"),
);
const send = task(
  { name: "send", input: z.object({ to: z.string() }) },
  ({ to }) => void ran.push(`send ${to}`),
);

describe("@scheduled", () => {
  test("enqueues a method by its schedule, and leaves it a task like any other", async () => {
    ran.length = 0;
    await using t = await createTestApp({ tasks: [ReportTasks], providers: [Notes] });
    await t.clock.advance("24h");
    expect(t.enqueued().map(({ task: name }) => name)).toEqual([
      "ReportTasks.often",
      "report.daily",
      "ReportTasks.often",
      "ReportTasks.often",
      "ReportTasks.often",
    ]);
    expect(t.expectEnqueued("report.daily", undefined, { priority: 10, count: 1 })).toHaveLength(1);
    await t.tasks.of(ReportTasks).daily();
    expect(await t.drain()).toMatchObject({ completed: 6, failed: 0 });
    expect(ran.filter((note) => note.startsWith("daily"))).toEqual([
      "daily 2030-01-01T08:00:00.000Z",
      "daily by hand",
    ]);
    expect(
      (await t.app.get(TaskScheduler).getScheduledJobs()).map(({ id, timezone }) => [id, timezone]),
    ).toEqual([
      ["often", undefined],
      ["report.daily", "Europe/Paris"],
    ]);
  });

  test("follows delays without end only as long as something waits", async () => {
    await using t = await createTestApp({ tasks: [ReportTasks, send], providers: [Notes] });
    await t.tasks.enqueue(send, { to: "ada" }, { delay: "13h" });
    const report = await t.drain({ followDelays: true });
    expect(report.completed).toBeGreaterThanOrEqual(3);
    expect(report.left).toEqual({ pending: 0, scheduled: 0, waiting: 0 });
  });

  test("makes a definition of a function", async () => {
    ran.length = 0;
    await using t = await createTestApp({ tasks: [cleaned], mode: "workers" });
    await t.clock.advance("2h");
    expect(ran).toEqual(["clean"]);
    await cleaned();
    expect(ran).toEqual(["clean", "clean"]);
  });

  test("runs its jobs at once in inline mode", async () => {
    ran.length = 0;
    await using t = await createTestApp({ tasks: [cleaned], mode: "inline" });
    await t.clock.advance("2h");
    expect(ran).toEqual(["clean"]);
  });

  test("stands above a task, or another schedule, and adds to it", async () => {
    class Twice {
      @scheduled({ cron: "0 18 * * *" })
      @scheduled({ cron: "0 6 * * *", name: "twice", timeout: "9s" })
      go(): void {}

      @scheduled({ every: "8h", id: "third" })
      @task({ name: "thrice" })
      again(): void {}
    }
    await using t = await createTestApp({ tasks: [Twice] });
    await t.clock.advance("24h");
    expect(
      (await t.app.get(TaskScheduler).getScheduledJobs()).map(({ id, task: name }) => [id, name]),
    ).toEqual([
      ["third", "thrice"],
      ["twice", "twice"],
      ["twice#2", "twice"],
    ]);
    expect(t.enqueued("twice")).toHaveLength(2);
    expect(t.enqueued("thrice")).toHaveLength(3);
  });

  test("is inherited, under the names of the class that is listed", async () => {
    class Base {
      @scheduled({ every: "1h" })
      go(): void {}
    }
    class Child extends Base {}
    await using t = await createTestApp({ tasks: [Child] });
    await t.clock.advance("1h");
    expect(t.enqueued().map(({ task: name }) => name)).toEqual(["Child.go"]);
  });

  test("is refused where the class is defined", () => {
    const define = (options: object) => () => {
      class Refused {
        @scheduled(options as never)
        go(): void {}
      }
      return Refused;
    };
    expect(define({ cron: "0 25 * * *" })).toThrow(ScheduleInvalidError);
    expect(define({})).toThrow("does not say when");
    expect(define({ cron: "@daily", every: "1h" })).toThrow("in two ways");
    expect(define({ cron: "@daily", timout: "9s" })).toThrow('no option "timout"');
    expect(define({ cron: "@daily", input: z.string() })).toThrow('no option "input"');
    const twice = (): unknown => {
      class Refused {
        @scheduled({ cron: "@daily", timeout: "1s" })
        @task({ name: "x" })
        go(): void {}
      }
      return Refused;
    };
    expect(twice).toThrow("timeout of @scheduled has no effect");
  });
});

async function booted(
  options: TasksOptions,
  clock = new TestClock(),
  ...listed: readonly (typeof send | typeof cleaned)[]
) {
  return Application.boot({
    modules: [
      TasksModule.configure({ config: { scheduler: { checkInterval: "30m" } }, ...options }),
      TasksModule.scope(...listed),
    ],
    providers: [provide(Notes, { useValue: new Notes() })],
    configFile: false,
    env: {},
    clock,
    logger: silentLogger,
  });
}

/** Backends over one store, as processes have them. */
function shared(clock: TestClock): () => TaskBackend {
  const backend = memoryBackend({ clock });
  return () => ({ ...backend, close: async () => {} });
}

describe("configure({ schedules })", () => {
  test("schedules tasks with one payload or several", async () => {
    await using t = await createTestApp({
      modules: [
        TasksModule.configure({
          schedules: [
            { task: send, input: { to: "ada" }, cron: "0 1 * * *" },
            {
              task: "send",
              id: "more",
              headers: { tenant: "a" },
              schedules: [
                ["0 2 * * *", { to: "alan" }],
                [at("03:00"), { to: "grace" }],
              ],
            },
          ],
        }),
      ],
      tasks: [send],
    });
    await t.clock.advance("3h");
    expect(t.enqueued().map(({ input, id }) => [id.split("@")[0], input])).toEqual([
      ["send", { to: "ada" }],
      ["more", { to: "alan" }],
      ["more#2", { to: "grace" }],
    ]);
    expect(t.expectEnqueued(send, { to: "grace" })[0]?.headers).toMatchObject({ tenant: "a" });
  });

  test("is refused where it is written", () => {
    const configure =
      (...schedules: object[]) =>
      () =>
        TasksModule.configure({ schedules: schedules as never });
    expect(configure({ task: send, cron: "0 25 * * *" })).toThrow(ScheduleInvalidError);
    expect(configure({ task: send, schedules: [], cron: "@daily" })).toThrow("in two ways");
    expect(configure({ task: send.s({ to: "a" }), input: {}, cron: "@daily" })).toThrow("beside");
    expect(configure({ task: send, cron: "@daily", inputs: [] })).toThrow('no option "inputs"');
    expect(() => TasksModule.configure({ schedules: {} as never })).toThrow("must be an array");
  });

  test("refuses to boot for a task without handler, unless the process only enqueues", async () => {
    const schedules = [{ task: "send", input: { to: "ada" }, cron: "0 1 * * *" }] as const;
    await expect(booted({ schedules })).rejects.toThrow('"send" is scheduled and has no handler');
    await using app = await booted({ schedules, workerCount: 0 });
    expect(app.get(TaskScheduler).running).toBe(true);
  });

  test("stores nothing of it when one is refused", async () => {
    const clock = new TestClock();
    const open = shared(clock);
    const same = { task: send, id: "same", input: { to: "ada" }, cron: "0 1 * * *" } as const;
    await expect(booted({ queue: open(), schedules: [same, same] }, clock, send)).rejects.toThrow(
      "two schedules",
    );
    await using app = await booted({ queue: open() }, clock);
    expect(await app.get(TaskScheduler).getScheduledJobs()).toEqual([]);
  });
});

describe("an application", () => {
  test("fires as long as it runs, with others, each occurrence once", async () => {
    const clock = new TestClock();
    const open = shared(clock);
    ran.length = 0;
    const apps = [
      await booted({ queue: open() }, clock, cleaned),
      await booted({ queue: open() }, clock, cleaned),
    ];
    await clock.advance("26h");
    expect(ran).toEqual(["clean", "clean"]);
    for (const app of apps) await app.close();
    await clock.advance("48h");
    expect(ran).toEqual(["clean", "clean"]);
    expect(clock.pendingTimers).toBe(0);
    await using _again = await booted({ queue: open() }, clock, cleaned);
    await clock.advance("1s");
    // Two nights were missed, and the latest is made up for.
    expect(ran).toHaveLength(3);
  });

  test("fires nothing when it is told so, and may still schedule for others", async () => {
    const clock = new TestClock();
    const open = shared(clock);
    await using quiet = await booted(
      { queue: open(), enableScheduler: false, workerCount: 0 },
      clock,
      cleaned,
    );
    expect(quiet.get(TaskScheduler).running).toBe(false);
    await quiet.get(TaskProvider).scheduleJob("clean", "0 1 * * *", "one");
    await clock.advance("5h");
    await using loud = await booted({ queue: open() }, clock, cleaned);
    await clock.settle();
    expect(await loud.get(TaskProvider).getScheduledJobs()).toMatchObject([{ id: "clean" }, { id: "one" }]);
    expect(await loud.get(TaskProvider).unscheduleJob("one")).toBe(true);
    await using _eager = await booted({ eager: true }, clock, cleaned);
    expect(_eager.get(TaskScheduler).running).toBe(false);
  });

  test("starts without its store, and fires as soon as that is back", async () => {
    const clock = new TestClock();
    const backend = memoryBackend({ clock });
    const state = backend.state as NonNullable<TaskBackend["state"]>;
    let away = true;
    const queue: TaskBackend = {
      ...backend,
      queue: (name, given) => backend.queue(name, given),
      state: overlaid(state, { get: (key) => (away ? Promise.reject(new Error("away")) : state.get(key)) }),
    };
    await using app = await booted({ queue }, clock);
    await clock.advance("5s");
    expect(app.get(TaskScheduler).running).toBe(false);
    away = false;
    await clock.advance("1s");
    expect(app.get(TaskScheduler).running).toBe(true);
  });

  test("takes scheduled tasks one by one, whole or not at all", async () => {
    const clock = new TestClock();
    const provider = new TaskProvider();
    const one = scheduled({ name: "one", cron: "0 1 * * *" }, () => void ran.push("one"));
    const two = scheduled({ name: "two", cron: "0 2 * * *", id: "one" }, () => void ran.push("two"));
    const three = scheduled({ name: "three", cron: "0 3 * * *" }, () => void ran.push("three"));
    provider.registerScheduledTask(one);
    expect(() => provider.registerScheduledTask(send as never)).toThrow("needs a task with a schedule");
    await expect(provider.scheduleJob("one", "@daily")).rejects.toThrow("needs a running application");
    await using app = await Application.boot({
      providers: [provider],
      configFile: false,
      env: {},
      clock,
      logger: silentLogger,
    });
    expect(() => provider.registerScheduledTask(two)).toThrow("two schedules");
    expect(provider.handlers.lookup("two")).toBeUndefined();
    provider.registerScheduledTask(three);
    ran.length = 0;
    await clock.advance("4h");
    expect(ran).toEqual(["one", "three"]);
    expect(app.get(TaskDispatcher)).toBeDefined();
  });
});
