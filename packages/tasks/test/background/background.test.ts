import { silentLogger, TaskConfigError } from "@lexigram/contracts";
import { Application } from "@lexigram/kernel";
import { describe, expect, test } from "vitest";
import {
  BackgroundTaskManager,
  delay,
  OnErrorPolicy,
  ScheduledWorker,
  type ScheduledWorkerOptions,
  TasksModule,
} from "../../src/index.ts";
import { TestClock } from "../../src/testing.ts";
import { RecordingLogger } from "../dispatch/producer.ts";
import { gate } from "../schedule/workshop.ts";

const aborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(new Error("stopped"))));

function bench() {
  const clock = new TestClock();
  const logger = new RecordingLogger();
  const manager = new BackgroundTaskManager({ clock, logger });
  return { clock, logger, manager };
}

describe("a manager of background tasks", () => {
  test("follows promises and functions to their end", async () => {
    const { manager } = bench();
    const open = gate();
    const first = manager.track(Promise.resolve(1));
    const second = manager.trackNamed("second", () => open.pass().then(() => "two"));
    expect(manager.pendingCount).toBe(2);
    expect(await first.result).toBe(1);
    expect([first.isDone, second.isDone, second.name]).toEqual([true, false, "second"]);
    open.open();
    expect(await second.result).toBe("two");
    expect(manager.pendingCount).toBe(0);
  });

  test("logs failures, and needs nobody to wait for them", async () => {
    const { manager, logger, clock } = bench();
    manager.trackNamed("bad", async () => {
      throw new Error("no luck");
    });
    manager.track(Promise.reject(new Error("worse")));
    await clock.settle();
    expect(logger.lines.map(({ level, fields }) => [level, fields?.["task"]])).toEqual([
      ["error", "bad"],
      ["error", "background task"],
    ]);
    expect(manager.pendingCount).toBe(0);
  });

  test("cancels one, which is no failure", async () => {
    const { manager, logger } = bench();
    const task = manager.track(aborted);
    task.cancel();
    await expect(task.result).rejects.toThrow("stopped");
    expect(logger.lines.map(({ level }) => level)).toEqual(["debug"]);
  });

  test("shuts down: cancels all, waits, and names who goes on", async () => {
    const { manager, logger, clock } = bench();
    manager.trackNamed("obedient", aborted);
    manager.trackNamed("deaf", () => new Promise<never>(() => {}));
    let left: readonly string[] | undefined;
    void manager.shutdown("5s").then((names) => (left = names));
    await clock.advance(4_999);
    expect(left).toBeUndefined();
    await clock.advance(1);
    expect(left).toEqual(["deaf"]);
    expect(logger.lines.at(-1)).toMatchObject({ level: "warn", fields: { tasks: ["deaf"] } });
    expect(await manager.shutdown()).toEqual(["deaf"]);
    expect(() => manager.track(Promise.resolve())).toThrow("closed");
  });

  test("is the application's own, and ends with it", async () => {
    const clock = new TestClock();
    const app = await Application.boot({
      modules: [TasksModule.configure()],
      configFile: false,
      env: {},
      clock,
      logger: silentLogger,
    });
    const manager = app.get(BackgroundTaskManager);
    const task = manager.track(aborted);
    await app.close();
    await expect(task.result).rejects.toThrow("stopped");
    expect(manager.pendingCount).toBe(0);
  });

  test("refuses what it cannot follow", () => {
    const { manager } = bench();
    expect(() => manager.track(7 as never)).toThrow("promise or a function");
    expect(() => manager.trackNamed("", async () => 1)).toThrow("name");
    expect(() => new BackgroundTaskManager({ log: 1 } as object)).toThrow(TaskConfigError);
  });
});

class Beat extends ScheduledWorker {
  readonly at: number[] = [];
  readonly #clock: TestClock;
  readonly #cycle: (n: number, signal: AbortSignal) => unknown;

  constructor(
    { clock, logger, manager }: ReturnType<typeof bench>,
    options: ScheduledWorkerOptions = {},
    cycle: (n: number, signal: AbortSignal) => unknown = () => undefined,
  ) {
    super(manager, { clock, logger, random: () => 0.5, ...options });
    this.#clock = clock;
    this.#cycle = cycle;
  }

  protected override runCycle(signal: AbortSignal): unknown {
    this.at.push(this.#clock.monotonic() / 1_000);
    return this.#cycle(this.at.length, signal);
  }
}

describe("a scheduled worker", () => {
  test("runs a cycle, waits from its end, and runs the next", async () => {
    const b = bench();
    const slow = (): Promise<void> => new Promise((resolve) => b.clock.setTimer(resolve, 5_000));
    const worker = new Beat(b, { interval: "10s", initialDelay: "3s" }, slow);
    worker.start();
    await b.clock.advance("40s");
    expect(worker.at).toEqual([3, 18, 33]);
    await stopped(b, worker);
  });

  test("or from its beginning", async () => {
    const b = bench();
    const slow = (n: number): Promise<void> =>
      new Promise((resolve) => b.clock.setTimer(resolve, n === 2 ? 12_000 : 5_000));
    const worker = new Beat(b, { interval: "10s", fixedRate: true }, slow);
    worker.start();
    await b.clock.advance("35s");
    expect(worker.at).toEqual([0, 10, 22, 32]);
    await stopped(b, worker);
  });

  test("adds jitter by chance", async () => {
    const b = bench();
    const worker = new Beat(b, { interval: "10s", maxJitter: "4s" });
    worker.start();
    await b.clock.advance("25s");
    expect(worker.at).toEqual([0, 12, 24]);
    await stopped(b, worker);
  });

  test.each<[OnErrorPolicy, number[]]>([
    [OnErrorPolicy.LOG_AND_CONTINUE, [0, 10, 20, 30, 40, 50, 60, 70, 80]],
    [OnErrorPolicy.BACKOFF, [0, 20, 60]],
    [OnErrorPolicy.STOP, [0]],
  ])("after a failure does what its policy %s says", async (onError, times) => {
    const b = bench();
    const worker = new Beat(b, { interval: "10s", onError }, () => {
      throw new Error("no luck");
    });
    worker.start();
    await b.clock.advance("85s");
    expect(worker.at).toEqual(times);
    expect(worker.isRunning).toBe(onError !== OnErrorPolicy.STOP);
    expect(b.logger.lines.filter(({ level }) => level === "error")).toHaveLength(times.length);
    await stopped(b, worker);
  });

  test("backs off to ten times its interval, and forgets it after a success", async () => {
    const b = bench();
    const worker = new Beat(b, { interval: "1s", onError: OnErrorPolicy.BACKOFF }, (n) => {
      if (n < 7) throw new Error("no luck");
    });
    worker.start();
    await b.clock.advance("47s");
    expect(worker.at).toEqual([0, 2, 6, 14, 24, 34, 44, 45, 46, 47]);
    await stopped(b, worker);
  });

  test("stops at once while it waits, and warns when it is started twice", async () => {
    const b = bench();
    const worker = new Beat(b, { interval: "1h" });
    worker.start();
    worker.start();
    expect(b.logger.lines).toMatchObject([{ level: "warn", fields: { worker: "Beat" } }]);
    await b.clock.advance("1s");
    await worker.stop();
    expect(worker.isRunning).toBe(false);
    expect(b.manager.pendingCount).toBe(0);
    await worker.stop();
    worker.start();
    await b.clock.settle();
    expect(worker.at).toEqual([0, 1]);
    await stopped(b, worker);
    expect(b.clock.pendingTimers).toBe(0);
  });

  test("lets a cycle end within its time of grace, and aborts it then", async () => {
    const b = bench();
    const ends: string[] = [];
    const worker = new Beat(b, {}, (n, signal) =>
      n === 1
        ? new Promise<void>((resolve) => b.clock.setTimer(resolve, 1_500)).then(() => ends.push("ended"))
        : aborted(signal).catch(() => ends.push("aborted")),
    );
    for (const expected of ["ended", "aborted"]) {
      worker.start();
      await b.clock.settle();
      const stopping = worker.stop();
      await b.clock.advance("2s");
      await stopping;
      expect(ends.at(-1)).toBe(expected);
    }
    expect(worker.at).toHaveLength(2);
  });

  test("ends with its manager", async () => {
    const b = bench();
    const worker = new Beat(b, { interval: "1h" });
    worker.start();
    await b.clock.settle();
    expect(await b.manager.shutdown("1s")).toEqual([]);
    expect(worker.isRunning).toBe(false);
    expect(() => worker.start()).toThrow("closed");
  });

  test("refuses options that cannot be", () => {
    const b = bench();
    expect(() => new Beat(b, { interval: 0 })).toThrow("interval");
    expect(() => new Beat(b, { onError: "explode" as never })).toThrow("onError");
    expect(() => new Beat(b, { intervall: 1 } as object)).toThrow('no option "intervall"');
    expect(() => new Beat({ ...b, manager: {} as never })).toThrow("BackgroundTaskManager");
  });
});

/** Stops a worker, whatever it waits for. */
async function stopped({ clock }: ReturnType<typeof bench>, worker: ScheduledWorker): Promise<void> {
  const stopping = worker.stop();
  await clock.advance("20s");
  await stopping;
}

describe("delay(fn)", () => {
  test("runs a function in the background, and leaves it as it is", async () => {
    const { manager } = bench();
    const add = delay(
      async function add(a: number, b: number) {
        return a + b;
      },
      { manager },
    );
    expect([add.name, add.length, await add(1, 2)]).toEqual(["add", 2, 3]);
    const task = add.delay(2, 3);
    expect([task.name, manager.pendingCount]).toEqual(["add", 1]);
    expect(await task.result).toBe(5);
  });

  test("needs no manager, and catches what is thrown at once", async () => {
    const bad = delay((): number => {
      throw new Error("no luck");
    });
    await expect(bad.delay().result).rejects.toThrow("no luck");
    expect(bad).toThrow("no luck");
    expect(() => delay(1 as never)).toThrow(TaskConfigError);
  });
});
