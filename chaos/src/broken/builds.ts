import { setImmediate } from "node:timers/promises";
import type { Settlement, TaskQueueProtocol } from "@lexigram/contracts";

/** A build of the application that breaks one promise on purpose. A scenario that stays green on it proves nothing. */
export interface BrokenBuild {
  readonly name: string;
  /** What it does wrong, in one line. */
  readonly title: string;
  /** The scenarios that must turn red. */
  readonly scenarios: readonly string[];
  /** The bar that must be among those that were missed. */
  readonly reason: RegExp;
  /** Stores on which it cannot go wrong, or not in this way. */
  readonly notOn?: readonly string[];
  /** What it lays over a queue that keeps its promises. */
  lie(honest: TaskQueueProtocol): Partial<TaskQueueProtocol>;
}

const LONG_MS = 3_600_000;
const NOTHING = { slots: 0, ahead: 0, leaseMs: LONG_MS, maxBytes: 1 };

const unfenced = (honest: TaskQueueProtocol): Partial<TaskQueueProtocol> => ({
  exchange: async (request) => ({ ...(await honest.exchange(request)), lost: [] }),
  extend: async (receipts, leaseMs) => ({ ...(await honest.extend(receipts, leaseMs)), lost: [] }),
});

export const BROKEN_BUILDS: readonly BrokenBuild[] = [
  {
    name: "settles-first",
    title: "a job is settled when it is claimed, and then run",
    scenarios: ["worker-kill"],
    reason: /accepted jobs never ended/,
    lie: (honest) => {
      let seq = 0;
      const session = `first-${process.pid}-${process.hrtime.bigint()}`;
      return {
        ...unfenced(honest),
        exchange: async (request) => {
          const reply = await honest.exchange({ ...request, settle: [], started: [] });
          const settle = reply.deliveries.map(({ receipt }): Settlement => ({ receipt, kind: "complete" }));
          if (settle.length > 0)
            await honest.exchange({ session, seq: ++seq, settle, started: [], claim: NOTHING });
          return { ...reply, lost: [] };
        },
      };
    },
  },
  {
    name: "confirms-first",
    title: "an enqueue resolves before the store has it",
    scenarios: ["server-restart"],
    reason: /accepted jobs never ended/,
    lie: (honest) => {
      // A session has one call under way, as ever.
      let turn: Promise<unknown> = Promise.resolve();
      return {
        enqueueMany: async (jobs, options) => {
          turn = turn.then(() => honest.enqueueMany(jobs, options)).catch(() => {});
          // A store takes a moment as well; without one, whoever asks again at once lets nothing else happen.
          await setImmediate();
          return jobs.map(({ id }) => ({ ok: true, value: { id, outcome: "accepted" } }) as const);
        },
      };
    },
  },
  {
    name: "no-recovery",
    title: "leases last an hour, so nobody takes over what a dead worker ran",
    scenarios: ["worker-kill"],
    reason: /accepted jobs never ended/,
    // A delivery ends with its connection, whatever its lease.
    notOn: ["rabbitmq"],
    lie: (honest) => ({
      exchange: (request) => honest.exchange({ ...request, claim: { ...request.claim, leaseMs: LONG_MS } }),
      extend: (receipts) => honest.extend(receipts, LONG_MS),
    }),
  },
  {
    name: "no-quarantine",
    title: "a job that ends its workers is given out again and again",
    scenarios: ["poison"],
    reason: /ran \d+ times, more than/,
    // Its index is the application's to bind, and a backend made in code has none.
    notOn: ["rabbitmq"],
    lie: (honest) => ({
      enqueueMany: (jobs, options) =>
        honest.enqueueMany(
          jobs.map((job) => ({ ...job, maxRecoveries: 1_000 })),
          options,
        ),
    }),
  },
  {
    name: "no-fence",
    title: "an attempt that lost its lease is told that it finished the job",
    scenarios: ["zombie", "partition"],
    reason: /finished by two attempts|no attempt was fenced/,
    // What was being settled at a fault may be finished twice there anyway.
    notOn: ["rabbitmq"],
    lie: unfenced,
  },
];
