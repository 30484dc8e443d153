// Tokens, results, spans of time
export { type Token, named, token, tokenName } from "./token.ts";
export { type Err, type Ok, type Result, err, ok, unwrap } from "./result.ts";
export { type Duration, formatDuration, milliseconds } from "./duration.ts";
export type { JsonValue } from "./json.ts";
export type { Page } from "./page.ts";
export { type UnknownKey, nearest, unknownKeys } from "./nearest.ts";

// What the application lends to everything
export { Clock, type Timer, type TimerOptions, systemClock } from "./clock.ts";
export { Random, systemRandom } from "./random.ts";
export { LOG_LEVELS, Logger, type LogFields, type LogLevel, silentLogger, withFields } from "./logger.ts";
export { type HealthCategory, type HealthCheckResult, type HealthStatus, worstHealth } from "./health.ts";

// Schemas
export type {
  AnySchema,
  SchemaInput,
  SchemaOutput,
  StandardSchemaIssue,
  StandardSchemaResult,
  StandardSchemaV1,
} from "./standard-schema.ts";

// Errors
export { InvalidDurationError, LexigramError, type LexigramErrorOptions } from "./errors/lexigram-error.ts";
export { isSecretName, redact } from "./errors/redact.ts";
export {
  hasCode,
  type SerializedError,
  type SerializeErrorOptions,
  serializeError,
} from "./errors/serialized-error.ts";
export {
  BackendMissingError,
  BackendUnknownError,
  ClosedError,
  DuplicateTaskError,
  JobNotFoundError,
  LeaseLostError,
  PoisonJobError,
  QueueFullError,
  QueueNotFoundError,
  QueueUnavailableError,
  RemoteTaskError,
  ResultTimeoutError,
  ResultUnavailableError,
  RetriesExhaustedError,
  ScheduleInvalidError,
  TaskCancelledError,
  TaskConfigError,
  TaskDeadlineError,
  TaskDiscardedError,
  TaskError,
  TaskExecutionError,
  TaskExpiredError,
  TaskNotFoundError,
  TaskRegistrationError,
  TaskRejectedError,
  TaskTimeoutError,
  TaskValidationError,
  TransitionNotAllowedError,
  UnsupportedError,
} from "./errors/task-errors.ts";
export { TaskDependencyCycleError, WorkflowError } from "./errors/workflow-errors.ts";
export { LockLostError, LockTimeoutError } from "./errors/lock-errors.ts";
export type { TaskQueueError } from "./errors/task-queue-error.ts";
export type { TaskErrorCode, TaskErrorFields, ValidationIssue } from "./errors/task-error-fields.ts";
export { type ErrorCodeDescription, TASK_ERROR_CODES } from "./errors/task-error-codes.ts";

// Jobs
export type {
  Body,
  DeadLetterReason,
  Headers,
  JobId,
  JobOutcome,
  JobRecord,
  JobView,
  NewJob,
  ReplayLink,
  Unique,
} from "./job/job.ts";
export {
  INITIAL_STATES,
  JOB_STATES,
  JOB_STATUSES,
  type JobState,
  type JobStatus,
  LEGAL_MOVES,
  isLegalMove,
  isTerminal,
  isUnstarted,
  publicStatus,
} from "./job/job-status.ts";
export { MAX_PRIORITY, MIN_PRIORITY, Priority, isPriority } from "./job/priority.ts";
export type { Delivery, Receipt, Settlement } from "./job/delivery.ts";
export { JobResult } from "./job/job-result.ts";

// Queues
export {
  type CallName,
  type CancelOutcome,
  type Claim,
  type Enqueued,
  type EnqueueManyOptions,
  type ExchangeReply,
  type ExchangeRequest,
  type ExtendReply,
  type JobChange,
  type JobQuery,
  TaskQueueProtocol,
  type TransactionHandle,
} from "./queue/task-queue.ts";
export {
  type Bucket,
  DEFAULT_KEEP_COMPLETED,
  DEFAULT_KEEP_FAILED,
  DEFAULT_MAX_RECOVERIES,
  MAX_DEPENDENCIES,
  type QueuePolicy,
  type Retention,
} from "./queue/queue-policy.ts";
export { FULL_CAPABILITIES, type QueueCapabilities } from "./queue/queue-capabilities.ts";
export type { QueueReplies } from "./queue/queue-replies.ts";
export type { BreakerStatus, QueueStats } from "./queue/queue-stats.ts";
export {
  DEAD_LETTER_REASONS,
  type DeadLetter,
  type DeadLetterQueueProtocol,
  type DeadLetterStats,
} from "./queue/dead-letters.ts";
export { TopicSubscription } from "./topic-subscription.ts";
export type {
  OutboxBatch,
  OutboxProtocol,
  OutboxReply,
  OutboxReport,
  OutboxRequest,
} from "./queue/outbox.ts";
export { InterruptibleWait } from "./queue/interruptible-wait.ts";
export { isStaleCall, staleCall } from "./queue/stale-call.ts";
export { SettledSubscription, SettledWaiters } from "./queue/settled-waiters.ts";
export {
  QueueShorthands,
  resending,
  type ShorthandCalls,
  type ShorthandOptions,
} from "./queue/queue-shorthands.ts";
export { extenderOver } from "./queue/lease-extender.ts";

// What every backend refuses, judged once
export { changeIssues, checkJobs, isBody, jobIssues } from "./queue/job-check.ts";
export {
  checkCall,
  checkExchange,
  checkExtend,
  checkSettlement,
  checkWait,
  isSerializedError,
} from "./queue/exchange-check.ts";
export { checkPolicy } from "./queue/policy-check.ts";
export {
  checkActiveQuery,
  checkClearQuery,
  checkJobId,
  checkJobIds,
  checkJobQuery,
  checkLetter,
  checkLetterQuery,
  checkPurge,
  checkRedriveQuery,
  checkSettledWatch,
  checkStatus,
} from "./queue/query-check.ts";
export {
  checkAcquire,
  checkBuckets,
  checkRelease,
  checkStateKey,
  checkStateListing,
  checkStateOptions,
  checkSubscribe,
  checkSummand,
  frozenJson,
  refuseStateCall,
} from "./state-check.ts";
export {
  arrayOption,
  countOption,
  functionOption,
  holdsOptions,
  queueNameOption,
  queueOption,
  refuseUnknownOptions,
  refuseUnless,
  requireOptions,
  serviceOption,
  shown,
  signalOption,
  spanOption,
  told,
} from "./option-check.ts";
export { Issues } from "./issues.ts";

// State and backends
export {
  type PutOptions,
  type PutOutcome,
  type StateBucket,
  type StateEntry,
  StateStoreProtocol,
  type TakeTokensOutcome,
} from "./state-store.ts";
export type { DistributedLockProtocol, LockWaitOptions } from "./distributed-lock.ts";
export {
  type BackendServices,
  type BackendSettings,
  type KeeperSpec,
  type LeaseExtender,
  type LeaseExtenderFactory,
  QUEUE_NAME,
  type QueueOptions,
  type TaskBackend,
  type TaskBackendFactory,
} from "./backend.ts";

// Facts that are announced
export {
  type AttemptEvent,
  DomainEvent,
  type JobEvent,
  type QueueAvailabilityHook,
  type CircuitHook,
  type QueuePolicyHook,
  type WorkerBlockedHook,
  type WorkerLoadHook,
  type WorkerRecycledHook,
  type ScheduleFiredHook,
  type ScheduleSkippedHook,
  type TaskCancelledHook,
  TaskCompletedEvent,
  type TaskCompletedHook,
  type TaskDeadHook,
  type TaskEnqueuedHook,
  type TaskEventName,
  type TaskEvents,
  type TaskExpiredHook,
  TaskFailedEvent,
  type TaskFailedHook,
  type TaskLeaseLostHook,
  TaskQueuedEvent,
  type TaskReceivedHook,
  type TaskRetriedHook,
  type TaskStartedHook,
  type WorkerHeartbeatHook,
} from "./events.ts";
export { type ProgressSnapshot, type ProgressStatus, ProgressTrackerProtocol } from "./progress.ts";
export { type PlainHandler, TaskExecutorProtocol } from "./executor.ts";
export type { TaskContextExtensions } from "./task-context-extensions.ts";
