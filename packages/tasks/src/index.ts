// The module and its provider
export { TasksModule, type TestingOptions } from "./tasks-module.ts";
export { TaskProvider } from "./tasks-provider.ts";
export type { TasksOptions } from "./lifecycle/provider-options.ts";
export { createMemoryTaskProvider, createProviderFromConfig } from "./lifecycle/provider-factories.ts";
export type { LiveWorkers } from "./lifecycle/worker-records.ts";
export type { TestMode } from "./lifecycle/task-testing.ts";

// Declaring tasks
export { handles, task, type } from "./define/task.ts";
export type {
  ApplyServices,
  ContractOptions,
  ContractOrDecorator,
  ContractRef,
  EnqueueArgs,
  EnqueuingTask,
  HandlerArgs,
  MethodSlot,
  Runnable,
  TaskContract,
  TaskDefinition,
  TaskHandler,
  TaskInput,
  TaskMethodDecorator,
  TaskOutput,
  TaskRef,
  UseHandlesBecauseInputIsTransformed,
} from "./define/task-definition.ts";
export type {
  KeyOf,
  MethodTaskOptions,
  NoInput,
  TaskOptions,
  TaskRateOptions,
  UniqueOptions,
} from "./define/task-options.ts";
export type { TaskClass } from "./define/task-methods.ts";
export { type JobDescription, TaskSignature } from "./define/task-signature.ts";
export {
  type HandlerOptions,
  HandlerRegistry,
  type HandlerRegistryOptions,
  positional,
  type RegisteredTaskInfo,
} from "./define/handler-registry.ts";
export type {
  FunctionTask,
  MethodTask,
  RegisteredTask,
  TaskLookup,
  TaskPolicy,
} from "./define/registered-task.ts";

// Enqueueing
export {
  type Enqueueable,
  type EnqueueEntry,
  TaskDispatcher,
  type TaskDispatcherOptions,
} from "./dispatch/task-dispatcher.ts";
export type { CallUniqueOptions, EnqueueOptions } from "./dispatch/enqueue-options.ts";
export type { ResultOptions, TaskHandle } from "./dispatch/task-handle.ts";
export type { TaskCalls } from "./dispatch/task-calls.ts";
export type { QueueBinding, QueueDefaults } from "./dispatch/queue-binding.ts";
export { QueueSet } from "./dispatch/queue-set.ts";

// Backends
export { TaskBackendRegistry, type TaskBackendRegistryOptions } from "./dispatch/backend-registry.ts";
export { memoryBackend, type MemoryBackendOptions } from "./memory/memory-backend.ts";
export { MemoryTaskQueue, type MemoryTaskQueueOptions } from "./memory/memory-task-queue.ts";
export { MemoryStateStore, type MemoryStateStoreOptions } from "./memory/memory-state-store.ts";

// Running
export type { ProgressReporter, TaskContext, TaskJobInfo } from "./worker/task-context.ts";
export {
  type PoolStats,
  type StopPoolOptions,
  WorkerPool,
  type WorkerPoolOptions,
} from "./worker/worker-pool.ts";
export { TaskWorker, type TaskWorkerOptions } from "./worker/task-worker.ts";
export type { WorkerStats } from "./worker/member-stats.ts";
export {
  DEFAULT_WORKER_SETTINGS,
  type UnknownTaskSettings,
  type WorkerSettings,
} from "./worker/worker-settings.ts";
export type { AttemptScope, ScopeSource, TaskWorkerServices } from "./worker/worker-services.ts";

// When: schedules
export { CronExpression, type CronOptions } from "./schedule/cron-expression.ts";
export { Schedule } from "./schedule/schedule.ts";
export {
  at,
  between,
  every,
  inMonth,
  type Month,
  on,
  onDay,
  type TimeOfDay,
  type Weekday,
} from "./schedule/composable.ts";
export type { DstOptions } from "./schedule/dst-policy.ts";
export { scheduled, type ScheduledOptions } from "./schedule/scheduled.ts";
export type { ScheduleEntry } from "./schedule/schedule-entry.ts";
export type { MisfireOptions, ScheduleSettings, ScheduleTiming } from "./schedule/schedule-options.ts";
export { TaskScheduler, type TaskSchedulerOptions, type When } from "./schedule/task-scheduler.ts";
export type { Schedulable } from "./schedule/planned-job.ts";
export { ScheduledJob } from "./schedule/scheduled-job.ts";
export { SchedulerStore } from "./schedule/scheduler-store.ts";
export { InMemorySchedulerStore } from "./schedule/in-memory-scheduler-store.ts";

// How much: limits, breakers
export {
  type AcquireOptions,
  GlobalRateLimiter,
  type GlobalRateLimiterOptions,
  type LimiterServices,
  QueueRateLimiter,
  type QueueRateLimiterOptions,
} from "./limit/rate-limiters.ts";
export type { RateOptions } from "./limit/rate.ts";
export type { DebounceOptions, ThrottleOptions } from "./limit/calm-enqueue.ts";
export { type SharedLimit, SharedLimits, type SharedLimitsParts } from "./limit/shared-limits.ts";
export type { TaskLimits } from "./limit/task-limits.ts";
export type { BreakerRule, CircuitBreakerOptions } from "./breaker/breaker-options.ts";

// One at a time: locks
export { LockManager, type LockManagerOptions, type LockOptions } from "./lock/lock-manager.ts";

export { distributedLock, type LockedMethodDecorator, type LockedOptions } from "./lock/locked.ts";
export {
  type ParsedInput,
  unique,
  type UniqueConflict,
  UniqueTask,
  type UniqueTaskOptions,
} from "./lock/unique-task.ts";

// Once for each key
export {
  type IdempotencyAcquisition,
  type IdempotencyClaim,
  IdempotencyManager,
  type IdempotencyManagerOptions,
  type IdempotencyOptions,
  type IdempotencyRecord,
} from "./idempotency/idempotency-manager.ts";
export {
  type IdempotencyResult,
  IdempotentTaskManager,
  type IdempotentTaskManagerOptions,
  type SubmitOptions,
} from "./idempotency/idempotent-task-manager.ts";

// Beside everything else, in this process
export {
  type BackgroundTask,
  BackgroundTaskManager,
  type BackgroundTaskManagerOptions,
  type BackgroundWork,
} from "./background/background-task-manager.ts";
export {
  OnErrorPolicy,
  ScheduledWorker,
  type ScheduledWorkerOptions,
} from "./background/scheduled-worker.ts";
export { delay, type Delayed, type DelayOptions } from "./background/delay.ts";

// Workflows
export { branch, type BranchCondition, BranchStep } from "./workflow/branch-step.ts";
export { chain, type ChainOptions, TaskChain } from "./workflow/task-chain.ts";
export { chord, type ChordOptions, TaskChord } from "./workflow/task-chord.ts";
export {
  each,
  type EachItem,
  group,
  type GroupInput,
  type GroupOptions,
  type GroupOutput,
  type GroupSteps,
  TaskGroup,
} from "./workflow/task-group.ts";
export {
  step,
  type StepContext,
  type StepFailure,
  type StepHandler,
  type StepJobOptions,
  type StepMaker,
  type StepOptions,
  TaskStep,
  type TaskStepOptions,
} from "./workflow/task-step.ts";
export { type ExecuteOptions, Workflow, type WorkflowOptions } from "./workflow/workflow.ts";
export { WorkflowPart } from "./workflow/workflow-part.ts";
export type { StepResult, WorkflowResult, WorkflowStatus } from "./workflow/workflow-result.ts";
export { type WorkflowProgress, WorkflowRun } from "./workflow/workflow-run.ts";
export { InMemoryWorkflowStateStore } from "./workflow/in-memory-workflow-state-store.ts";
export {
  type WorkflowState,
  WorkflowStateStore,
  type WorkflowSummary,
} from "./workflow/workflow-state-store.ts";
export { type StartOptions, TaskWorkflows, type TaskWorkflowsOptions } from "./workflow/task-workflows.ts";

// Retrying
export { DiscardTask, RejectTask, RetryTask } from "./retry/control-flow.ts";
export type { BackoffOptions, ErrorClass, RetryFacts, RetryOptions } from "./retry/retry-options.ts";
export { AGGRESSIVE_RETRY, type Backoff, CONSERVATIVE_RETRY, DEFAULT_BACKOFF } from "./retry/backoff.ts";

// Middleware
export { type ExecutableJob, type MiddlewarePhase, TaskMiddlewarePipeline } from "./middleware/pipeline.ts";
export type { TaskMiddleware, TaskMiddlewareFunction } from "./middleware/middleware.ts";
export { TaskExecutionContext } from "./middleware/execution-context-class.ts";
export type { ExecutionFacts } from "./middleware/execution-context.ts";
export { LoggingMiddleware } from "./middleware/logging-middleware.ts";
export { MetricsMiddleware, type MetricsStats, type TaskMetrics } from "./middleware/metrics-middleware.ts";
export { TimeoutMiddleware } from "./middleware/timeout-middleware.ts";

// Jobs as data
export { JobTemplate, type JobTemplateFields } from "./job/job-template.ts";
export { canRetry, durationMs, isCompleted, isFailed, isPending, isRunning } from "./job/job-facts.ts";
export { CodecRegistry, type CodecRegistryOptions } from "./job/codec-registry.ts";
export { JsonCodec } from "./job/json-codec.ts";
export type { Codec, Envelope, JobPolicy } from "./job/envelope.ts";

// Results
export {
  type ResultQuery,
  type ResultRecord,
  type ResultStatus,
  ResultStore,
  type ResultStoreStats,
  type StoredResult,
  type StoreResultOptions,
  type WaitForResultOptions,
} from "./results/result-store.ts";
export { InMemoryResultStore, type InMemoryResultStoreOptions } from "./results/in-memory-result-store.ts";
export {
  CacheBackendResultStore,
  type CacheBackendResultStoreOptions,
} from "./results/cache-backend-result-store.ts";
export { QueueResultStore, type QueueResultStoreOptions } from "./results/queue-result-store.ts";

// Progress
export { ProgressTracker, type ProgressTrackerOptions } from "./progress/progress-tracker.ts";
export { ProgressInfo } from "./progress/progress-info.ts";
export { type ProgressQuery, ProgressStore } from "./progress/progress-store.ts";
export {
  InMemoryProgressStore,
  type InMemoryProgressStoreOptions,
} from "./progress/in-memory-progress-store.ts";
export {
  CacheBackendProgressStore,
  type CacheBackendProgressStoreOptions,
} from "./progress/cache-backend-progress-store.ts";
export {
  CacheBackendProgressTracker,
  InMemoryProgressTracker,
  SharedProgressTracker,
} from "./progress/shared-progress-tracker.ts";

// Dead letters
export {
  type AddDeadLetterOptions,
  type DeadLetterFilter,
  type DeadLetterListing,
  DeadLetterQueue,
  type DeadLetterQueueOptions,
} from "./dead-letter/dead-letter-queue.ts";
export { FailureRecord } from "./dead-letter/failure-record.ts";

// Events and observation
export { TaskEmitter, type TaskRelay } from "./events/task-emitter.ts";
export { TaskDashboard, type TaskDashboardOptions } from "./observability/task-dashboard.ts";
export { TaskHealth } from "./observability/task-health.ts";
export { WorkerJobStats } from "./observability/worker-job-stats.ts";
export { ExecutionRecord } from "./observability/execution-record.ts";

// Configuration
export { type SchedulerConfig, TaskConfig, type WorkerConfig } from "./config/task-config.ts";
export type {
  BackendSelection,
  DeadLetterOptions,
  ErrorRecordOptions,
  GlobalRateOptions,
  NamedBackendOptions,
  PayloadOptions,
  ResultRetention,
  IdempotencyDefaults,
  LockDefaults,
  RetryDefaults,
  SchedulerOptions,
  SingleBackendOptions,
  TaskConfigOptions,
  TimeoutOptions,
  WorkerOptions,
} from "./config/task-config-options.ts";
export type { LimitOptions, QueuePolicyOptions, RetentionOptions } from "./config/queue-policy-options.ts";

// Words of the ground floor that programs use
export {
  BackendMissingError,
  BackendUnknownError,
  ClosedError,
  DuplicateTaskError,
  JobNotFoundError,
  JobResult,
  LeaseLostError,
  LockLostError,
  LockTimeoutError,
  named,
  PoisonJobError,
  Priority,
  ProgressTrackerProtocol,
  QueueFullError,
  QueueNotFoundError,
  QueueUnavailableError,
  RemoteTaskError,
  ResultTimeoutError,
  ResultUnavailableError,
  RetriesExhaustedError,
  ScheduleInvalidError,
  StateStoreProtocol,
  TaskCancelledError,
  TaskCompletedEvent,
  TaskConfigError,
  TaskDeadlineError,
  TaskDependencyCycleError,
  TaskDiscardedError,
  TaskError,
  TaskExecutionError,
  TaskExecutorProtocol,
  TaskExpiredError,
  TaskFailedEvent,
  TaskNotFoundError,
  TaskQueuedEvent,
  TaskQueueProtocol,
  TaskRegistrationError,
  TaskRejectedError,
  TaskTimeoutError,
  TaskValidationError,
  TransitionNotAllowedError,
  UnsupportedError,
  unwrap,
  WorkflowError,
} from "@lexigram/contracts";
export type {
  DistributedLockProtocol,
  Duration,
  JobId,
  JobStatus,
  JobView,
  LockWaitOptions,
  ProgressSnapshot,
  Result,
  TaskErrorCode,
  TaskEventName,
  TaskEvents,
  TaskQueueError,
} from "@lexigram/contracts";
