import {
  LeaseLostError,
  type Settlement,
  TaskValidationError,
  type TransactionHandle,
  UnsupportedError,
} from "@lexigram/contracts";
import { type Attempt, Stage } from "./attempt.ts";

/** Why the completion of an attempt cannot be part of a transaction now. */
function objection(attempt: Attempt, isOver: boolean): string | undefined {
  if (isOver) return "was called after the attempt had ended";
  if (attempt.transaction === "open") return "was called while the transaction of an earlier call is open";
  if (attempt.transaction === "committed") return "was called after the transaction of an earlier call";
  if (attempt.acknowledged)
    return 'is not for tasks with ackMode "before", whose jobs are completed before they run';
  return undefined;
}

/**
 * Runs a part of a handler in a transaction of its queue's store, which also completes the job: both become true
 * together, or neither. From the settlement to the answer of the commit nothing else decides the attempt's end.
 *
 * @param completion what completes the job with the value of `work`. Throws when that cannot be stored or is refused.
 * @returns the value of `work`, once it is committed.
 */
export async function completeInTransaction<T>(
  attempt: Attempt,
  isOver: boolean,
  work: (transaction: TransactionHandle) => Promise<T>,
  completion: (value: T) => Settlement,
): Promise<T> {
  const { consumer } = attempt;
  const { queue } = consumer;
  if (!queue.capabilities.transactions || queue.inTransaction === undefined)
    throw new UnsupportedError({ subject: `queue "${consumer.name}"`, capability: "transactions" });
  const message = typeof work === "function" ? objection(attempt, isOver) : "needs a function";
  if (message !== undefined)
    throw new TaskValidationError(
      { subject: "ctx.transaction", issues: [{ path: "", message }] },
      { hint: "call it once in a running attempt, with all that belongs together" },
    );
  attempt.transaction = "open";
  try {
    const value = await queue.inTransaction(async (transaction) => {
      const done = await work(transaction);
      const settlement = completion(done);
      if (attempt.stage !== Stage.Running) throw attempt.decided;
      attempt.sent = true;
      if ((await queue.settleIn(transaction, settlement)) === "settled") return done;
      throw new LeaseLostError({ queue: consumer.name, jobId: attempt.jobId });
    });
    attempt.transaction = "committed";
    consumer.committed(attempt);
    return value;
  } catch (error) {
    attempt.transaction = "none";
    attempt.sent = false;
    if (attempt.overdue) consumer.runner.timeIsUp(attempt);
    throw error;
  }
}
