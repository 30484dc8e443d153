import { QueueUnavailableError, type JobId } from "@lexigram/contracts";

/** What becomes of a call: done as asked; done, but its reply is lost; not done. */
export type FaultVerdict = "apply" | "lose-reply" | "refuse";

/** The one place where a simulation steers the memory backend: the order of claims, and what the wire does to calls. */
export interface MemoryFaults {
  /** Chooses among `n` jobs that may start next: 0 is the usual one. */
  readonly pick?: (n: number) => number;
  /** Asked before each call of a queue, by the method's name; a promise delays it. */
  readonly onCall?: (name: string) => FaultVerdict | Promise<FaultVerdict>;
}

/** A call under faults. @throws QueueUnavailableError, retryable, when the call or its reply is lost. */
export async function underFaults<T>(
  queue: string,
  name: string,
  faults: MemoryFaults,
  ids: () => readonly JobId[],
  apply: () => T,
): Promise<T> {
  const verdict = (await faults.onCall?.(name)) ?? "apply";
  if (verdict === "refuse")
    throw new QueueUnavailableError({ queue, retryable: true, accepted: "no", ids: [] });
  const value = apply();
  if (verdict === "lose-reply")
    throw new QueueUnavailableError({ queue, retryable: true, accepted: "unknown", ids: ids() });
  return value;
}
