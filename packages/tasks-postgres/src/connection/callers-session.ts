import type { Session } from "./database.ts";
import { fateOf, isReply, LateError, LinkError, shownError, unavailable } from "./refusals.ts";
import type { TransactionClient } from "./transaction-client.ts";

/**
 * A transaction that the caller began on a connection of its own and ends itself. What runs here is part of it, and
 * becomes true when the caller commits. Nothing is prepared, as a pooler may stand in between, and values come back as
 * the caller's client reads them.
 *
 * @param subject whom the calls are for, in errors.
 * @param inTime gives a call up when its time is over.
 * @throws from its calls as {@link Session}, but QueueUnavailableError when the server or the link is to blame: with
 *   `accepted: "no"`, as the transaction cannot be committed any more, and `"unknown"` when there was no answer in time.
 */
export function callersSession(
  client: TransactionClient,
  subject: string,
  inTime: <T>(call: Promise<T>) => Promise<T>,
): Session {
  const judged = (thrown: unknown): never => {
    const error = saidOf(thrown);
    const fate = fateOf(error, true);
    if (fate === undefined) throw shownError(error);
    const accepted = error instanceof LateError ? "unknown" : "no";
    throw unavailable(subject, { accepted, retryable: fate.retryable }, error);
  };
  return {
    run: (statement, values) =>
      inTime(inTurn(client, () => client.query(statement.text, [...values]))).then(
        ({ rows }) => rows,
        judged,
      ),
    execute: (text) => inTime(inTurn(client, () => client.query(text))).then(() => undefined, judged),
  };
}

const last = new WeakMap<TransactionClient, Promise<unknown>>();

/** One call after the other: a client may refuse what comes while it is asked something. */
function inTurn<T>(client: TransactionClient, call: () => Promise<T>): Promise<T> {
  const before = last.get(client);
  const mine = before === undefined ? call() : before.then(call, call);
  last.set(client, mine);
  return mine;
}

/** What the server said, also where a query builder has wrapped it; all else is of the link. */
function saidOf(error: unknown): unknown {
  if (isReply(error) || error instanceof LateError) return error;
  const { cause } = (error ?? {}) as { readonly cause?: unknown };
  return isReply(cause) ? cause : new LinkError(error);
}
