import {
  Clock,
  refuseUnknownOptions,
  shown,
  TaskConfigError,
  TaskExecutorProtocol,
} from "@lexigram/contracts";
import { type Constructor, type ContainerRegistrar, type DynamicModule, provide } from "@lexigram/kernel";
import type { Runnable } from "./define/task-definition.ts";
import type { TaskClass } from "./define/task-methods.ts";
import { codeConfig, TASKS_OPTIONS, type TasksOptions } from "./lifecycle/provider-options.ts";
import { EXPORTED } from "./lifecycle/runtime-bindings.ts";
import { TaskScope, taskScope } from "./lifecycle/task-scope.ts";
import { TaskTesting, TEST_MODES, type TestMode } from "./lifecycle/task-testing.ts";
import { TaskProvider } from "./tasks-provider.ts";
import { TestClock } from "./testing/test-clock.ts";

/** What a test may say besides. */
export interface TestingOptions extends TasksOptions {
  /** Default `"manual"`: workers run while a test drains. */
  readonly mode?: TestMode;
}

/**
 * Background tasks as a module. An application imports `configure` once, and `scope` wherever tasks are declared.
 */
export class TasksModule {
  /**
   * The module with its queues and workers. Global: every module may inject what it exports, queues by their names
   * wherever they are configured. Files and environment say the same settings above these options, so that operations
   * can override what code says. Without any of them jobs stay in memory and one worker runs them.
   *
   * Importing two results in one application is refused with `ModuleDuplicateError`.
   *
   * @throws TaskConfigError for an option that is unknown, with the nearest name, out of range, or at odds with another.
   */
  static configure(options: TasksOptions = {}): DynamicModule {
    // Refused where it is written; the provider checks again for each application.
    codeConfig("TasksModule.configure", options);
    return {
      module: TasksModule,
      isGlobal: true,
      // A class, so that each application that imports this module gets a provider of its own.
      providers: [
        class extends TaskProvider {
          constructor() {
            super(options);
          }
        },
      ],
      exports: [TaskProvider, TaskExecutorProtocol, ...EXPORTED],
    };
  }

  /**
   * Tasks of one part of an application: definitions, and classes with `@task` methods. The container makes the
   * classes: one instance for the application by default, one for each attempt with
   * `@injectable({ lifetime: "scoped" })`. Can be called any number of times; adds no queue and no worker.
   *
   * @throws TaskRegistrationError for a contract without a handler, a class without tasks, and what is neither.
   *   The boot is refused when a name is claimed twice, and when nothing in the application configures tasks.
   */
  static scope(...tasks: readonly (Runnable | TaskClass)[]): DynamicModule {
    const scope = taskScope(tasks);
    return {
      // A class of its own, so that several scopes are several modules.
      module: class TasksScope {
        static onModuleRegistered(registered: Pick<ContainerRegistrar, "has">): void {
          if (!registered.has(TaskProvider)) throw notConfigured(scope.name);
        }
      },
      name: scope.name,
      providers: [provide(TaskScope, { useValue: scope }), ...(scope.classes as readonly Constructor[])],
      exports: [...(scope.classes as readonly Constructor[])],
      // What its classes need belongs to the module that lists them.
      seesImporters: true,
    };
  }

  /**
   * In place of `configure` for tests: jobs stay in memory whatever the configuration says, one worker, input that
   * storing would change is refused, and time is a `TestClock`, which can be injected: the application's own clock
   * when that is one.
   *
   * @throws TaskConfigError as `configure` does.
   */
  static testing(options: TestingOptions = {}): DynamicModule {
    refuseUnknownOptions("TasksModule.testing", options, [...TASKS_OPTIONS, "mode"]);
    const { mode = "manual", ...rest } = options;
    if (!TEST_MODES.includes(mode))
      throw new TaskConfigError(
        `there is no mode ${shown(mode)}`,
        { path: "mode" },
        { hint: `modes are: ${TEST_MODES.join(", ")}` },
      );
    const module = TasksModule.configure(rest);
    return {
      ...module,
      providers: [
        ...(module.providers ?? []),
        provide(TestClock, {
          useFactory: (container) => {
            const clock = container.resolve(Clock);
            return clock instanceof TestClock ? clock : new TestClock();
          },
        }),
        provide(TaskTesting, { useFactory: (container) => ({ mode, clock: container.resolve(TestClock) }) }),
      ],
      exports: [...(module.exports ?? []), TestClock],
    };
  }

  /** The ancestor's name for {@link TasksModule.testing}. */
  static stub(options: TestingOptions = {}): DynamicModule {
    return TasksModule.testing(options);
  }
}

const notConfigured = (scope: string): TaskConfigError =>
  new TaskConfigError(
    `${scope} needs TasksModule.configure() in the application: nothing would run its tasks`,
    { path: "modules" },
    {
      hint: "import TasksModule.configure() once, in the application's own module; in a test TasksModule.testing()",
    },
  );
