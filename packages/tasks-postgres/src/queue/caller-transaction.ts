import { TaskValidationError, type TransactionHandle } from "@lexigram/contracts";
import type { TransactionClient } from "../connection/transaction-client.ts";

/** @throws TaskValidationError for a handle that is no client. */
export function clientOf(handle: TransactionHandle): TransactionClient {
  const client = handle as Partial<TransactionClient> | null | undefined;
  if (typeof client?.query !== "function") throw refusal("must be a client of pg, with query(text, values)");
  // Each statement of a pool may run on another connection, and commits by itself.
  if (typeof client.totalCount === "number")
    throw refusal("is a pool; the transaction is on one of its clients");
  return client as TransactionClient;
}

/** @throws TaskValidationError when the client knows that it is in no transaction, as after a COMMIT of the handler's. */
export function refuseEnded(client: TransactionClient): void {
  const { getTransactionStatus } = client as { getTransactionStatus?: () => unknown };
  if (getTransactionStatus?.call(client) === "I") throw refusal("has ended, or was never begun");
}

function refusal(message: string): TaskValidationError {
  return new TaskValidationError(
    { subject: "transaction", issues: [{ path: "transaction", message }] },
    { hint: "pass the client on which BEGIN was called, and let its owner end the transaction" },
  );
}
