import { deepStrictEqual, ok } from "node:assert/strict";
import type { LexigramError, Result } from "@lexigram/contracts";

/** Fails unless both are deeply equal; `what` says in words what was looked at. */
export function same(actual: unknown, expected: unknown, what: string): void {
  try {
    deepStrictEqual(actual, expected);
  } catch (cause) {
    throw new Error(`${what}: expected ${show(expected)}, got ${show(actual)}`, { cause });
  }
}

/** Fails unless the condition holds. */
export function holds(condition: boolean, what: string): asserts condition {
  ok(condition, what);
}

/** The value, which must be there. */
export function present<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Error(`${what}: expected it to be there, got nothing`);
  return value;
}

/** Fails unless the promise rejects with an error of this code. */
export async function rejects(call: Promise<unknown>, code: string, what: string): Promise<LexigramError> {
  let value: unknown;
  try {
    value = await call;
  } catch (error) {
    if (codeOf(error) === code) return error as LexigramError;
    throw new Error(`${what}: expected a rejection with ${code}, got ${String(error)}`, { cause: error });
  }
  throw new Error(`${what}: expected a rejection with ${code}, got ${show(value)}`);
}

/** Fails unless the result is a refusal with this code. */
export function refused<E extends LexigramError>(
  result: Result<unknown, E> | undefined,
  code: E["code"],
  what: string,
): E {
  if (result === undefined || result.ok)
    throw new Error(`${what}: expected a refusal with ${code}, got ${show(result)}`);
  same(result.error.code, code, what);
  return result.error;
}

/** The value of a result, which must be a success. */
export function accepted<T>(result: Result<T, LexigramError> | undefined, what: string): T {
  if (result === undefined) throw new Error(`${what}: expected a result, got nothing`);
  if (!result.ok)
    throw new Error(`${what}: expected success, got ${result.error.code}`, { cause: result.error });
  return result.value;
}

export function codeOf(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null) return undefined;
  const { code } = error as { readonly code?: unknown };
  return typeof code === "string" ? code : undefined;
}

const LONGEST_SHOWN = 600;

function show(value: unknown): string {
  const text =
    JSON.stringify(value, (_, v: unknown) => {
      if (typeof v === "bigint") return `${v}n`;
      if (v instanceof Set) return [...v] as unknown[];
      if (v instanceof Uint8Array) return `bytes ${v.join(" ")}`;
      return v instanceof Error ? String(v) : v;
    }) ?? String(value);
  return text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)}…` : text;
}
