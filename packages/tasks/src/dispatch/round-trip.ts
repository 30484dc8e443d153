import { isDeepStrictEqual } from "node:util";
import { TaskValidationError } from "@lexigram/contracts";
import { inputSubject, parseInput } from "../define/input-validation.ts";
import type { TaskSpec } from "../define/registered-task.ts";

/**
 * Finds input that storing changes before a worker stumbles over it: a `Date` that becomes text, an `undefined` in an
 * array that becomes `null`, a class instance that loses its class. A change is fine when the schema makes the same of
 * both, as `z.coerce.date()` does.
 *
 * @param passed what the caller passed. @param parsed what the schema made of it. @param stored what a worker will read.
 * @throws TaskValidationError naming the first value that changed.
 */
export async function checkRoundTrip(
  spec: TaskSpec,
  passed: unknown,
  parsed: unknown,
  stored: unknown,
): Promise<void> {
  const path = changedPath(passed, stored);
  if (path === undefined) return;
  let cause: unknown;
  if (spec.schema !== undefined) {
    try {
      const again = await parseInput(spec.schema, stored, spec.name);
      if (changedPath(parsed, again) === undefined) return;
    } catch (error) {
      cause = error;
    }
  }
  throw new TaskValidationError(
    {
      subject: inputSubject(spec.name),
      issues: [
        {
          path: path.join("."),
          message: `storing changes it from ${kind(at(passed, path))} to ${kind(at(stored, path))}`,
        },
      ],
    },
    {
      cause,
      hint: "pass plain data, or let the schema turn it back, as z.coerce.date() does; the check runs outside production only",
    },
  );
}

/** Where two values first differ. A field that is absent and one that is `undefined` are alike. */
function changedPath(before: unknown, after: unknown): string[] | undefined {
  if (before === after) return undefined;
  if (!isObject(before) || !isObject(after))
    return Number.isNaN(before) && Number.isNaN(after) ? undefined : [];
  if (Object.getPrototypeOf(before) !== Object.getPrototypeOf(after) && !(isPlain(before) && isPlain(after)))
    return [];
  if (!Array.isArray(before) && !isPlain(before)) return isDeepStrictEqual(before, after) ? undefined : [];
  if (Array.isArray(before) && before.length !== after["length"]) return [];
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const rest = changedPath(before[key], after[key]);
    if (rest !== undefined) return [key, ...rest];
  }
  return undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function at(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((inner, key) => (isObject(inner) ? inner[key] : undefined), value);
}

function kind(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value !== "object") return typeof value === "string" ? "a text" : `a ${typeof value}`;
  const { name } = (value.constructor ?? Object) as { readonly name: string };
  return Array.isArray(value) ? "an array" : `a ${name === "Object" ? "plain object" : name}`;
}
