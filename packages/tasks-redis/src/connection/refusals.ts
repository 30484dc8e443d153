import { ClosedError, QueueUnavailableError, redact, TaskConfigError } from "@lexigram/contracts";

/** What an error says of the call that it answered. */
export interface Fate {
  /** `"no"` when the server cannot have applied the call. */
  readonly accepted: "no" | "unknown";
  readonly retryable: boolean;
  /** The server is no longer what this link was opened to: another one must be looked for. */
  readonly leave: boolean;
}

const refused = (given: Partial<Fate> = {}): Fate => ({
  accepted: "no",
  retryable: true,
  leave: false,
  ...given,
});

// The server judges these before it runs a script, or at the script's first write: nothing is written then.
const BY_CODE: ReadonlyMap<string, Fate> = new Map([
  ["LOADING", refused({ leave: true })],
  ["READONLY", refused({ leave: true })],
  ["MASTERDOWN", refused({ leave: true })],
  ["CLUSTERDOWN", refused()],
  ["TRYAGAIN", refused()],
  ["MOVED", refused()],
  ["ASK", refused()],
  ["BUSY", refused()],
  ["OOM", refused()],
  ["MISCONF", refused()],
  ["NOREPLICAS", refused()],
  ["NOSCRIPT", refused()],
  ["NOAUTH", refused({ retryable: false, leave: true })],
  ["WRONGPASS", refused({ retryable: false, leave: true })],
  ["UNBLOCKED", refused({ accepted: "unknown", leave: true })],
]);

/** Whether the server said it, rather than the client about its link. */
export function isReply(error: Error): boolean {
  return error.name === "ReplyError";
}

/**
 * @returns `undefined` when the script itself raised the error, which is no matter of the link.
 * @param written whether the call went to a socket.
 */
export function fateOf(error: Error, written: boolean): Fate | undefined {
  if (!isReply(error)) return { accepted: written ? "unknown" : "no", retryable: true, leave: false };
  const { message } = error;
  const space = message.indexOf(" ");
  const known = BY_CODE.get(space < 0 ? message : message.slice(0, space));
  if (known !== undefined) return known;
  // A script can be killed only while it has written nothing.
  if (message.includes("Script killed by user")) return refused();
  if (message.startsWith("NOPERM"))
    return { accepted: message.includes("script") ? "unknown" : "no", retryable: false, leave: false };
  return undefined;
}

/**
 * The error as it may be shown: message and code. What the client hangs on it, such as the command with its arguments
 * (a password among them, when it was the handshake), stays behind.
 */
export function shownError(error: unknown): Error {
  if (
    error instanceof TaskConfigError ||
    error instanceof QueueUnavailableError ||
    error instanceof ClosedError
  )
    return error;
  const { message = String(error), name = "Error", code } = (error ?? {}) as Partial<NodeJS.ErrnoException>;
  const shown: NodeJS.ErrnoException = new Error(redact(message));
  shown.name = name;
  if (code !== undefined) shown.code = code;
  return shown;
}

/** What a call rejects with when the store is to blame. */
export function unavailable(
  subject: string,
  fate: Pick<Fate, "accepted" | "retryable">,
  cause: unknown,
): QueueUnavailableError {
  return new QueueUnavailableError(
    { queue: subject, retryable: fate.retryable, accepted: fate.accepted, ids: [] },
    { cause: shownError(cause) },
  );
}
