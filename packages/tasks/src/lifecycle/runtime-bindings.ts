import { named, ProgressTrackerProtocol, StateStoreProtocol, TaskQueueProtocol } from "@lexigram/contracts";
import type { BootContainer, ContainerRegistrar, Injectable } from "@lexigram/kernel";
import { BackgroundTaskManager } from "../background/background-task-manager.ts";
import { TaskConfig } from "../config/task-config.ts";
import { DeadLetterQueue } from "../dead-letter/dead-letter-queue.ts";
import { HandlerRegistry } from "../define/handler-registry.ts";
import { TaskBackendRegistry } from "../dispatch/backend-registry.ts";
import type { QueueBinding } from "../dispatch/queue-binding.ts";
import { TaskDispatcher } from "../dispatch/task-dispatcher.ts";
import { TaskEmitter } from "../events/task-emitter.ts";
import { QueueRateLimiter } from "../limit/rate-limiters.ts";
import { IdempotencyManager } from "../idempotency/idempotency-manager.ts";
import { IdempotentTaskManager } from "../idempotency/idempotent-task-manager.ts";
import { LockManager } from "../lock/lock-manager.ts";
import { MetricsMiddleware } from "../middleware/metrics-middleware.ts";
import { TaskMiddlewarePipeline } from "../middleware/pipeline.ts";
import { TaskDashboard } from "../observability/task-dashboard.ts";
import { ProgressStore } from "../progress/progress-store.ts";
import { ResultStore } from "../results/result-store.ts";
import { TaskScheduler } from "../schedule/task-scheduler.ts";
import { TaskWorkflows } from "../workflow/task-workflows.ts";
import { WorkflowStateStore } from "../workflow/workflow-state-store.ts";
import { WorkerPool } from "../worker/worker-pool.ts";
import type { TaskRuntime } from "./task-runtime.ts";

/** What the provider binds once it has booted. */
const BOUND: readonly Injectable<unknown>[] = [
  TaskQueueProtocol,
  StateStoreProtocol,
  TaskDispatcher,
  WorkerPool,
  TaskMiddlewarePipeline,
  ResultStore,
  ProgressTrackerProtocol,
  ProgressStore,
  DeadLetterQueue,
  TaskDashboard,
  TaskEmitter,
  MetricsMiddleware,
  TaskScheduler,
  TaskWorkflows,
  WorkflowStateStore,
  BackgroundTaskManager,
  QueueRateLimiter,
  LockManager,
  IdempotencyManager,
  IdempotentTaskManager,
];

/** What a module that lists the provider exports; a token stands for the services of its kind by name, too. */
export const EXPORTED: readonly Injectable<unknown>[] = [
  ...BOUND,
  TaskConfig,
  HandlerRegistry,
  TaskBackendRegistry,
];

export function declareRuntime(container: ContainerRegistrar): void {
  for (const key of BOUND) container.declare(key);
}

/** The tokens of one queue by its name in the application: its own and that of its state. */
const queueTokens = (name: string): readonly Injectable<unknown>[] => [
  named(TaskQueueProtocol, name),
  named(StateStoreProtocol, name),
];

export function declareQueue(container: ContainerRegistrar, name: string): void {
  for (const key of queueTokens(name)) container.declare(key);
}

export function bindQueue(container: BootContainer, { name, queue, state }: QueueBinding): void {
  container.bind(named(TaskQueueProtocol, name), queue);
  container.bind(named(StateStoreProtocol, name), state);
}

export function bindRuntime(container: BootContainer, runtime: TaskRuntime): void {
  const { queue, state } = runtime.queues.primary;
  const { clock } = runtime;
  container.bind(TaskQueueProtocol, queue);
  container.bind(StateStoreProtocol, state);
  container.bind(TaskDispatcher, runtime.dispatcher);
  container.bind(WorkerPool, runtime.pool);
  container.bind(TaskMiddlewarePipeline, runtime.pipeline);
  container.bind(ResultStore, runtime.results);
  container.bind(ProgressTrackerProtocol, runtime.progress);
  container.bind(ProgressStore, runtime.progressStore);
  container.bind(DeadLetterQueue, runtime.deadLetters);
  container.bind(TaskDashboard, runtime.dashboard);
  container.bind(TaskEmitter, runtime.emitter);
  container.bind(MetricsMiddleware, runtime.metrics);
  container.bind(QueueRateLimiter, new QueueRateLimiter({ state, clock }));
  container.bind(TaskWorkflows, runtime.workflows);
  container.bind(WorkflowStateStore, runtime.workflows.store);
  container.bind(LockManager, runtime.shared.locks);
  container.bind(IdempotencyManager, runtime.shared.idempotency);
  container.bind(IdempotentTaskManager, runtime.shared.idempotentTasks);
  for (const binding of runtime.queues.all()) bindQueue(container, binding);
}
