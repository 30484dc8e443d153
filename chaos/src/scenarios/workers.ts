import type { Bars } from "../accounts/verdict.ts";
import { now } from "../moment.ts";
import type { Scenario } from "../scenario.ts";
import type { OpenServer } from "./store-server.ts";

/** Leases of the run with zombies; a worker is frozen for longer than that. */
const ZOMBIE_LEASE = 3_000;

const RESUME_MS = 5_000;

/**
 * What can happen to worker processes, whatever the store.
 *
 * @param ended what the store cannot show of a worker that ended or stood still.
 */
export function workerScenarios(open: OpenServer, ended: Partial<Bars> = {}): readonly Scenario[] {
  return [
    {
      name: "worker-kill",
      title: "SIGKILL of a worker process under load, and a new one in its place",
      deaths: true,
      bars: { safe: true, duplicates: "in flight", resumeMs: RESUME_MS, ...ended },
      open: async (cleanup) => ({
        queue: (await open(cleanup)).queue,
        async strike({ crew, random, busy }) {
          const victim = random.pick(crew.alive);
          await busy(victim.pid);
          const at = now();
          await crew.kill(victim);
          const struckAt = now();
          const consumers = crew.pids;
          await crew.hire();
          return { at, struckAt, reachableAt: at, victims: [victim.pid], consumers };
        },
      }),
    },
    {
      name: "rolling-restart",
      title: "SIGTERM to one worker process after the other under load",
      bars: { safe: true, duplicates: "none", resumeMs: RESUME_MS },
      open: async (cleanup) => ({
        queue: (await open(cleanup)).queue,
        async strike({ crew, random, busy }) {
          const leaver = random.pick(crew.alive);
          await busy(leaver.pid);
          const at = now();
          const left = crew.drain(leaver);
          const struckAt = now();
          const consumers = crew.pids.filter((pid) => pid !== leaver.pid);
          await left;
          await crew.hire();
          return { at, struckAt, reachableAt: at, victims: [leaver.pid], consumers };
        },
      }),
    },
    {
      name: "zombie",
      title: "SIGSTOP of a worker process for longer than its leases, then SIGCONT",
      worker: { lease: ZOMBIE_LEASE },
      bars: { safe: true, duplicates: "in flight", resumeMs: RESUME_MS, fenced: true, ...ended },
      open: async (cleanup) => ({
        queue: (await open(cleanup)).queue,
        async strike({ crew, random, pause, busy }) {
          const zombie = random.pick(crew.alive);
          await busy(zombie.pid);
          const at = now();
          zombie.signal("SIGSTOP");
          let struckAt = at;
          try {
            await pause(ZOMBIE_LEASE + random.between(1_000, 2_000));
            // Frozen by now, it wrote nothing since the signal arrived.
            struckAt = now();
          } finally {
            zombie.signal("SIGCONT");
          }
          return { at, struckAt, reachableAt: now(), victims: [zombie.pid], consumers: crew.pids };
        },
      }),
    },
  ];
}
