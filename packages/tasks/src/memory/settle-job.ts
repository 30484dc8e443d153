import type { SerializedError, Settlement } from "@lexigram/contracts";
import { copyBody, type JobEntry, NEVER } from "./job-entry.ts";
import { cancelledBecause } from "./job-errors.ts";
import type { QueueStore } from "./queue-store.ts";
import { CANCELLED, COMPLETED, FAILED } from "./status-code.ts";

/**
 * Applies what became of an attempt.
 *
 * @returns false, and nothing has changed, when the delivery is no longer held.
 */
export function settle(store: QueueStore, settlement: Settlement): boolean {
  const lease = store.leases.find(settlement.receipt, store.mono);
  if (lease === null) return false;
  const { entry } = lease;
  const ran = settlement.kind !== "release" && settlement.kind !== "cancel";
  if (ran && !lease.started) store.start(lease);
  if (settlement.kind === "complete") {
    entry.attempt++;
    entry.error = undefined;
    if (settlement.result !== undefined) entry.result = copyBody(settlement.result);
    store.end(entry, COMPLETED);
  } else if (entry.cancelRequested || settlement.kind === "cancel") {
    if (lease.started && settlement.kind !== "release") entry.attempt++;
    const error: SerializedError | undefined = "error" in settlement ? settlement.error : undefined;
    entry.error = error ?? cancelledBecause(entry, "it was asked to stop");
    store.end(entry, CANCELLED);
  } else if (settlement.kind === "fail") {
    entry.attempt++;
    entry.error = settlement.error;
    entry.reason = settlement.reason ?? "failed";
    store.end(entry, FAILED);
  } else if (settlement.kind === "retry") {
    entry.error = settlement.error;
    if (settlement.countAttempt) entry.attempt++;
    else entry.deferrals++;
    if (!store.ready.keepsPlace(entry)) entry.order = -1;
    putBack(store, entry, settlement.delayMs);
  } else {
    if (lease.beganJob) {
      entry.begun = false;
      entry.startedAt = NEVER;
    }
    putBack(store, entry, settlement.delayMs);
  }
  return true;
}

function putBack(store: QueueStore, entry: JobEntry, delayMs: number): void {
  if (delayMs > 0) store.makeScheduled(entry, store.now + delayMs);
  else store.makePending(entry);
}
