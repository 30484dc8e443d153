// The clock
export { TestClock, type TestClockOptions, type Watched } from "./testing/test-clock.ts";

// An application under test
export { createTestApp, type RecordedEvent, TestApp, type TestAppOptions } from "./testing/test-app.ts";
export type { TestMode } from "./lifecycle/task-testing.ts";
export type { DrainFailure, DrainOptions, DrainReport } from "./testing/drain.ts";
export type {
  EnqueuedJob,
  ExpectedJob,
  ExpectEnqueuedOptions,
  PartOf,
  PartOfInput,
  TaskOrName,
} from "./testing/enqueued-jobs.ts";

// A handler by itself
export { testContext, type TestContextOverrides } from "./testing/test-context.ts";
