import { LOG_LEVELS, MAX_PRIORITY, MIN_PRIORITY, QUEUE_NAME, type TaskBackend } from "@lexigram/contracts";
import { z } from "zod";
import { HOST_NAME } from "../dispatch/host-queues.ts";
import {
  duration,
  durationOrNone,
  flag,
  free,
  numeric,
  oneOf,
  section,
  share,
  text,
  whole,
} from "./field-types.ts";
import type { TaskConfigOptions } from "./task-config-options.ts";

const queueName = z
  .string({ error: "must be a text" })
  .regex(
    QUEUE_NAME,
    "must be 1 to 128 letters, digits, '.', '_', '-' or ':', beginning with a letter or digit",
  );

const backoff = {
  strategy: oneOf("exponential", "linear", "fixed").optional(),
  baseDelay: duration().optional(),
  factor: numeric("a number of 1 or more", (n) => n >= 1).optional(),
  maxDelay: duration().optional(),
  jitter: share.optional(),
};

const selection = {
  type: text.optional(),
  redisUrl: text.optional(),
  amqpUrl: text.optional(),
  postgresDsn: text.optional(),
  extra: free.optional(),
};

const rateFields = {
  rate: numeric("a number above 0", (n) => n > 0),
  per: duration(1).optional(),
  burst: numeric("a number of 1 or more", (n) => n >= 1).optional(),
};
const limits = { concurrency: whole(1).optional(), rate: section(rateFields).optional() };

const queueNames = z.preprocess(
  // As the environment says it.
  (value) => (typeof value === "string" ? value.split(",").map((name) => name.trim()) : value),
  z.array(text),
);

const policy = section({
  ...limits,
  perTask: z.record(z.string(), section(limits)).optional(),
  perKey: section({
    ...limits,
    order: oneOf("fifo", "any").optional(),
    fair: flag.optional(),
    onFailure: oneOf("continue", "block").optional(),
  }).optional(),
});

const retentionParts = section({ age: duration().optional(), count: whole(0).optional() });
const retention = z.preprocess(
  (value) => (value === "0" ? 0 : value),
  z.union([z.literal(0), retentionParts], {
    error: "must be 0, or { age, count } with a duration and a whole number",
  }),
);

function isBackend(value: unknown): value is TaskBackend {
  const { type, queue, health, close } = (value ?? {}) as Partial<Record<keyof TaskBackend, unknown>>;
  const calls = [queue, health, close].every((member) => typeof member === "function");
  return typeof type === "string" && calls;
}

const entryFields = {
  name: queueName,
  primary: flag.optional(),
  backend: z.custom<TaskBackend>(isBackend, "must be a backend, as redisBackend(...) makes it").optional(),
  ...selection,
  queueName: queueName.optional(),
  host: z.string().regex(HOST_NAME, 'must be the name of a machine, or "localhost" for this one').optional(),
  state: text.optional(),
  outbox: text.optional(),
  consume: flag.optional(),
  concurrency: whole(1).optional(),
  weight: numeric("a number above 0", (n) => n > 0).optional(),
  maxSize: whole(1).optional(),
  timeout: durationOrNone(1).optional(),
  maxRetries: whole(0).optional(),
  retry: section(backoff).optional(),
  priority: whole(MIN_PRIORITY, MAX_PRIORITY).optional(),
  aging: duration(1).optional(),
  keepCompleted: retention.optional(),
  keepFailed: retention.optional(),
  policy: policy.optional(),
  circuitBreaker: section({
    failures: whole(1).optional(),
    resetTimeout: duration(1).optional(),
    halfOpenProbes: whole(1).optional(),
    isFailure: z
      .custom<(error: unknown) => boolean>(
        (value) => typeof value === "function",
        "must be a function, given in code",
      )
      .optional(),
  }).optional(),
};
const entry = section(entryFields, { attempts: "maxRetries", maxAttempts: "maxRetries" });

const limitsOfTime = {
  defaultTimeout: duration(1).optional(),
  maxTimeout: duration(1).optional(),
  enforceTimeout: flag.optional(),
};

const workerFields = {
  workerCount: whole(0).optional(),
  maxConcurrentTasks: whole(1).optional(),
  pollInterval: duration(1).optional(),
  shutdownTimeout: duration().optional(),
  ...limitsOfTime,
  lease: duration(100).optional(),
  grace: duration().optional(),
  prefetch: z
    .union([z.literal("auto"), whole(0)], { error: 'must be "auto" or a whole number of 0 or more' })
    .optional(),
  maxClaimBytes: whole(1).optional(),
  unknownTask: section({
    policy: oneOf("retry", "dead-letter").optional(),
    delay: duration().optional(),
    limit: whole(0).optional(),
  }).optional(),
  requeueFloor: duration().optional(),
  heartbeat: duration(100).optional(),
  keeper: flag.optional(),
  onBlocked: oneOf("warn", "ignore", "exit").optional(),
  maxLoad: numeric(
    "a number of 0 or more, or -1 for the number of CPUs",
    (n) => n >= 0 || n === -1,
  ).optional(),
  maxLag: duration(1).optional(),
  maxRunTime: duration(1).optional(),
  recycleExitCode: whole(0, 255).optional(),
};
const worker = section(workerFields, { concurrency: "maxConcurrentTasks", workers: "workerCount" });

const scheduler = section({
  enabled: flag.optional(),
  checkInterval: duration(1).optional(),
  timezone: text.optional(),
  misfireThreshold: duration(1).optional(),
  misfireWindow: duration(1).optional(),
});

const retryFields = { ...backoff, maxRetries: whole(0).optional(), maxAttempts: whole(1).optional() };
const retry = section(retryFields, { attempts: "maxAttempts", retries: "maxRetries" });

const fields = {
  name: text.optional(),
  enabled: flag.optional(),
  env: text.optional(),
  enqueueTimeout: duration(1).optional(),
  logLevel: oneOf(...(LOG_LEVELS as readonly ["debug", "info", "warn", "error", "silent"])).optional(),
  backend: section({ ...selection, queueName: queueName.optional() }).optional(),
  backends: z.array(entry).optional(),
  worker: worker.optional(),
  scheduler: scheduler.optional(),
  locks: section({ ttl: duration(100).optional(), pollInterval: duration(1).optional() }).optional(),
  idempotency: section({ ttl: duration(1).optional(), lease: duration(100).optional() }).optional(),
  timeout: section(limitsOfTime).optional(),
  retry: retry.optional(),
  rateLimit: section({
    enabled: flag.optional(),
    rate: rateFields.rate.optional(),
    per: rateFields.per,
    burst: rateFields.burst,
  }).optional(),
  limits: z.record(z.string(), section({ queues: queueNames.optional(), ...limits })).optional(),
  results: section({ ttl: durationOrNone(1).optional() }).optional(),
  deadLetters: section({ maxSize: whole(1).optional(), retention: duration(1).optional() }).optional(),
  payload: section({ maxBytes: whole(1).optional(), maxDepth: whole(1).optional() }).optional(),
  errors: section({
    stacks: flag.optional(),
    redact: z
      .custom<(text: string) => string>(
        (value) => typeof value === "function",
        "must be a function, given in code",
      )
      .optional(),
  }).optional(),
  extra: free.optional(),
};

/**
 * The section `tasks`, checked and with text turned into the types of its fields; durations become milliseconds.
 * Nothing is filled in, so that what is absent can still be given by a stronger source. Checking twice changes
 * nothing.
 */
export const taskConfigSchema = section(fields, {
  concurrency: "worker.maxConcurrentTasks",
  workerCount: "worker.workerCount",
  maxRetries: "retry.maxRetries",
  maxAttempts: "retry.maxAttempts",
  attempts: "retry.maxAttempts",
  enableScheduler: "scheduler.enabled",
  timezone: "scheduler.timezone",
}) as unknown as z.ZodType<TaskConfigOptions>;
