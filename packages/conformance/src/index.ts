// Cases, and how to run them
export { queueCases } from "./queue/queue-cases.ts";
export { stateCases } from "./state/state-cases.ts";
export { limitCases } from "./limits/limit-cases.ts";
export { lockCases } from "./locks/lock-cases.ts";
export { scheduleCases } from "./schedules/schedule-cases.ts";
export { workflowCases } from "./workflows/workflow-cases.ts";
export {
  brokenQueueLaws,
  brokenStateLaws,
  judgeLimitCase,
  judgeLockCase,
  judgeQueueCase,
  judgeScheduleCase,
  judgeStateCase,
  judgeWorkflowCase,
  type LockCase,
  type QueueCase,
  runQueueCase,
  runStateCase,
  type LimitCase,
  type ScheduleCase,
  type StateCase,
  type WorkflowCase,
} from "./kit/run-case.ts";
export {
  type Case,
  type CaseReport,
  LawBrokenError,
  type LockLaw,
  type Offer,
  type QueueLaw,
  type LimitLaw,
  type ScheduleLaw,
  type StateLaw,
  title,
  type WorkflowLaw,
} from "./kit/case.ts";
export type { Need } from "./kit/needs.ts";

// What a backend brings
export type { HarnessSource, OpenTransaction, QueueHarness, StateHarness } from "./kit/harness.ts";
export type {
  ClaimSubject,
  HeldLockSubject,
  IdempotencySubject,
  LockHarness,
  LockSubject,
  LockSubjectOptions,
  SubmissionSubject,
} from "./kit/lock-harness.ts";
export type {
  ScheduleHarness,
  SchedulerStores,
  SchedulerSubject,
  ScheduleSubjectSettings,
} from "./kit/schedule-harness.ts";

export type {
  CrewSettings,
  CrewSubject,
  LimiterSettings,
  LimiterSubject,
  LimitHarness,
  LimitStores,
} from "./kit/limit-harness.ts";

export type {
  StepShape,
  StepsShape,
  WorkflowEnd,
  WorkflowHarness,
  WorkflowShape,
  WorkflowStores,
  WorkflowSubject,
  WorkflowTask,
} from "./kit/workflow-harness.ts";

// What cases work with, for cases of one's own
export { QueueEnv } from "./kit/queue-env.ts";
export { StateEnv } from "./kit/state-env.ts";
export { type Instant, LimitEnv } from "./kit/limit-env.ts";
export { LockEnv, type LockFaults } from "./kit/lock-env.ts";
export { ScheduleEnv, type SchedulerFaults } from "./kit/schedule-env.ts";
export { WorkflowEnv, type WorkflowFaults } from "./kit/workflow-env.ts";
export { type ExchangePart, Session } from "./kit/session.ts";
export { Time } from "./kit/time.ts";
export { IdleClock } from "./clock/idle-clock.ts";
export { ManualClock } from "./clock/manual-clock.ts";
export { aBody, aJob, anError, uniqueName } from "./build/job.ts";
export { parseManifests } from "./laws/manifest-table.ts";

// Subjects that break one law each, to test the cases with
export { type QueueLiar, type StateLiar, lyingQueueHarness, lyingStateHarness } from "./liars/overriding.ts";
export { queueLiars } from "./liars/queue-liars.ts";
export { stateLiars } from "./liars/state-liars.ts";
export { limitLiars } from "./liars/limit-liars.ts";
export { lockLiars } from "./liars/lock-liars.ts";
export { scheduleLiars } from "./liars/schedule-liars.ts";
export { workflowLiars } from "./liars/workflow-liars.ts";
export { lyingStoresHarness, type StoreLiar } from "./liars/store-liars.ts";

// Many callers at once, and what they were told held against what is stored
export type { StormQueue } from "./storm/storm-caller.ts";
export { calmStorm, playStorm, type StormOptions } from "./storm/storm.ts";
export { type StormLedger, stormFaults, sumOf } from "./storm/storm-ledger.ts";
