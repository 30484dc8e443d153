import { type Token, token } from "@lexigram/contracts";
import type { TaskConfigOptions } from "../config/task-config-options.ts";
import type { TestClock } from "../testing/test-clock.ts";
import type { QueueWrapper } from "./queue-opener.ts";

/** How a test runs the tasks of an application. */
export type TestMode = "manual" | "inline" | "workers";

export const TEST_MODES: readonly TestMode[] = ["manual", "inline", "workers"];

/** What a test changes about an application: jobs stay in memory, and time is the test's. */
export interface TaskTesting {
  /** `manual`: workers run while a test drains; `inline`: each enqueue waits for its job; `workers`: as in production. */
  readonly mode: TestMode;
  /** Time of everything that tasks do. Default: the application's clock when that is a test's, else one of its own. */
  readonly clock?: TestClock;
  /** Above every other source of configuration. */
  readonly config?: TaskConfigOptions;
  /** Put around every queue. */
  readonly wrap?: QueueWrapper;
}

export const TaskTesting: Token<TaskTesting> = token("TaskTesting");
