import {
  type Logger,
  refuseUnknownOptions,
  silentLogger,
  type TaskEventName,
  type TaskEvents,
  type TaskQueueProtocol,
} from "@lexigram/contracts";
import {
  Application,
  type Binding,
  type BootOptions,
  type EnvironmentVariables,
  type ModuleRef,
  provide,
  type ProviderRef,
} from "@lexigram/kernel";
import type { TaskConfigOptions } from "../config/task-config-options.ts";
import type { Runnable } from "../define/task-definition.ts";
import type { TaskClass } from "../define/task-methods.ts";
import { TaskDispatcher } from "../dispatch/task-dispatcher.ts";
import { runtimes } from "../lifecycle/running-runtimes.ts";
import type { TaskRuntime } from "../lifecycle/task-runtime.ts";
import { TaskTesting, type TestMode } from "../lifecycle/task-testing.ts";
import { TasksModule } from "../tasks-module.ts";
import { TaskProvider } from "../tasks-provider.ts";
import { drain, type DrainOptions, type DrainReport } from "./drain.ts";
import {
  type EnqueuedJob,
  EnqueuedJobs,
  type ExpectedJob,
  type ExpectEnqueuedOptions,
  type PartOfInput,
  type TaskOrName,
} from "./enqueued-jobs.ts";
import { bringTasks } from "./tasks-in-modules.ts";
import { TestClock } from "./test-clock.ts";
import { testContext } from "./test-context.ts";

export interface TestAppOptions {
  /** Modules as in production; where none of them configures tasks, `TasksModule.configure()` is added. */
  readonly modules?: readonly ModuleRef[];
  /** Definitions and classes to test by themselves, as in `TasksModule.scope(...)`. */
  readonly tasks?: readonly (Runnable | TaskClass)[];
  /** Default `"manual"`. */
  readonly mode?: TestMode;
  /** Providers, classes and bindings that every module sees. */
  readonly providers?: readonly ProviderRef[];
  /** Bindings in place of what modules provide. */
  readonly overrides?: readonly Binding[];
  /** The section `tasks`, above everything else. */
  readonly config?: TaskConfigOptions;
  /** Variables of the environment. Default: `LEX_ENV=test` alone. */
  readonly env?: EnvironmentVariables;
  /** A file of configuration to read. Default: none. */
  readonly configFile?: string;
  /** Default: a new one. */
  readonly clock?: TestClock;
  /** Default: silent. */
  readonly logger?: Logger;
}

const OPTIONS = [
  "modules",
  "tasks",
  "mode",
  "providers",
  "overrides",
  "config",
  "env",
  "configFile",
  "clock",
  "logger",
] as const satisfies readonly (keyof TestAppOptions)[];

/** Something that was announced about a job, in order. */
export type RecordedEvent = {
  readonly [E in TaskEventName]: { readonly event: E; readonly payload: TaskEvents[E] };
}[TaskEventName];

/**
 * A running application whose jobs stay in memory and whose time is the test's. Works with any test runner: what does
 * not hold throws an `AssertionError`.
 */
export class TestApp implements AsyncDisposable {
  readonly app: Application;
  readonly clock: TestClock;
  readonly tasks: TaskDispatcher;
  /** What was announced about jobs since the application started. */
  readonly events: readonly RecordedEvent[];
  readonly #runtime: TaskRuntime;
  readonly #jobs: EnqueuedJobs;
  readonly #recording: Disposable;
  #draining: Promise<unknown> = Promise.resolve();

  /** Made by {@link createTestApp}. */
  constructor(app: Application, clock: TestClock, jobs: EnqueuedJobs) {
    const runtime = runtimes.get(app.get(TaskProvider));
    if (runtime === undefined) throw new TypeError("the application has no booted TaskProvider");
    this.app = app;
    this.clock = clock;
    this.tasks = app.get(TaskDispatcher);
    this.#runtime = runtime;
    this.#jobs = jobs;
    jobs.readWith(runtime.codecs);
    const events: RecordedEvent[] = [];
    this.events = events;
    this.#recording = runtime.emitter.relay({
      wants: () => true,
      tell: (event, payload) => void events.push({ event, payload } as unknown as RecordedEvent),
    });
  }

  /** A queue by its name in the application; the primary without one. @throws QueueNotFoundError */
  queue(name = "default"): TaskQueueProtocol {
    return this.#runtime.queues.get(name).queue;
  }

  /**
   * Runs all jobs that are ready, and those that they enqueue, in this process. Calls at the same time follow one
   * another.
   *
   * @throws RemoteTaskError for a job that failed for good, only with `throwOnFailure`.
   */
  drain(options: DrainOptions = {}): Promise<DrainReport> {
    refuseUnknownOptions("drain", options, ["followDelays", "throwOnFailure"]);
    const done = this.#draining.then(() => drain(this.#runtime, this.clock, options));
    this.#draining = done.catch(() => undefined);
    return done;
  }

  /** Jobs that were accepted since the application started, all or those of one task. */
  enqueued(task?: TaskOrName): readonly EnqueuedJob[] {
    return this.#jobs.list(task);
  }

  /**
   * Makes sure that a job was accepted.
   *
   * @param input a part of the input; objects may have more. Matchers of the test runner work.
   * @returns the jobs that match.
   * @throws AssertionError listing near misses and where they differ.
   */
  expectEnqueued<T extends TaskOrName>(
    task: T,
    input?: PartOfInput<T>,
    options: ExpectEnqueuedOptions = {},
  ): readonly EnqueuedJob[] {
    refuseUnknownOptions("expectEnqueued", options, [...EXPECTED, "count"]);
    return this.#jobs.expect(task, input, options);
  }

  /** Makes sure that no such job was accepted. @throws AssertionError */
  refuteEnqueued<T extends TaskOrName>(task: T, input?: PartOfInput<T>, expected: ExpectedJob = {}): void {
    refuseUnknownOptions("refuteEnqueued", expected, EXPECTED);
    this.#jobs.refute(task, input, expected);
  }

  /** Forgets what was enqueued and announced so far. Jobs stay where they are. */
  forget(): void {
    this.#jobs.forget();
    (this.events as RecordedEvent[]).length = 0;
  }

  /** A context for calling a handler directly. */
  readonly testContext = testContext;

  /**
   * Stops the application. Where handlers that hang make it wait, the clock moves on: they get their shutdown timeout
   * and their grace. Idempotent.
   */
  async stop(): Promise<void> {
    let stopped = false;
    const stopping = this.app.stop().finally(() => (stopped = true));
    stopping.catch(() => undefined);
    await this.clock.settle();
    for (let ms = this.clock.nextTimerInMs; !stopped && ms !== undefined; ms = this.clock.nextTimerInMs)
      await this.clock.advance(ms);
    await stopping;
    this.#recording[Symbol.dispose]();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

const EXPECTED = [
  "queue",
  "priority",
  "delayMs",
  "headers",
  "key",
  "id",
] as const satisfies readonly (keyof ExpectedJob)[];

/**
 * Boots an application for a test: the same modules, configuration and path of a job as in production, over memory and
 * a clock that stands still. In manual mode nothing runs until `drain`; in inline mode an enqueue resolves when its job
 * has run; in worker mode workers run as in production.
 *
 * @throws whatever stands in the way of the application's start; TaskConfigError for an unknown option.
 */
export async function createTestApp(options: TestAppOptions = {}): Promise<TestApp> {
  refuseUnknownOptions("createTestApp", options, OPTIONS);
  const { modules = [], tasks = [], mode = "manual", config, clock = new TestClock() } = options;
  const jobs = new EnqueuedJobs();
  const testing: TaskTesting = { mode, clock, wrap: jobs.wrap, ...(config === undefined ? {} : { config }) };
  const boot: BootOptions = {
    name: "test",
    modules: [
      ...(bringTasks(modules) ? [] : [TasksModule.configure()]),
      ...modules,
      ...(tasks.length === 0 ? [] : [TasksModule.scope(...tasks)]),
    ],
    providers: [provide(TestClock, { useValue: clock }), ...(options.providers ?? [])],
    overrides: [...(options.overrides ?? []), provide(TaskTesting, { useValue: testing })],
    env: options.env ?? { LEX_ENV: "test" },
    configFile: options.configFile ?? false,
    logger: options.logger ?? silentLogger,
    clock,
  };
  const app = await Application.boot(boot);
  return new TestApp(app, clock, jobs);
}
