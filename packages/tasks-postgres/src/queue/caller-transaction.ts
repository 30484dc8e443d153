import { TaskValidationError, type TransactionHandle } from "@lexigram/contracts";

/** A client of the caller's in a transaction that the caller began and ends, such as a `PoolClient` of `pg`. */
export interface TransactionClient {
  query(text: string, values?: unknown[]): Promise<{ readonly rows: readonly Record<string, unknown>[] }>;
}

/**
 * Names a client's open transaction for `enqueueMany` and `settleIn`.
 *
 * @param client inside `BEGIN` and `COMMIT`, of the same database as the queue; anything with `query(text, values)`.
 */
export function transactionOf(client: TransactionClient): TransactionHandle {
  return client as unknown as TransactionHandle;
}

/** @throws TaskValidationError for a handle that no client is. */
export function clientOf(handle: TransactionHandle): TransactionClient {
  const client = handle as unknown as Partial<TransactionClient> | null | undefined;
  if (typeof client?.query === "function") return client as TransactionClient;
  throw new TaskValidationError(
    {
      subject: "transaction",
      issues: [{ path: "transaction", message: "must be a client of pg, with query(text, values)" }],
    },
    { hint: "pass the client on which the transaction was begun, as transactionOf(client)" },
  );
}

/** Calls a function that answers one value inside the transaction. @throws what the client rejects with. */
export async function callIn(
  client: TransactionClient,
  name: string,
  values: readonly unknown[],
): Promise<unknown> {
  const places = values.map((_, i) => `$${i + 1}`).join(", ");
  const { rows } = await client.query(`SELECT ${name}(${places}) AS answer`, [...values]);
  return rows[0]?.["answer"];
}
