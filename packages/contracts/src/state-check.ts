import { TaskValidationError } from "./errors/task-errors.ts";
import type { JsonValue } from "./json.ts";
import { Issues } from "./issues.ts";
import type { PutOptions, StateBucket } from "./state-store.ts";
import {
  ARRAY_RULE,
  isLimit,
  isRecord,
  isSignal,
  LIMIT_RULE,
  LONGEST_NAME,
  OBJECT_RULE,
  SIGNAL_RULE,
} from "./value-rules.ts";

const SUBJECT = "a call of the state store";
const MAX_DEPTH = 200;
const WHOLE_RULE = "must be a whole number of at least 0";
const FINITE_RULE = "must be a finite number above 0";

/** Refuses one argument of a call. */
export function refuseStateCall(path: string, message: string): never {
  throw new TaskValidationError({ subject: SUBJECT, issues: [{ path, message }] });
}

/** @throws TaskValidationError when the value is no key, or no topic. */
export function checkStateKey(key: string, path: "key" | "topic" = "key"): void {
  if (!isKey(key, 1)) refuseStateCall(path, keyRule(1));
}

/**
 * @param known the options that the call has; `ttlMs` where it must be given.
 * @throws TaskValidationError naming every option that is unknown or out of range.
 */
export function checkStateOptions(
  options: PutOptions | undefined,
  known: readonly (keyof PutOptions)[],
  required?: "ttlMs",
): void {
  if (options === undefined && required === undefined) return;
  const issues = new Issues();
  if (!isRecord(options)) issues.add("options", OBJECT_RULE);
  else {
    issues.unknownIn(options, known);
    const { ttlMs, ifAbsent, ifVersion } = options as PutOptions;
    if ((ttlMs !== undefined || required !== undefined) && !isAbove0(ttlMs)) issues.add("ttlMs", FINITE_RULE);
    if (ifAbsent !== undefined && typeof ifAbsent !== "boolean")
      issues.add("ifAbsent", "must be true or false");
    if (ifVersion !== undefined && !Number.isFinite(ifVersion))
      issues.add("ifVersion", "must be the version of an entry");
  }
  issues.refuse(SUBJECT);
}

/** @throws TaskValidationError */
export function checkStateListing(
  prefix: string,
  page: { readonly cursor?: string; readonly limit?: number } | undefined,
): void {
  const issues = new Issues();
  if (!isKey(prefix, 0)) issues.add("prefix", keyRule(0));
  if (page !== undefined) {
    if (!isRecord(page)) issues.add("page", OBJECT_RULE);
    else {
      issues.unknownIn(page, ["cursor", "limit"]);
      if (page.limit !== undefined && !isLimit(page.limit)) issues.add("limit", LIMIT_RULE);
      if (page.cursor !== undefined && !isKey(page.cursor, 1)) issues.add("cursor", keyRule(1));
    }
  }
  issues.refuse(SUBJECT);
}

/** @throws TaskValidationError when the summand is not finite. */
export function checkSummand(by: number): void {
  if (!Number.isFinite(by)) refuseStateCall("by", "must be a finite number");
}

/** @throws TaskValidationError naming the bucket and its field. */
export function checkBuckets(buckets: readonly StateBucket[], n: number): void {
  const issues = new Issues();
  if (!isWhole(n)) issues.add("n", WHOLE_RULE);
  if (!Array.isArray(buckets)) issues.add("buckets", ARRAY_RULE);
  else {
    const seen = new Set<unknown>();
    for (let i = 0; i < buckets.length; i++) {
      const bucket: unknown = buckets[i];
      if (!isRecord(bucket)) {
        issues.add(`buckets.${i}`, OBJECT_RULE);
        continue;
      }
      const { key, rate, perMs, burst } = bucket as unknown as StateBucket;
      if (!isKey(key, 1)) issues.add(`buckets.${i}.key`, keyRule(1));
      else if (seen.has(key)) issues.add(`buckets.${i}.key`, "names a bucket twice");
      seen.add(key);
      if (!isAbove0(rate)) issues.add(`buckets.${i}.rate`, FINITE_RULE);
      if (!isAbove0(perMs)) issues.add(`buckets.${i}.perMs`, FINITE_RULE);
      if (!Number.isFinite(burst) || burst < 1) issues.add(`buckets.${i}.burst`, "must be at least 1");
    }
  }
  issues.refuse(SUBJECT);
}

/** @throws TaskValidationError */
export function checkAcquire(request: {
  readonly holder: string;
  readonly limit: number;
  readonly n: number;
  readonly ttlMs: number;
}): void {
  const issues = new Issues();
  if (!isRecord(request)) issues.add("request", OBJECT_RULE);
  else {
    issues.unknownIn(request, ["holder", "limit", "n", "ttlMs"]);
    if (!isKey(request.holder, 1)) issues.add("holder", keyRule(1));
    if (!isWhole(request.limit)) issues.add("limit", WHOLE_RULE);
    if (!isWhole(request.n)) issues.add("n", WHOLE_RULE);
    if (!isAbove0(request.ttlMs)) issues.add("ttlMs", FINITE_RULE);
  }
  issues.refuse(SUBJECT);
}

/** @throws TaskValidationError */
export function checkRelease(request: { readonly holder: string; readonly n?: number }): void {
  const issues = new Issues();
  if (!isRecord(request)) issues.add("request", OBJECT_RULE);
  else {
    issues.unknownIn(request, ["holder", "n"]);
    if (!isKey(request.holder, 1)) issues.add("holder", keyRule(1));
    if (request.n !== undefined && !isWhole(request.n)) issues.add("n", WHOLE_RULE);
  }
  issues.refuse(SUBJECT);
}

/** @throws TaskValidationError */
export function checkSubscribe(topic: string, signal: AbortSignal): void {
  checkStateKey(topic, "topic");
  if (!isSignal(signal)) refuseStateCall("signal", SIGNAL_RULE);
}

/**
 * A frozen copy of a value, as JSON would keep it: members that are `undefined` are left out, `-0` is 0.
 *
 * @param path names the value in the error.
 * @throws TaskValidationError for what JSON cannot hold, and for nesting deeper than 200.
 */
export function frozenJson(value: unknown, path: string): JsonValue {
  return copy(value, path, 0);
}

function copy(value: unknown, path: string, depth: number): JsonValue {
  if (typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "number") {
    if (!Number.isFinite(value)) refuseStateCall(path, `${value} has no form in JSON`);
    return value === 0 ? 0 : value;
  }
  if (typeof value !== "object") refuseStateCall(path, `a value of type ${typeof value} has no form in JSON`);
  if (value === null) return null;
  if (depth >= MAX_DEPTH) refuseStateCall(path, `nested deeper than ${MAX_DEPTH}`);
  if (Array.isArray(value))
    return Object.freeze(Array.from(value, (item: unknown, i) => copy(item, `${path}.${i}`, depth + 1)));
  const prototype: unknown = Object.getPrototypeOf(value);
  // Objects of another realm have a prototype of their own whose prototype is null.
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null)
    refuseStateCall(path, "an instance of a class is not plain data");
  const result: Record<string, JsonValue> = {};
  for (const [name, member] of Object.entries(value)) {
    if (member === undefined) continue;
    const kept = copy(member, `${path}.${name}`, depth + 1);
    if (name === "__proto__") Object.defineProperty(result, name, { value: kept, enumerable: true });
    else result[name] = kept;
  }
  return Object.freeze(result);
}

function keyRule(least: number): string {
  return `must be a text of ${least} to ${LONGEST_NAME} characters`;
}

function isKey(value: unknown, least: number): value is string {
  return typeof value === "string" && value.length >= least && value.length <= LONGEST_NAME;
}

function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isAbove0(value: unknown): value is number {
  return Number.isFinite(value) && (value as number) > 0;
}
