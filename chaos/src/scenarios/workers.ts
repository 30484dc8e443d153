import { now } from "../moment.ts";
import type { Scenario } from "../scenario.ts";
import type { OpenServer } from "./store-server.ts";

/** Leases of the run with zombies; a worker is frozen for longer than that. */
const ZOMBIE_LEASE = 3_000;

const RESUME_MS = 5_000;

/** What can happen to worker processes, whatever the store. */
export function workerScenarios(open: OpenServer): readonly Scenario[] {
  return [
    {
      name: "worker-kill",
      title: "SIGKILL of a worker process under load, and a new one in its place",
      bars: { safe: true, duplicates: "in flight", resumeMs: RESUME_MS },
      open: async (cleanup) => ({
        queue: (await open(cleanup)).queue,
        async strike({ crew, random }) {
          const victim = random.pick(crew.alive);
          const at = now();
          await crew.kill(victim);
          const consumers = crew.pids;
          await crew.hire();
          return { at, reachableAt: at, victims: [victim.pid], consumers };
        },
      }),
    },
    {
      name: "rolling-restart",
      title: "SIGTERM to one worker process after the other under load",
      bars: { safe: true, duplicates: "none", resumeMs: RESUME_MS },
      open: async (cleanup) => ({
        queue: (await open(cleanup)).queue,
        async strike({ crew, random }) {
          const leaver = random.pick(crew.alive);
          const at = now();
          await crew.drain(leaver);
          const consumers = crew.pids;
          await crew.hire();
          return { at, reachableAt: at, victims: [leaver.pid], consumers };
        },
      }),
    },
    {
      name: "zombie",
      title: "SIGSTOP of a worker process for longer than its leases, then SIGCONT",
      worker: { lease: ZOMBIE_LEASE },
      bars: { safe: true, duplicates: "in flight", resumeMs: RESUME_MS, fenced: true },
      open: async (cleanup) => ({
        queue: (await open(cleanup)).queue,
        async strike({ crew, random, pause }) {
          const zombie = random.pick(crew.alive);
          const at = now();
          zombie.signal("SIGSTOP");
          try {
            await pause(ZOMBIE_LEASE + random.between(1_000, 2_000));
          } finally {
            zombie.signal("SIGCONT");
          }
          return { at, reachableAt: now(), victims: [zombie.pid], consumers: crew.pids };
        },
      }),
    },
  ];
}
