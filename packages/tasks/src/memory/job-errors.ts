import {
  PoisonJobError,
  type SerializedError,
  serializeError,
  TaskCancelledError,
} from "@lexigram/contracts";
import type { JobEntry } from "./job-entry.ts";

/** What a waiter for a cancelled job is told. */
export function cancelledBecause(entry: JobEntry, reason: string): SerializedError {
  return serializeError(new TaskCancelledError({ jobId: entry.id, reason }), { stack: false });
}

/** What a job leaves behind that lost too many workers. */
export function poisoned(entry: JobEntry): SerializedError {
  return serializeError(new PoisonJobError({ jobId: entry.id, recoveries: entry.recoveries }), {
    stack: false,
  });
}
