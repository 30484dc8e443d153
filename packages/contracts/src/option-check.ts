import { type Duration, milliseconds } from "./duration.ts";
import { InvalidDurationError } from "./errors/lexigram-error.ts";
import { QUEUE_NAME } from "./backend.ts";
import { TaskConfigError } from "./errors/task-errors.ts";
import { unknownKeys } from "./nearest.ts";
import { isRecord } from "./value-rules.ts";

/** Whether a value can hold options by name. */
export function holdsOptions(options: unknown): boolean {
  return isRecord(options);
}

/**
 * Refuses what cannot hold options, which callers without types pass.
 *
 * @param owner what the options are for, such as a class's name.
 * @throws TaskConfigError
 */
export function requireOptions(owner: string, options: unknown): asserts options is object {
  if (holdsOptions(options)) return;
  throw new TaskConfigError(
    `${owner} takes options as an object, not ${told(options)}`,
    { path: "options" },
    { hint: "pass an object with the options by name, or leave it out where it may be absent" },
  );
}

/** What a value is, for messages; never the value itself, which might be a secret. */
export function told(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "an array" : typeof value;
}

/**
 * Refuses options that nothing reads.
 *
 * @param owner what the options are for, such as a class's name.
 * @throws TaskConfigError naming the first unknown option, and the known one nearest to it; for what is no object.
 */
export function refuseUnknownOptions(owner: string, options: object, known: readonly string[]): void {
  requireOptions(owner, options);
  const [unknown] = unknownKeys(options, known);
  if (unknown === undefined) return;
  throw new TaskConfigError(
    `${owner} has no option "${unknown.key}"`,
    { path: unknown.key },
    {
      hint:
        unknown.nearest === undefined ? `it has: ${known.join(", ")}` : `did you mean "${unknown.nearest}"?`,
    },
  );
}

/**
 * The milliseconds of an option that is a span of time.
 *
 * @throws TaskConfigError when it is not a duration, not above `above`, or above `atMost` (milliseconds).
 */
export function spanOption(
  owner: string,
  path: string,
  value: Duration,
  bounds: { readonly above?: number; readonly atMost?: number } = {},
): number {
  try {
    const ms = milliseconds(value);
    if (ms > (bounds.above ?? -1) && ms <= (bounds.atMost ?? Infinity)) return ms;
  } catch (error) {
    if (!(error instanceof InvalidDurationError)) throw error;
    throw new TaskConfigError(
      `${path} of ${owner}: ${error.message}`,
      { path },
      { hint: error.hint, cause: error },
    );
  }
  const least = bounds.above === undefined ? "" : ` above ${bounds.above} ms`;
  const most = bounds.atMost === undefined ? "" : ` of at most ${bounds.atMost} ms`;
  throw new TaskConfigError(
    `${path} of ${owner} must be a duration${least}${most}`,
    { path },
    { hint: `pass milliseconds, or a text such as "30s"${least}${most}` },
  );
}

/** @throws TaskConfigError when the option is not a whole number of at least `least`. */
export function countOption(owner: string, path: string, value: number, least: number): number {
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw new TaskConfigError(
    `${path} of ${owner} must be a whole number of at least ${least}`,
    { path },
    { hint: `pass ${least} or more, without a fraction` },
  );
}

/** @throws TaskConfigError when the option is no name that a queue may have. */
export function queueNameOption(owner: string, path: string, value: string): string {
  if (typeof value === "string" && QUEUE_NAME.test(value)) return value;
  throw new TaskConfigError(
    `${path} of ${owner} is no name for a queue: ${typeof value === "string" ? JSON.stringify(value) : told(value)}`,
    { path },
    { hint: "use 1 to 128 letters, digits, and . _ - : , beginning with a letter or digit" },
  );
}
