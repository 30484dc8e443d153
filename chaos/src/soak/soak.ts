import { setTimeout as sleep } from "node:timers/promises";
import { Application } from "@lexigram/kernel";
import { TaskDispatcher, TaskEmitter, TaskQueueProtocol, TasksModule, TaskWorkflows } from "@lexigram/tasks";
import { now } from "../moment.ts";
import { Cleanup } from "../run/cleanup.ts";
import { SeededRandom } from "../seeded-random.ts";
import { SOAK_STORES, type SoakStore } from "./stores.ts";
import { type Sample, type Trend, trendOf } from "./trend.ts";
import { doomed, flaky, plain, TASKS, told, twoSteps } from "./work.ts";

export interface SoakOptions {
  readonly store: string;
  readonly durationMs: number;
  /** Jobs a second. */
  readonly rate: number;
  readonly sampleMs: number;
  readonly seed: number;
  /** In which what was accepted must be over, once the load has ended. Default: a minute. */
  readonly drainsWithinMs?: number;
  /** Calls it off. */
  readonly signal: AbortSignal;
  readonly onSample?: (seconds: number, completed: number) => void;
  /** Another store than those of the command line. */
  readonly open?: (cleanup: Cleanup) => Promise<SoakStore>;
}

/** What a soak showed. */
export interface Soaked {
  readonly store: string;
  readonly seconds: number;
  readonly seed: number;
  /** Jobs whose enqueue resolved, those of schedules and workflows not counted. */
  readonly accepted: number;
  readonly completed: number;
  readonly retried: number;
  readonly dead: number;
  readonly workflows: number;
  readonly ticks: number;
  /** Jobs that were not over in the end. */
  readonly unfinished: number;
  readonly trends: Readonly<Record<string, Trend>>;
  readonly samples: Readonly<Record<string, readonly Sample[]>>;
  /** The bars that were missed, in words. */
  readonly missed: readonly string[];
}

const MIB = 2 ** 20;

/** What is looked at, and how much of it comes and goes. */
const NOISE = { rssMiB: 32, handles: 8, serverMiB: 16 } as const;

/** From one handful of jobs to the next. */
const BEAT_MS = 50;
const DRAINS_WITHIN_MS = 60_000;
/** Of a hundred jobs. */
const SHARES = { flaky: 10, doomed: 1, told: 10, delayed: 10 } as const;
/** Handfuls from one workflow to the next. */
const WORKFLOW_EVERY = 20;

/**
 * Lets one application live under a mixed load: plain jobs, retries, dead letters, delays, progress, a schedule, workflows.
 *
 * @throws the reason of `signal`; what the store cannot do.
 */
export async function soak(options: SoakOptions): Promise<Soaked> {
  await using cleanup = new Cleanup();
  const open = options.open ?? SOAK_STORES[options.store];
  if (open === undefined) throw new Error(`there is no store ${options.store}`);
  const store = await open(cleanup);
  const app = await Application.boot({
    modules: [
      TasksModule.configure({
        backends: [store.queue],
        // What is kept is full before it is judged.
        config: { worker: { workerCount: 1, maxConcurrentTasks: 16 }, deadLetters: { maxSize: 20 } },
      }),
      TasksModule.scope(...TASKS),
    ],
    config: { logging: { level: "error" } },
  });
  cleanup.defer(() => app.close());
  const soaked = await new Soak(app, store, options).run();
  return soaked;
}

class Soak {
  readonly #app: Application;
  readonly #store: SoakStore;
  readonly #options: SoakOptions;
  readonly #random: SeededRandom;
  readonly #samples: Record<string, Sample[]> = { rssMiB: [], handles: [], serverMiB: [] };
  readonly #counts = { accepted: 0, completed: 0, retried: 0, dead: 0, ticks: 0, workflows: 0 };
  #failure: Error | undefined;

  constructor(app: Application, store: SoakStore, options: SoakOptions) {
    this.#app = app;
    this.#store = store;
    this.#options = options;
    this.#random = new SeededRandom(options.seed, options.store);
    this.#count();
  }

  async run(): Promise<Soaked> {
    const { durationMs, store, seed } = this.#options;
    const began = now();
    const sampling = this.#sample(began + durationMs);
    await Promise.all([this.#load(began, began + durationMs), sampling]);
    const unfinished = await this.#drained();
    const { accepted, completed, dead, ticks } = this.#counts;
    const trends: Record<string, Trend> = {};
    for (const [name, noise] of Object.entries(NOISE)) {
      const samples = this.#samples[name] ?? [];
      if (samples.length > 1) trends[name] = trendOf(samples, noise);
    }
    const ended = completed + dead;
    const missed = [
      ...(unfinished === 0 ? [] : [`${unfinished} jobs are not over`]),
      ...(ended === accepted ? [] : [`${accepted} jobs were accepted, and ${ended} ended`]),
      ...(ticks > 0 || durationMs < 2_000 ? [] : ["the schedule never fired"]),
      ...Object.entries(trends)
        .filter(([, { holds }]) => !holds)
        .map(
          ([name, { growth, allowed }]) => `${name} grew by ${shown(growth)}, more than ${shown(allowed)}`,
        ),
    ];
    return {
      ...this.#counts,
      store,
      seed,
      seconds: Math.round((now() - began) / 1_000),
      unfinished,
      trends,
      samples: this.#samples,
      missed,
    };
  }

  #count(): void {
    const emitter = this.#app.get(TaskEmitter);
    const counts = this.#counts;
    // Steps of workflows and what a schedule brings are jobs as well; only those of the load are counted against it.
    const own = new Set<string>(["soak.plain", "soak.flaky", "soak.doomed", "soak.told"]);
    emitter.on("task.completed", ({ taskName, jobId }) => {
      if (taskName === "soak.tick") counts.ticks++;
      else if (own.has(taskName) && jobId.startsWith(PREFIX)) counts.completed++;
    });
    emitter.on("task.retried", () => void counts.retried++);
    emitter.on("task.dead", ({ jobId }) => void (jobId.startsWith(PREFIX) && counts.dead++));
  }

  async #load(began: number, end: number): Promise<void> {
    const tasks = this.#app.get(TaskDispatcher);
    const flows = this.#app.get(TaskQueueProtocol).capabilities.dependencies;
    let made = 0;
    for (let beat = 0; now() < end; beat++) {
      const wanted = Math.floor(((now() - began) / 1_000) * this.#options.rate);
      const jobs = Array.from({ length: Math.max(0, wanted - made) }, () => this.#job(made++));
      const handles = await Promise.all(
        jobs.map(({ task, n, delay }) => tasks.enqueue(task, { n }, { id: `${PREFIX}${n}`, delay })),
      );
      this.#counts.accepted += handles.length;
      if (flows && beat % WORKFLOW_EVERY === 0) this.#workflow(beat);
      await sleep(BEAT_MS, undefined, { signal: this.#options.signal });
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  #job(n: number): {
    readonly task: typeof plain | typeof flaky;
    readonly n: number;
    readonly delay: number;
  } {
    const lot = this.#random.between(0, 99);
    const kinds = [
      [doomed, SHARES.doomed],
      [flaky, SHARES.flaky],
      [told, SHARES.told],
    ] as const;
    let above = 0;
    for (const [kind, share] of kinds) {
      above += share;
      if (lot < above) return { task: kind, n, delay: 0 };
    }
    return { task: plain, n, delay: lot < above + SHARES.delayed ? 500 : 0 };
  }

  #workflow(n: number): void {
    this.#app
      .get(TaskWorkflows)
      .start(twoSteps, { n })
      .then((run) => run.result())
      .then(
        () => void this.#counts.workflows++,
        (error: unknown) => (this.#failure ??= new Error("a workflow failed", { cause: error })),
      );
  }

  async #sample(end: number): Promise<void> {
    const began = now();
    for (;;) {
      const at = now();
      globalThis.gc?.();
      this.#samples["rssMiB"]?.push({ at, value: process.memoryUsage.rss() / MIB });
      this.#samples["handles"]?.push({ at, value: process.getActiveResourcesInfo().length });
      const used = await this.#store.usedBytes?.();
      if (used !== undefined) this.#samples["serverMiB"]?.push({ at, value: used / MIB });
      this.#options.onSample?.(Math.round((at - began) / 1_000), this.#counts.completed);
      const left = end - now();
      if (left <= 0) return;
      await sleep(Math.min(left, this.#options.sampleMs), undefined, { signal: this.#options.signal });
    }
  }

  /** Waits until all that was accepted is over. @returns how many jobs are not, when the time for it is. */
  async #drained(): Promise<number> {
    const end = now() + (this.#options.drainsWithinMs ?? DRAINS_WITHIN_MS);
    const left = (): number => this.#counts.accepted - this.#counts.completed - this.#counts.dead;
    while (left() > 0 && now() < end) await sleep(BEAT_MS, undefined, { signal: this.#options.signal });
    return left();
  }
}

/** Begins the ids of the load. */
const PREFIX = "s-";

const shown = (value: number): string => value.toFixed(1);
