import { type Logger, milliseconds, type Random, TaskConfigError } from "@lexigram/contracts";
import type { RegisteredTask } from "../define/registered-task.ts";
import type { QueueDefaults } from "../dispatch/queue-binding.ts";
import type { JobPolicy } from "../job/envelope.ts";
import type { RetryOptions } from "../retry/retry-options.ts";
import { backoffFields } from "../retry/backoff.ts";
import { RetryPolicy } from "../retry/retry-policy.ts";
import type { WorkerSettings } from "./worker-settings.ts";

export interface PlanServices {
  readonly settings: WorkerSettings;
  readonly defaults: QueueDefaults;
  readonly random: Random;
  readonly logger: Logger;
  /** Rules of tasks that have none of their own; its waits stand between the queue's and the configuration's. */
  readonly retryPolicy: RetryOptions | undefined;
}

/**
 * What holds for the jobs of one task in one queue, worked out once: task over queue over configuration, the waits
 * between attempts field by field. What a job carries itself wins over it.
 */
export class TaskPlan {
  readonly task: RegisteredTask;
  readonly maxAttempts: number;
  readonly timeoutMs: number;
  readonly retry: RetryPolicy;
  readonly maxDeferrals: number;
  /** Milliseconds; 0: never. */
  readonly inPlaceUpToMs: number;
  /** What a result is called in messages. */
  readonly resultSubject: string;
  readonly #services: PlanServices;
  #warned = false;

  constructor(task: RegisteredTask, services: PlanServices) {
    const { settings, defaults, retryPolicy, random, logger } = services;
    this.task = task;
    this.#services = services;
    this.maxAttempts = (task.policy.maxRetries ?? defaults.maxRetries ?? settings.maxRetries) + 1;
    this.maxDeferrals = task.policy.maxDeferrals;
    const inPlaceUpTo = task.policy.retry === undefined ? retryPolicy?.inPlaceUpTo : undefined;
    this.inPlaceUpToMs = inPlaceUpTo === undefined ? task.policy.inPlaceUpToMs : milliseconds(inPlaceUpTo);
    this.resultSubject = `the result of task "${task.name}"`;
    const named = task.policy.timeoutMs === undefined ? defaults.timeoutMs : task.policy.timeoutMs;
    this.timeoutMs = this.#limit(named);
    this.retry = new RetryPolicy(task.policy.retry ?? retryPolicy, { random, logger }).withBackoff({
      ...settings.backoff,
      ...(retryPolicy === undefined ? {} : backoffFields(retryPolicy, "retryPolicy")),
      ...defaults.backoff,
      ...task.policy.backoff,
    });
  }

  maxAttemptsOf(policy: JobPolicy | undefined): number {
    return policy?.maxRetries === undefined ? this.maxAttempts : policy.maxRetries + 1;
  }

  /** Milliseconds; `Infinity`: none. */
  timeoutOf(policy: JobPolicy | undefined): number {
    return policy?.timeoutMs === undefined ? this.timeoutMs : this.#limit(policy.timeoutMs);
  }

  /** Epoch milliseconds; `Infinity`: none. A job of a producer that knew no policy has its task's. */
  deadlineOf(policy: JobPolicy | undefined, createdAt: number): number {
    const { deadlineMs } = this.task.policy;
    return policy?.deadline ?? (deadlineMs === undefined ? Infinity : createdAt + deadlineMs);
  }

  retryOf(policy: JobPolicy | undefined): RetryPolicy {
    if (policy?.backoff === undefined) return this.retry;
    return this.retry.withBackoff({ ...this.retry.backoff, ...policy.backoff });
  }

  #limit(named: number | null | undefined): number {
    const { enforceTimeout, defaultTimeoutMs, maxTimeoutMs } = this.#services.settings;
    if (named === undefined) return enforceTimeout ? Math.min(defaultTimeoutMs, maxTimeoutMs) : Infinity;
    if (named === null) return enforceTimeout ? maxTimeoutMs : Infinity;
    if (!(named > 0))
      throw new TaskConfigError(`task "${this.task.name}": a timeout must be above 0`, { path: "timeout" });
    if (named <= maxTimeoutMs) return named;
    if (!this.#warned) {
      this.#warned = true;
      this.#services.logger.warn("a time limit was cut to the worker's maxTimeout", {
        task: this.task.name,
        timeoutMs: named,
        maxTimeoutMs,
      });
    }
    return maxTimeoutMs;
  }
}

/** The plans of one queue, made when a task is first run there. A task that was registered anew gets a new one. */
export class TaskPlans {
  readonly #services: PlanServices;
  readonly #byName = new Map<string, TaskPlan>();

  constructor(services: PlanServices) {
    this.#services = services;
  }

  /** @throws TaskConfigError for a policy that cannot hold. */
  of(task: RegisteredTask): TaskPlan {
    const known = this.#byName.get(task.name);
    if (known?.task === task) return known;
    const plan = new TaskPlan(task, this.#services);
    this.#byName.set(task.name, plan);
    return plan;
  }
}
