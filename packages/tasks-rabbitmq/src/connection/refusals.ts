import { ClosedError, QueueUnavailableError, redact, TaskConfigError } from "@lexigram/contracts";

/** What an error says of the call that it answered. */
export interface Fate {
  /** `"no"` when the server cannot have applied the call. */
  readonly accepted: "no" | "unknown";
  readonly retryable: boolean;
}

const ACCESS_REFUSED = 403;
const NOT_FOUND = 404;
const RESOURCE_LOCKED = 405;
const PRECONDITION_FAILED = 406;
const NOT_ALLOWED = 530;

/** The code of AMQP that the server closed a channel or a connection with. */
function replyCodeOf(error: unknown): number | undefined {
  const { code, message } = (error ?? {}) as { readonly code?: unknown; readonly message?: unknown };
  if (typeof code === "number") return code;
  const found = /\b(\d{3}) \([A-Z_-]+\)/.exec(String(message))?.[1];
  return found === undefined ? undefined : Number(found);
}

/** Whether the server refuses who asks, which asking again does not change. */
export function isRefusedEntry(error: unknown): boolean {
  const code = replyCodeOf(error);
  return code === ACCESS_REFUSED || code === NOT_ALLOWED || String(error).includes("ACCESS_REFUSED");
}

export const isNotFound = (error: unknown): boolean => replyCodeOf(error) === NOT_FOUND;

/** Whether another connection has an exclusive queue of that name. */
export const isResourceLocked = (error: unknown): boolean => replyCodeOf(error) === RESOURCE_LOCKED;

export const isPreconditionFailed = (error: unknown): boolean => replyCodeOf(error) === PRECONDITION_FAILED;

/** The error as it may be shown: name, message and code. */
export function shownError(error: unknown): Error {
  if (
    error instanceof TaskConfigError ||
    error instanceof QueueUnavailableError ||
    error instanceof ClosedError
  )
    return error;
  const { message = String(error), name = "Error" } = (error ?? {}) as Partial<Error>;
  const { code } = (error ?? {}) as { readonly code?: unknown };
  const shown: Error & { code?: unknown } = new Error(redact(message));
  shown.name = name;
  if (typeof code === "string" || typeof code === "number") shown.code = code;
  return shown;
}

/** What a call rejects with when the server is to blame. */
export function unavailable(
  subject: string,
  cause: unknown,
  { accepted = "no", retryable = true }: Partial<Fate> = {},
): QueueUnavailableError {
  if (cause instanceof QueueUnavailableError && cause.fields.accepted === accepted) return cause;
  return new QueueUnavailableError(
    { queue: subject, retryable: retryable && !isRefusedEntry(cause), accepted, ids: [] },
    { cause: shownError(cause) },
  );
}
