import { ClosedError, QueueUnavailableError, redact, TaskConfigError } from "@lexigram/contracts";

/** What an error says of the call that it answered. */
export interface Fate {
  /** `"no"` when the server cannot have applied the call. */
  readonly accepted: "no" | "unknown";
  readonly retryable: boolean;
  /**
   * What is of no use any more: nothing, the connection that answered, or all of them because the server is no longer
   * what they were opened to.
   */
  readonly leave: "nothing" | "connection" | "server";
}

const refused = (given: Partial<Fate> = {}): Fate => ({
  accepted: "no",
  retryable: true,
  leave: "nothing",
  ...given,
});

// A statement that ends with an error has changed nothing. What is unknown is said between a commit and its answer.
const BY_CODE: ReadonlyMap<string, Fate> = new Map([
  // Ended by an administrator, a crash, a dropped database. A commit that waited for a standby may stand.
  ["57P01", refused({ accepted: "unknown", leave: "connection" })],
  ["57P02", refused({ accepted: "unknown", leave: "connection" })],
  ["57P04", refused({ accepted: "unknown", leave: "connection" })],
  ["57P05", refused({ leave: "connection" })],
  // It starts, stops or recovers.
  ["57P03", refused({ leave: "connection" })],
  ["53300", refused({ leave: "connection" })],
  ["53100", refused()],
  ["53200", refused()],
  ["53400", refused()],
  // statement_timeout, lock_timeout, a serialization failure, a deadlock, a transaction that idled.
  ["57014", refused()],
  ["55P03", refused()],
  ["40001", refused()],
  ["40P01", refused()],
  ["25P03", refused({ leave: "connection" })],
  // A standby, or a primary that was made one.
  ["25006", refused({ leave: "server" })],
  // A prepared statement that is not there, or another's: the connection is not one session.
  ["26000", refused({ leave: "server" })],
  ["42P05", refused({ leave: "server" })],
  ["28000", refused({ retryable: false, leave: "connection" })],
  ["28P01", refused({ retryable: false, leave: "connection" })],
  ["3D000", refused({ retryable: false, leave: "connection" })],
  ["42501", refused({ retryable: false })],
]);

interface ReplyError extends Error {
  readonly code: string;
  readonly severity: string;
}

/** Whether the server said it, rather than the client about its link. */
export function isReply(error: unknown): error is ReplyError {
  const { code, severity } = (error ?? {}) as Partial<ReplyError>;
  return typeof severity === "string" && typeof code === "string" && code.length === 5;
}

/** Whether the server said it, with one of these codes. */
export function isCode(error: unknown, ...codes: readonly string[]): boolean {
  return codes.includes(String(((error ?? {}) as Partial<ReplyError>).code));
}

/** What a client said of its link. */
export class LinkError extends Error {
  constructor(cause: unknown) {
    const { message, name } = shownError(cause);
    super(message, { cause });
    this.name = name;
  }
}

/** A call's deadline has passed. */
export class LateError extends LinkError {
  /** @param asked whether a connection had been found for it. */
  constructor(asked: boolean) {
    super(new Error(asked ? "the server did not answer in time" : "no connection was free in time"));
  }
}

/** The server is there, and must not be used now: it takes no writes. */
export class NotYetError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "NotYetError";
  }
}

/** @throws what the server said as it is, and all else as a LinkError. */
export function ofLink(error: unknown): never {
  throw isReply(error) ? error : new LinkError(error);
}

/**
 * @returns `undefined` when the statement itself, or who runs it, raised the error, which is no matter of the link.
 * @param written whether the call went to a connection.
 */
export function fateOf(error: unknown, written: boolean): Fate | undefined {
  const lost = refused({ accepted: written ? "unknown" : "no", leave: "connection" });
  if (error instanceof LinkError) return lost;
  if (error instanceof NotYetError) return refused({ leave: "server" });
  if (!isReply(error)) return undefined;
  const known = BY_CODE.get(error.code);
  if (known !== undefined)
    return known.accepted === "unknown" && !written ? { ...known, accepted: "no" } : known;
  // Poolers say in this class whatever befell them.
  if (error.code.startsWith("08")) return lost;
  // A prepared statement whose function has been replaced.
  if (error.code === "0A000" && error.message.includes("cached plan"))
    return refused({ leave: "connection" });
  if (error.severity === "FATAL" || error.severity === "PANIC") return lost;
  return undefined;
}

/**
 * The error as it may be shown: message, code, and what the server says of it. What the client hangs on it, such as the
 * values of a row in `detail`, stays behind.
 */
export function shownError(error: unknown): Error {
  if (
    error instanceof TaskConfigError ||
    error instanceof QueueUnavailableError ||
    error instanceof ClosedError
  )
    return error;
  const { message = String(error), name = "Error", code } = (error ?? {}) as Partial<NodeJS.ErrnoException>;
  const shown: NodeJS.ErrnoException = new Error(redact(message === "" ? String(code ?? name) : message));
  shown.name = isReply(error) ? "PostgresError" : name;
  const own = code ?? (error instanceof LinkError ? (error.cause as NodeJS.ErrnoException).code : undefined);
  if (own !== undefined) shown.code = own;
  return shown;
}

/**
 * What a call rejects with when the store is to blame.
 *
 * @param hint what to do, where it is not what may be done about any call.
 */
export function unavailable(
  subject: string,
  fate: Pick<Fate, "accepted" | "retryable">,
  cause: unknown,
  hint?: string,
): QueueUnavailableError {
  return new QueueUnavailableError(
    { queue: subject, retryable: fate.retryable, accepted: fate.accepted, ids: [] },
    { cause: shownError(cause), hint },
  );
}
