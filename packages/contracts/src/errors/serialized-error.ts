import { redact } from "./redact.ts";
import type { LexigramError } from "./lexigram-error.ts";

/** An error as data: what is stored with a job and crosses the wire. Bounded and inert. */
export interface SerializedError {
  readonly name: string;
  readonly message: string;
  readonly code?: string;
  readonly stack?: string;
  readonly cause?: SerializedError;
}

export interface SerializeErrorOptions {
  /** Keep stacks. Default true. */
  readonly stack?: boolean;
  /** Applied to every text that is kept, after URLs and secrets were hidden; of a long one to its beginning. */
  readonly redact?: (text: string) => string;
}

const MAX_MESSAGE = 4_096;
const MAX_STACK_LINES = 50;
const MAX_STACK = 16_384;
const MAX_NAME = 256;
const MAX_DEPTH = 5;
/** Looked at beyond what is kept, since hiding shortens; whatever runs over a text has this bound too. */
const LOOKED_AT_BEYOND = 4_096;
/** Dropped from the end of what was cut: half of a secret there is one that no pattern knows. */
const MAX_HALF_SECRET = 256;

/**
 * Turns anything thrown, also what is no `Error`, into data. Never throws: a hostile getter or `toString` gives a
 * placeholder. Messages are cut at 4,096 characters, stacks at 50 lines, chains of causes at 5.
 */
export function serializeError(thrown: unknown, options: SerializeErrorOptions = {}): SerializedError {
  try {
    return serialize(thrown, options, 0);
  } catch {
    return { name: "Error", message: "(an error that could not be read)" };
  }
}

function serialize(thrown: unknown, options: SerializeErrorOptions, depth: number): SerializedError {
  const clean = (text: string, max: number): string => {
    const isCut = text.length > max + LOOKED_AT_BEYOND;
    // The "@" ends credentials whose own end was cut off.
    const safe = redact(isCut ? `${text.slice(0, max + LOOKED_AT_BEYOND)}@` : text);
    const own = options.redact === undefined ? safe : options.redact(safe);
    if (!isCut && own.length <= max) return own;
    const kept = isCut ? Math.max(0, own.length - MAX_HALF_SECRET) : own.length;
    return `${own.slice(0, Math.min(kept, max - 1))}…`;
  };
  if (!(thrown instanceof Error))
    return {
      name: "NonError",
      message: clean(`${typeof thrown} was thrown: ${describe(thrown)}`, MAX_MESSAGE),
    };
  const code = (thrown as { readonly code?: unknown }).code;
  const stack = options.stack === false ? undefined : thrown.stack;
  return {
    name: clean(String(thrown.name), MAX_NAME),
    message: clean(String(thrown.message), MAX_MESSAGE),
    ...(typeof code === "string" || typeof code === "number" ? { code: clean(String(code), MAX_NAME) } : {}),
    ...(typeof stack === "string"
      ? { stack: clean(stack.split("\n", MAX_STACK_LINES).join("\n"), MAX_STACK) }
      : {}),
    ...(thrown.cause !== undefined && depth + 1 < MAX_DEPTH
      ? { cause: serialize(thrown.cause, options, depth + 1) }
      : {}),
  };
}

function describe(value: unknown): string {
  if (typeof value === "string") return value;
  if (typeof value === "function") return value.name === "" ? "(anonymous)" : value.name;
  if (typeof value !== "object" || value === null) return String(value);
  try {
    return JSON.stringify(value) ?? "undefined";
  } catch {
    return Object.prototype.toString.call(value);
  }
}

/** Whether a stored error carries the code of a given kind of error. */
export function hasCode(error: SerializedError | LexigramError, code: string): boolean {
  return error.code === code;
}
