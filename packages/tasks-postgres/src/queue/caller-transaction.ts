import { TaskValidationError, type TransactionHandle } from "@lexigram/contracts";
import type { TransactionClient } from "../connection/callers-session.ts";

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
