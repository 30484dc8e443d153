/** Ids, names and keys are no longer than this. */
export const LONGEST_NAME = 512;
/** Entries of one page at most. */
const LONGEST_PAGE = 1_000;

export const NAME_RULE = `must be a text of 1 to ${LONGEST_NAME} characters`;
export const SPAN_RULE = "must be a number of milliseconds, 0 or more";
export const LENGTH_RULE = "must be a number of milliseconds above 0";
export const COUNT_RULE = "must be a whole number, 0 or more";
export const LIMIT_RULE = `must be a whole number from 1 to ${LONGEST_PAGE}`;
export const OBJECT_RULE = "must be an object";
export const ARRAY_RULE = "must be an array";
export const TEXT_RULE = "must be a text";
export const SIGNAL_RULE = "must be an AbortSignal";

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function isName(value: unknown): value is string {
  return typeof value === "string" && value.length > 0 && value.length <= LONGEST_NAME;
}

/** Milliseconds, 0 or more. */
export function isSpan(value: unknown): value is number {
  return typeof value === "number" && value >= 0 && value < Number.POSITIVE_INFINITY;
}

/** Milliseconds above 0. */
export function isLength(value: unknown): value is number {
  return isSpan(value) && value > 0;
}

export function isCount(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0;
}

export function isLimit(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 1 && (value as number) <= LONGEST_PAGE;
}

/** Judged by what is used of it, since signals of another realm are none of this one's class. */
export function isSignal(value: unknown): value is AbortSignal {
  return (
    typeof value === "object" &&
    value !== null &&
    typeof (value as AbortSignal).aborted === "boolean" &&
    typeof (value as AbortSignal).addEventListener === "function"
  );
}
