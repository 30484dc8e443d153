import type { ClientBase } from "pg";
import type { Session } from "./database.ts";
import { execute, query } from "./pg-clients.ts";
import { fateOf, shownError, unavailable } from "./refusals.ts";

/**
 * A transaction that the caller began on a connection of its own and ends itself. What runs here is part of it, and
 * becomes true when the caller commits. Nothing is prepared, as a pooler may stand in between.
 *
 * @param subject whom the calls are for, in errors.
 * @throws from its calls as {@link Session}, but QueueUnavailableError with `accepted: "no"` when the server or the link
 *   is to blame: the transaction cannot be committed any more.
 */
export function callersSession(client: ClientBase, subject: string): Session {
  const judged = (error: unknown): never => {
    const fate = fateOf(error, true);
    if (fate === undefined) throw shownError(error);
    throw unavailable(subject, { accepted: "no", retryable: fate.retryable }, error);
  };
  return {
    run: (statement, values) => query(client, statement, values, false).catch(judged),
    execute: (text) => execute(client, text).catch(judged),
  };
}
