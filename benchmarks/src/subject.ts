import type { TaskQueueProtocol } from "@lexigram/contracts";

/** What every benchmarked job carries: about 100 bytes as it is stored. */
export interface Payload {
  readonly userId: number;
  readonly email: string;
  readonly n: number;
}

export const payload = (n: number): Payload => ({ userId: 123, email: "a@b.c", n });

/**
 * What a workload may need of a system: priorities 0 to 20; delays; a caller that waits for what a handler returned; a job
 * that is run when others have, with what they gave; the protocol of our own queues; rules of a queue that never hold
 * anything back, one job at a time for each of a thousand keys, a limit over several queues, the order of each key; results
 * of many jobs in one call; a store that keeps old rows for who may still see them.
 */
export type Ability =
  | "priorities"
  | "delays"
  | "results"
  | "flows"
  | "queue"
  | "limits"
  | "keys"
  | "shared limits"
  | "key order"
  | "read back"
  | "snapshots";

interface OpenOptions {
  /** Where the store is; absent for one in memory. */
  readonly url?: string;
  /** Handlers at once, after {@link OpenSubject.start}. */
  readonly concurrency: number;
  /** Called with the number of each job, when its handler starts. */
  readonly onStart: (n: number) => void;
  /** What the workload will use: a system leaves off what it was not asked for. */
  readonly needs: readonly Ability[];
}

export interface EnqueueSettings {
  readonly priority?: number;
  readonly delayMs?: number;
}

/** One queue system, opened for one run. A system that lacks an ability leaves the method out. */
export interface OpenSubject {
  /** Resolves when the system has accepted the job. */
  enqueue(n: number, settings?: EnqueueSettings): Promise<unknown>;
  /** The system's own way to take many at once. */
  enqueueMany?(first: number, count: number, settings?: (n: number) => EnqueueSettings): Promise<void>;
  /** Enqueues and waits for the handler's result. */
  call?(n: number): Promise<unknown>;
  /** Enqueues so many jobs and one that is given all their results, and waits for that one. */
  flow?(count: number): Promise<unknown>;
  /** Reads the results of the first jobs. @returns how many there were. */
  readBack?(count: number): Promise<number>;
  readonly queue?: TaskQueueProtocol;
  /** Lets handlers start. Before it, and in a process that only produces, there is no worker. */
  start(): Promise<void>;
  close(): Promise<void>;
}

export interface Subject {
  /** `ours`, `plain`, `spike`, or a rival's name. */
  readonly system: string;
  readonly version: string;
  readonly store: string;
  /** Settings that differ from the shipped defaults. */
  readonly variant?: string;
  readonly abilities: readonly Ability[];
  /** Whether each job costs it several turns with a server: where the others would be over at once, it gets fewer jobs. */
  readonly isSlow?: boolean;
  open(options: OpenOptions): Promise<OpenSubject>;
}

/** Calls `take` with each part of `count` jobs from `first` on, `size` at a time. */
export async function inParts(
  first: number,
  count: number,
  size: number,
  take: (numbers: readonly number[]) => Promise<unknown>,
): Promise<void> {
  for (let at = first; at < first + count; at += size)
    await take(Array.from({ length: Math.min(size, first + count - at) }, (_, i) => at + i));
}
