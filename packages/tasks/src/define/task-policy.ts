import {
  type AnySchema,
  countOption,
  type Duration,
  isPriority,
  QUEUE_NAME,
  refuseUnknownOptions,
  shown,
  spanOption,
  TaskConfigError,
  TaskValidationError,
  type Unique,
} from "@lexigram/contracts";
import { breakerRule } from "../breaker/breaker-options.ts";
import { type CalmRule, debounceRule, throttleRule, WHOLE_TASK } from "../limit/calm-enqueue.ts";
import { checkedRate } from "../limit/rate.ts";
import type { TaskLimits } from "../limit/task-limits.ts";
import { type Backoff, backoffFields } from "../retry/backoff.ts";
import type { RetryOptions } from "../retry/retry-options.ts";
import type { TaskPolicy } from "./registered-task.ts";
import { checkTaskName } from "./task-name.ts";
import type { TaskOptions, UniqueOptions } from "./task-options.ts";

export const TASK_KEYS: readonly string[] = [
  "name",
  "queue",
  "input",
  "output",
  "priority",
  "maxRetries",
  "retry",
  "timeout",
  "expiresIn",
  "deadline",
  "idempotencyKey",
  "unique",
  "key",
  "concurrency",
  "rateLimit",
  "circuitBreaker",
  "debounce",
  "throttle",
  "labels",
  "resultTtl",
  "maxRecoveries",
  "maxDeferrals",
  "ackMode",
];
export const BACKOFF_KEYS = ["strategy", "baseDelay", "factor", "maxDelay", "jitter"] as const;
const CLASS_RULES = ["retryOn", "abortOn"] as const;
const FUNCTION_RULES = ["retryIf", "abortIf", "retryOnResult", "onRetry"] as const;
const RULE_KEYS = [...CLASS_RULES, ...FUNCTION_RULES, "inPlaceUpTo"] as const;
const UNIQUE_KEYS = ["key", "until", "onConflict"];
const ON_CONFLICT = ["reject", "existing", "replace"];

const IDEMPOTENCY_TTL_MS = 86_400_000;
const DEFAULT_MAX_DEFERRALS = 100;
const MAX_KEY_LENGTH = 512;

/** @throws TaskConfigError about one option of `owner`. */
function refuseOption(owner: string, path: string, rule: string): never {
  throw new TaskConfigError(`${path} of ${owner} ${rule}`, { path });
}

const defined = (value: object, keys: readonly string[]): boolean =>
  keys.some((key) => (value as Record<string, unknown>)[key] !== undefined);

/** A span that must be longer than nothing, in milliseconds. */
function spanOf(owner: string, path: string, value: Duration | undefined): number | undefined {
  return value === undefined ? undefined : spanOption(owner, path, value, { above: 0 });
}

function countOf(owner: string, path: string, value: number | undefined): number | undefined {
  return value === undefined ? undefined : countOption(owner, path, value, 0);
}

function priorityOf(owner: string, value: number | undefined): number | undefined {
  if (value === undefined || isPriority(value)) return value;
  return refuseOption(owner, "priority", `must be a whole number from 0 to 20, not ${shown(value)}`);
}

/**
 * Checks a task's options and turns them into milliseconds, once, when the task is defined.
 *
 * @param name the task's name, which keys are prefixed with; default the options' own.
 * @throws TaskConfigError naming the option that is unknown, out of range, or at odds with another.
 */
export function compilePolicy(options: TaskOptions<AnySchema>, name: string = options.name): TaskPolicy {
  checkTaskName(name);
  const owner = `task "${name}"`;
  refuseUnknownOptions(owner, options, TASK_KEYS);
  checkSchema(owner, "input", options.input);
  checkSchema(owner, "output", (options as { readonly output?: unknown }).output);
  const queue = options.queue ?? "default";
  if (typeof queue !== "string" || !QUEUE_NAME.test(queue))
    refuseOption(owner, "queue", `is no queue's name: ${shown(queue)}`);
  const ackMode = options.ackMode ?? "after";
  if (!["after", "before"].includes(ackMode)) refuseOption(owner, "ackMode", 'must be "after" or "before"');
  return {
    queue,
    priority: priorityOf(owner, options.priority),
    maxRetries: countOf(owner, "maxRetries", options.maxRetries),
    ...compileRetry(owner, options.retry),
    timeoutMs: options.timeout === null ? null : spanOf(owner, "timeout", options.timeout),
    expiresInMs: spanOf(owner, "expiresIn", options.expiresIn),
    deadlineMs: spanOf(owner, "deadline", options.deadline),
    resultTtlMs: options.resultTtl === null ? null : spanOf(owner, "resultTtl", options.resultTtl),
    maxRecoveries: countOf(owner, "maxRecoveries", options.maxRecoveries),
    maxDeferrals: countOf(owner, "maxDeferrals", options.maxDeferrals) ?? DEFAULT_MAX_DEFERRALS,
    ackMode,
    labels: Object.freeze({ ...textsOf(owner, "labels", options.labels ?? {}) }),
    ...compileUnique(owner, name, options),
    ...compileLimits(owner, options),
    breaker:
      options.circuitBreaker === undefined
        ? undefined
        : breakerRule(owner, "circuitBreaker", options.circuitBreaker),
    constantKey: typeof options.idempotencyKey === "string" && options.input !== undefined,
  };
}

function checkSchema(owner: string, path: string, schema: unknown): void {
  const standard = (schema as Partial<AnySchema> | undefined)?.["~standard"];
  if (schema !== undefined && typeof standard?.validate !== "function")
    refuseOption(owner, path, "must be a Standard Schema validator, such as z.object({ … })");
}

/** @throws TaskConfigError unless every field is a text. */
function textsOf(owner: string, path: string, texts: Readonly<Record<string, string>>): typeof texts {
  if (typeof texts !== "object") refuseOption(owner, path, "must be an object of texts");
  for (const [name, text] of Object.entries<unknown>(texts))
    if (typeof text !== "string")
      refuseOption(owner, `${path}.${name}`, `must be a text, not ${typeof text}`);
  return texts;
}

function compileRetry(
  owner: string,
  options: RetryOptions | undefined,
): Pick<TaskPolicy, "backoff" | "retry" | "inPlaceUpToMs"> {
  if (options === undefined) return { backoff: undefined, retry: undefined, inPlaceUpToMs: 0 };
  refuseUnknownOptions(`retry of ${owner}`, options, [...BACKOFF_KEYS, ...RULE_KEYS]);
  for (const rule of CLASS_RULES) {
    const classes: unknown = options[rule] ?? [];
    if (!Array.isArray(classes) || classes.some((one) => typeof one !== "function"))
      refuseOption(owner, `retry.${rule}`, "must be an array of error classes");
  }
  for (const rule of FUNCTION_RULES)
    if (options[rule] !== undefined && typeof options[rule] !== "function")
      refuseOption(owner, `retry.${rule}`, "must be a function");
  return {
    backoff: checkedBackoff(owner, options),
    retry: defined(options, RULE_KEYS) ? options : undefined,
    inPlaceUpToMs: spanOf(owner, "retry.inPlaceUpTo", options.inPlaceUpTo) ?? 0,
  };
}

/** The fields of a backoff that the options name; `undefined` when they name none. */
export function checkedBackoff(owner: string, options: RetryOptions): Partial<Backoff> | undefined {
  if (!defined(options, BACKOFF_KEYS)) return undefined;
  for (const field of ["baseDelay", "maxDelay"] as const)
    if (options[field] !== undefined) spanOption(owner, `retry.${field}`, options[field]);
  return backoffFields(options, "retry");
}

function compileUnique(
  owner: string,
  name: string,
  options: TaskOptions<AnySchema>,
): Pick<TaskPolicy, "unique" | "calmMs"> {
  const { idempotencyKey, unique, debounce, throttle } = options;
  const [first, second] = Object.entries({ idempotencyKey, unique, debounce, throttle }).flatMap(
    ([field, value]) => (value === undefined ? [] : [field]),
  );
  if (second !== undefined)
    refuseOption(owner, second, `and ${first} say the same thing in two ways; give one of them`);
  if (idempotencyKey !== undefined) {
    const key = compileKey(owner, "idempotencyKey", idempotencyKey);
    return { calmMs: undefined, unique: (input) => idempotencyUnique(name, key?.(input) ?? "") };
  }
  if (debounce !== undefined)
    return compileCalm(owner, name, "debounce.key", debounce.key, debounceRule(owner, debounce));
  if (throttle !== undefined)
    return compileCalm(owner, name, "throttle.key", throttle.key, throttleRule(owner, throttle));
  if (unique === undefined) return { unique: undefined, calmMs: undefined };
  const rule = uniqueRule(owner, unique);
  const key = compileKey(owner, "unique.key", unique.key);
  if (key === undefined) return refuseOption(owner, "unique.key", "is missing");
  return { calmMs: undefined, unique: (input) => ({ key: scopedKey(name, key(input)), ...rule }) };
}

function compileCalm(
  owner: string,
  name: string,
  path: string,
  key: Parameters<typeof compileKey>[2],
  { unique, delayMs }: CalmRule,
): Pick<TaskPolicy, "unique" | "calmMs"> {
  const keyOf = compileKey(owner, path, key ?? WHOLE_TASK)!;
  return { calmMs: delayMs, unique: (input) => ({ key: scopedKey(name, keyOf(input)), ...unique }) };
}

function compileLimits(owner: string, options: TaskOptions<AnySchema>): Pick<TaskPolicy, "key" | "limits"> {
  const { concurrency, rateLimit, key } = options;
  if (key !== undefined && rateLimit?.key !== undefined)
    refuseOption(owner, "rateLimit.key", "and key both name the lane of its jobs; give one of them");
  const lane =
    rateLimit?.key === undefined
      ? compileKey(owner, "key", key)
      : compileKey(owner, "rateLimit.key", rateLimit.key);
  if (concurrency === undefined && rateLimit === undefined) return { key: lane, limits: undefined };
  const limits: { -readonly [K in keyof TaskLimits]: TaskLimits[K] } = {};
  if (concurrency !== undefined) limits.concurrency = countOption(owner, "concurrency", concurrency, 1);
  if (rateLimit !== undefined) {
    const bucket = checkedRate(owner, "rateLimit", rateLimit, ["key"]);
    if (rateLimit.key === undefined) limits.rate = bucket;
    else limits.keyRate = bucket;
  }
  return { key: lane, limits };
}

/** `unique` without its key, checked. */
export function uniqueRule(
  owner: string,
  unique: Partial<UniqueOptions>,
): Pick<Unique, "until" | "onConflict"> {
  refuseUnknownOptions(`unique of ${owner}`, unique, UNIQUE_KEYS);
  const { until = "settled", onConflict = "reject" } = unique;
  if (!ON_CONFLICT.includes(onConflict))
    refuseOption(owner, "unique.onConflict", 'must be one of "reject", "existing", "replace"');
  if (until === "started" || until === "settled") return { until, onConflict };
  const { ttl } = until as { readonly ttl?: Duration };
  if (ttl === undefined)
    return refuseOption(owner, "unique.until", 'must be "started", "settled" or { ttl }');
  return { until: { ttlMs: spanOption(owner, "unique.until.ttl", ttl, { above: 0 }) }, onConflict };
}

/** Keys of two tasks never meet. */
export function scopedKey(taskName: string, key: string): string {
  return `${taskName}:${key}`;
}

export function idempotencyUnique(taskName: string, key: string): Unique {
  return { key: scopedKey(taskName, key), until: { ttlMs: IDEMPOTENCY_TTL_MS }, onConflict: "existing" };
}

/** @throws TaskConfigError for what is neither a function nor a text of 1 to 512 characters. */
export function compileKey(
  owner: string,
  path: string,
  key: string | ((input: never) => string) | undefined,
): ((input: unknown) => string) | undefined {
  if (key === undefined) return undefined;
  if (typeof key === "function") return (input) => checkKey(owner, path, key(input as never));
  if (typeof key !== "string" || key === "" || key.length > MAX_KEY_LENGTH)
    return refuseOption(
      owner,
      path,
      `must be a function of the input, or a text of 1 to ${MAX_KEY_LENGTH} characters`,
    );
  return () => key;
}

/** @throws TaskValidationError when a key is no text of 1 to 512 characters. */
export function checkKey(subject: string, path: string, key: unknown): string {
  if (typeof key === "string" && key !== "" && key.length <= MAX_KEY_LENGTH) return key;
  const given = typeof key === "string" ? `one of ${key.length}` : shown(key);
  const message = `a key is a text of 1 to ${MAX_KEY_LENGTH} characters, not ${given}`;
  throw new TaskValidationError({ subject, issues: [{ path, message }] });
}
