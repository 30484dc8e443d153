import type { Session } from "./database.ts";
import { fateOf, shownError, unavailable } from "./refusals.ts";

/** A client of the caller's in a transaction that the caller began and ends: a `PoolClient` of `pg`, or what is like one. */
export interface TransactionClient {
  query(text: string, values?: unknown[]): Promise<{ readonly rows: readonly Record<string, unknown>[] }>;
}

/**
 * A transaction that the caller began on a connection of its own and ends itself. What runs here is part of it, and
 * becomes true when the caller commits. Nothing is prepared, as a pooler may stand in between, and values come back as
 * the caller's client reads them.
 *
 * @param subject whom the calls are for, in errors.
 * @throws from its calls as {@link Session}, but QueueUnavailableError with `accepted: "no"` when the server or the link
 *   is to blame: the transaction cannot be committed any more.
 */
export function callersSession(client: TransactionClient, subject: string): Session {
  const judged = (error: unknown): never => {
    const fate = fateOf(error, true);
    if (fate === undefined) throw shownError(error);
    throw unavailable(subject, { accepted: "no", retryable: fate.retryable }, error);
  };
  return {
    run: (statement, values) => client.query(statement.text, [...values]).then(({ rows }) => rows, judged),
    execute: (text) => client.query(text).then(() => undefined, judged),
  };
}
