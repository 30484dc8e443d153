import type { PoolClient } from "pg";

/**
 * A client in a transaction that its owner began and ends: a `PoolClient` of `pg`, or what is like one. `query` runs a
 * text with `$1`, `$2`, … for its values, each named once and in order, on the connection of the transaction.
 */
export interface TransactionClient {
  query(text: string, values?: unknown[]): Promise<{ readonly rows: readonly Record<string, unknown>[] }>;
  /** A pool has it, and is no transaction. */
  readonly totalCount?: never;
}

declare module "@lexigram/contracts" {
  /** A client of `pg` inside a transaction, or what is like one: see `TransactionClient` of `@lexigram/tasks-postgres`. */
  interface TransactionHandle {
    query?: TransactionClient["query"];
    readonly totalCount?: never;
  }

  interface TaskContextExtensions {
    /**
     * Runs a part of the handler in a transaction of the job's store, which also completes the job: what `work` wrote
     * on the client and the completion become true together, or neither. The value of `work` is the job's result. After
     * it nothing that the handler does changes the outcome. One call completes a job; one that was rolled back may be
     * tried again. What is not done on the client, such as a mail that is sent, is no part of it.
     *
     * @param work is given a client on which the transaction has begun, as `read committed`. It neither ends the
     *   transaction nor releases the client.
     * @returns the value of `work`, once it is committed.
     * @throws what `work` threw, after a rollback. LeaseLostError when the job is in other hands by then.
     *   QueueUnavailableError: with `accepted: "no"` nothing was committed; `"unknown"` when the fate of the commit could
     *   not be found out in time. UnsupportedError where the job's queue lies in a store without transactions.
     *   TaskValidationError in an attempt that is over or was completed by an earlier call.
     */
    transaction<T>(work: (client: PoolClient) => Promise<T>): Promise<T>;
  }
}
