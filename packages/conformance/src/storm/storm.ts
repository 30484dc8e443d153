import type { Clock } from "@lexigram/contracts";
import { StormCaller, type StormQueue } from "./storm-caller.ts";
import type { StormLedger } from "./storm-ledger.ts";

export interface StormOptions {
  /** All callers use all of them, and so may other processes. */
  readonly queues: readonly StormQueue[];
  /** Names the callers; no other process has it. */
  readonly name: string;
  /** Decides what is called; in which order the store sees it differs from run to run. */
  readonly seed: number;
  /** How many at once. */
  readonly callers: number;
  /** How many calls each makes. */
  readonly calls: number;
  /** Instead of a number: how long they go on, in milliseconds. */
  readonly lastsMs?: number;
  readonly clock: Clock;
}

/**
 * Does everything to some queues from many sides at once: enqueues jobs of all kinds, also under the same ids, claims,
 * settles, extends, forgets leases, cancels, updates, deletes, redrives, clears, looks; sends calls twice. Every caller
 * writes down what it is told. Queues need rules that keep failed and completed records for a while, and all of the
 * capabilities that this uses.
 *
 * @returns the ledgers of the callers, by the order of the queues; sum them up with those of all processes.
 */
export async function playStorm(options: StormOptions): Promise<readonly (readonly StormLedger[])[]> {
  const { queues, name, seed, clock, calls, lastsMs } = options;
  const until = clock.monotonic() + (lastsMs ?? 0);
  const callers = Array.from(
    { length: options.callers },
    (_, i) => new StormCaller(queues, `${name}.${i}`, seed, clock),
  );
  await Promise.all(
    callers.map(async (caller) => {
      while (lastsMs === undefined ? caller.calls < calls : clock.monotonic() < until) await caller.play();
    }),
  );
  return queues.map((_, i) => callers.map(({ ledgers }) => ledgers[i] as StormLedger));
}

/**
 * Completes what a storm left, until no job waits for anything. It takes as long as the longest lease.
 *
 * @returns its ledgers, one for each queue.
 */
export async function calmStorm(
  queues: readonly StormQueue[],
  clock: Clock,
): Promise<readonly StormLedger[]> {
  const caller = new StormCaller(queues, "calm", 0, clock);
  await caller.drain();
  return caller.ledgers;
}
