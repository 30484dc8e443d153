import { types } from "node:util";
import {
  type Body,
  type Duration,
  type Headers,
  holdsOptions,
  InvalidDurationError,
  type JobId,
  MAX_DEPENDENCIES,
  milliseconds,
  nearest,
  type NewJob,
  shown,
  TaskConfigError,
  TaskValidationError,
  told,
  type Unique,
} from "@lexigram/contracts";
import {
  BACKOFF_KEYS,
  checkedBackoff,
  checkKey,
  idempotencyUnique,
  scopedKey,
  uniqueRule,
} from "../define/task-policy.ts";
import { type CalmRule, debounceRule, throttleRule, WHOLE_TASK } from "../limit/calm-enqueue.ts";
import type { TaskSpec } from "../define/registered-task.ts";
import type { JobPolicy } from "../job/envelope.ts";
import { ENQUEUE_KEYS, type EnqueueOptions } from "./enqueue-options.ts";
import { HOST_NAME } from "./host-queues.ts";

const DEFAULT_PRIORITY = 5;
const JOB_ID = /^[^\s\p{Cc}]{1,128}$/u;
const A_DURATION = 'give milliseconds, or digits with units: "250ms", "30s", "1h30m"';
const LEVELS = "higher priorities run first; 5 is usual";
/** Options that each hold a key for the job. */
const SAME_KEY = ["idempotencyKey", "unique", "debounce", "throttle"] as const;
const KNOWN: ReadonlySet<string> = new Set(ENQUEUE_KEYS);

type Draft = { -readonly [K in keyof NewJob]: NewJob[K] };

function refuse(path: string, message: string, hint?: string): never {
  throw new TaskValidationError({ subject: "enqueue options", issues: [{ path, message }] }, { hint });
}

/**
 * Checks options of a call; a variable of a wider type, or a caller without types, gets past the compiler.
 *
 * @throws TaskValidationError naming the option that is unknown or at odds with another.
 */
export function checkEnqueueOptions(options: EnqueueOptions): void {
  if (!holdsOptions(options))
    refuse(
      "options",
      `must be an object, not ${told(options)}`,
      "the input comes first: enqueue(task, input, options)",
    );
  for (const key in options)
    if (!KNOWN.has(key)) {
      const near = nearest(key, KNOWN);
      refuse(key, "there is no such option", near === undefined ? undefined : `did you mean "${near}"?`);
    }
  if (options.queue !== undefined && typeof options.queue !== "string")
    refuse(
      "queue",
      `must be the name of a queue, not ${told(options.queue)}`,
      "queues are injected or named, never passed",
    );
  if (options.host !== undefined && !(typeof options.host === "string" && HOST_NAME.test(options.host)))
    refuse(
      "host",
      `must be the name of a machine, not ${told(options.host)}`,
      'give 1 to 64 letters, digits, ".", "_" and "-", or "localhost" for this one',
    );
  if (options.retry !== undefined) requireObject("retry", options.retry, "{ strategy, baseDelay, … }");
  if (options.unique !== undefined) requireObject("unique", options.unique, "{ key }");
  if (options.barrier !== undefined) requireObject("barrier", options.barrier, "{ size }");
  if (options.headers !== undefined) requireObject("headers", options.headers, "texts by name");
  if (options.labels !== undefined) requireObject("labels", options.labels, "texts by name");
  if (options.delay !== undefined && options.runAt !== undefined)
    refuse("runAt", "and delay exclude each other; give one of them", "leave out delay, or runAt");
  const [first, second] = SAME_KEY.filter((name) => options[name] !== undefined);
  if (second !== undefined)
    refuse(
      second,
      `and ${first} say the same thing in two ways; give one of them`,
      "each is short for a key that one job holds; leave out one of them",
    );
  for (const name of ["debounce", "throttle"] as const)
    if (options[name] !== undefined)
      requireObject(name, options[name], name === "debounce" ? "{ wait }" : "{ per }");
  if (options.debounce !== undefined && (options.delay !== undefined || options.runAt !== undefined))
    refuse("debounce", "and a delay both say when to start; give one of them", "debounce.wait is the delay");
  if (options.id !== undefined && !(typeof options.id === "string" && JOB_ID.test(options.id)))
    refuse("id", "an id has 1 to 128 characters without spaces", "leave it out to have one made up");
}

function requireObject(path: string, value: unknown, form: string): void {
  if (!holdsOptions(value))
    refuse(path, `must be an object, not ${told(value)}`, `give ${form}, or leave it out`);
}

/** What of a call's options travels in the envelope; `undefined` when nothing does. Its deadline counts from `now`. */
export function policyOf(options: EnqueueOptions, now: () => number): JobPolicy | undefined {
  const { maxRetries, retry, timeout, deadline, labels } = options;
  if (
    maxRetries === undefined &&
    retry === undefined &&
    timeout === undefined &&
    deadline === undefined &&
    labels === undefined
  )
    return undefined;
  const policy: { -readonly [K in keyof JobPolicy]: JobPolicy[K] } = {};
  if (maxRetries !== undefined) policy.maxRetries = count("maxRetries", maxRetries, 0);
  if (timeout !== undefined) policy.timeoutMs = timeout === null ? null : span("timeout", timeout);
  if (deadline !== undefined)
    policy.deadline = types.isDate(deadline)
      ? instant("deadline", deadline)
      : now() + span("deadline", deadline);
  if (retry !== undefined) policy.backoff = backoffOfCall(retry);
  if (labels !== undefined) policy.labels = texts("labels", labels);
  return policy;
}

/** Only the fields that were given, so that the others stay the task's. */
function backoffOfCall(retry: NonNullable<EnqueueOptions["retry"]>): NonNullable<JobPolicy["backoff"]> {
  for (const key of Object.keys(retry))
    if (!(BACKOFF_KEYS as readonly string[]).includes(key)) {
      const near = nearest(key, BACKOFF_KEYS);
      refuse(`retry.${key}`, "one call can change the backoff only", near && `did you mean "${near}"?`);
    }
  return valid(() => checkedBackoff("an enqueue", retry)) ?? {};
}

/** A job without options: what most jobs are. */
export function plainJob(
  spec: TaskSpec,
  id: JobId,
  body: Body,
  headers: Headers,
  queuePriority: number | undefined,
  parsed: unknown,
): NewJob {
  const { policy } = spec;
  const job: Draft = {
    id,
    task: spec.name,
    body,
    headers,
    priority: policy.priority ?? queuePriority ?? DEFAULT_PRIORITY,
  };
  if (policy.calmMs !== undefined) job.delayMs = policy.calmMs;
  if (policy.expiresInMs !== undefined) job.expiresInMs = policy.expiresInMs;
  if (policy.key !== undefined) job.key = policy.key(parsed);
  if (policy.unique !== undefined) job.unique = policy.unique(parsed);
  if (policy.maxRecoveries !== undefined) job.maxRecoveries = policy.maxRecoveries;
  if (policy.resultTtlMs !== undefined) job.resultTtlMs = policy.resultTtlMs;
  return job;
}

/**
 * Lays a call's options over a job.
 *
 * @throws TaskValidationError naming the option that is out of range.
 */
export function withOptions(job: NewJob, options: EnqueueOptions, now: () => number): NewJob {
  const draft: Draft = job;
  const { priority, delay, runAt, expiresIn, key, dependsOn, barrier, notifies, maxRecoveries, resultTtl } =
    options;
  if (priority !== undefined) {
    if (!(Number.isInteger(priority) && priority >= 0 && priority <= 20))
      refuse("priority", `must be a whole number from 0 to 20, not ${shown(priority)}`, LEVELS);
    draft.priority = priority;
  }
  if (delay !== undefined) draft.delayMs = duration("delay", delay);
  if (runAt !== undefined) draft.delayMs = Math.max(0, instant("runAt", runAt) - now());
  if (expiresIn !== undefined) draft.expiresInMs = span("expiresIn", expiresIn);
  if (key !== undefined) draft.key = checkKey("enqueue options", "key", key);
  const calm = calmOfCall(options);
  if (calm?.delayMs !== undefined) draft.delayMs = calm.delayMs;
  const unique = uniqueOfCall(job.task, options, calm);
  if (unique !== undefined) draft.unique = unique;
  if (dependsOn !== undefined) {
    if (!Array.isArray(dependsOn) || dependsOn.some((id) => typeof id !== "string"))
      refuse("dependsOn", "must be an array of ids");
    if (dependsOn.length > MAX_DEPENDENCIES) refuse("dependsOn", `takes at most ${MAX_DEPENDENCIES} ids`);
    draft.dependsOn = [...dependsOn];
  }
  if (barrier !== undefined) draft.barrier = { size: count("barrier.size", barrier.size, 1) };
  if (notifies !== undefined) {
    if (typeof notifies !== "string") refuse("notifies", `must be the id of a job, not ${told(notifies)}`);
    draft.notifies = notifies;
  }
  if (maxRecoveries !== undefined) draft.maxRecoveries = count("maxRecoveries", maxRecoveries, 0);
  if (resultTtl !== undefined) draft.resultTtlMs = resultTtl === null ? null : span("resultTtl", resultTtl);
  return draft;
}

function calmOfCall({ debounce, throttle }: EnqueueOptions): CalmRule | undefined {
  if (debounce !== undefined) return valid(() => debounceRule("an enqueue", debounce));
  return throttle === undefined ? undefined : valid(() => throttleRule("an enqueue", throttle));
}

function uniqueOfCall(task: string, options: EnqueueOptions, calm: CalmRule | undefined): Unique | undefined {
  const { unique, idempotencyKey } = options;
  if (calm !== undefined) {
    const path = options.debounce === undefined ? "throttle.key" : "debounce.key";
    const { key = WHOLE_TASK } = options.debounce ?? options.throttle!;
    return { key: scopedKey(task, checkKey("enqueue options", path, key)), ...calm.unique };
  }
  if (idempotencyKey !== undefined)
    return idempotencyUnique(task, checkKey("enqueue options", "idempotencyKey", idempotencyKey));
  if (unique === undefined) return undefined;
  const key = checkKey("enqueue options", "unique.key", unique.key);
  const { until } = unique;
  if (until === null || (typeof until !== "string" && typeof until !== "object" && until !== undefined))
    refuse(
      "unique.until",
      'must be "started", "settled" or { ttl }',
      "leave it out to hold the key until the job is over",
    );
  return { key: scopedKey(task, key), ...valid(() => uniqueRule("an enqueue", unique)) };
}

/** Options of a call are data of the caller: what is wrong with them is a refusal, not a broken configuration. */
function valid<T>(check: () => T): T {
  try {
    return check();
  } catch (error) {
    if (error instanceof TaskConfigError) refuse(error.fields.path, error.message, error.hint);
    throw error;
  }
}

function duration(path: string, value: Duration): number {
  const given: unknown = value;
  if (typeof given !== "string" && !Number.isFinite(given))
    refuse(
      path,
      `must be a duration, not ${typeof given === "number" ? String(given) : told(given)}`,
      A_DURATION,
    );
  try {
    return milliseconds(value);
  } catch (error) {
    if (error instanceof InvalidDurationError) refuse(path, error.message, error.hint);
    throw error;
  }
}

function span(path: string, value: Duration): number {
  const ms = duration(path, value);
  return ms > 0 ? ms : refuse(path, "must be longer than nothing");
}

function count(path: string, value: number, least: number): number {
  return Number.isInteger(value) && value >= least
    ? value
    : refuse(path, `must be a whole number of ${least} or more`);
}

function instant(path: string, value: Date): number {
  const at = types.isDate(value) ? value.getTime() : Number.NaN;
  return Number.isNaN(at) ? refuse(path, "must be a valid Date") : at;
}

function texts(path: string, value: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  for (const [name, text] of Object.entries<unknown>(value))
    if (typeof text !== "string") refuse(`${path}.${name}`, `must be a text, not ${typeof text}`);
  return value;
}
