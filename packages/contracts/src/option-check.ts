import { type Duration, milliseconds } from "./duration.ts";
import { InvalidDurationError } from "./errors/lexigram-error.ts";
import { QUEUE_NAME } from "./backend.ts";
import { TaskConfigError, TaskValidationError } from "./errors/task-errors.ts";
import { unknownKeys } from "./nearest.ts";
import { isRecord, isSignal } from "./value-rules.ts";

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

const MOST_SHOWN = 100;

/** A value as a message may show it: what has no parts as it is written, cut at 100 characters; of the rest its kind. */
export function shown(value: unknown): string {
  if (typeof value === "string")
    return JSON.stringify(value.length > MOST_SHOWN ? `${value.slice(0, MOST_SHOWN)}…` : value);
  return typeof value === "number" || typeof value === "boolean" || typeof value === "bigint"
    ? String(value)
    : told(value);
}

/**
 * Refuses an argument of a call.
 *
 * @param subject the call, or what its argument is.
 * @param path dotted path inside the subject; empty for the whole of it.
 * @param rule what it must be.
 * @throws TaskValidationError unless `holds`.
 */
export function refuseUnless(holds: boolean, subject: string, path: string, rule: string): void {
  if (!holds) throw new TaskValidationError({ subject, issues: [{ path, message: rule }] });
}

/** The methods by which a service is known, whatever its class. */
const SERVICES = {
  clock: ["now", "monotonic", "setTimer"],
  logger: ["debug", "info", "warn", "error"],
  "state store": ["get", "put", "subscribe"],
} as const;

/**
 * @param part of a queue that the owner works with.
 * @throws TaskConfigError when the value cannot be a queue.
 */
export function queueOption<T>(
  owner: string,
  path: string,
  queue: T,
  part: "capabilities" | "deadLetters",
): T {
  if (isRecord(queue) && isRecord((queue as Readonly<Record<string, unknown>>)[part])) return queue;
  throw new TaskConfigError(
    `${path} of ${owner} must be a queue, not ${told(queue)}`,
    { path },
    { hint: "pass a queue that a backend has opened, or one that was injected" },
  );
}

/** @throws TaskConfigError when the value is no service of that kind. */
export function serviceOption<T>(owner: string, path: string, kind: keyof typeof SERVICES, value: T): T {
  const methods: readonly string[] = SERVICES[kind];
  const given = value as Readonly<Record<string, unknown>> | null | undefined;
  if (
    (typeof given === "object" || typeof given === "function") &&
    given !== null &&
    methods.every((method) => typeof given[method] === "function")
  )
    return value;
  throw new TaskConfigError(
    `${path} of ${owner} must be a ${kind}, not ${told(value)}`,
    { path },
    { hint: `pass an object with the methods of a ${kind}: ${methods.join(", ")}` },
  );
}

/** @throws TaskConfigError when the value is no function. */
export function functionOption<T>(owner: string, path: string, value: T): T {
  if (typeof value === "function") return value;
  throw new TaskConfigError(
    `${path} of ${owner} must be a function, not ${told(value)}`,
    { path },
    { hint: "pass a function, or leave it out where it may be absent" },
  );
}

/** @throws TaskConfigError when the value is no array. */
export function arrayOption<T>(owner: string, path: string, value: T): T {
  if (Array.isArray(value)) return value;
  throw new TaskConfigError(
    `${path} of ${owner} must be an array, not ${told(value)}`,
    { path },
    { hint: "pass an array, also for a single one" },
  );
}

/** @throws TaskConfigError when a signal is given that is none. */
export function signalOption(owner: string, signal: AbortSignal | undefined): void {
  if (signal === undefined || isSignal(signal)) return;
  throw new TaskConfigError(
    `signal of ${owner} must be an AbortSignal, not ${told(signal)}`,
    { path: "signal" },
    { hint: "pass the signal of an AbortController, or AbortSignal.timeout(ms)" },
  );
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
