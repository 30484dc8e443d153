import { now } from "../moment.ts";
import type { Scenario } from "../scenario.ts";
import type { OpenServer } from "./store-server.ts";

/** Leases of the run; a handler blocks the loop of its process for longer than that. */
const LEASE_MS = 2_000;

const RESUME_MS = 5_000;

/** A handler that blocks its process, on a store whose leases a thread beside the loop can renew. */
export function blockedLoop(open: OpenServer): Scenario {
  return {
    name: "blocked-loop",
    title: "a handler that blocks the event loop of its process for two leases, under load",
    worker: { lease: LEASE_MS },
    bars: { safe: true, duplicates: "none", resumeMs: RESUME_MS },
    open: async (cleanup) => ({
      queue: (await open(cleanup)).queue,
      async strike({ crew, random, pause }) {
        const victim = random.pick(crew.alive);
        const blockMs = 2 * LEASE_MS + random.between(0, 1_000);
        const at = now();
        victim.order({ blockMs });
        const consumers = crew.pids.filter((pid) => pid !== victim.pid);
        await pause(blockMs);
        return { at, struckAt: at, reachableAt: at, victims: [victim.pid], consumers };
      },
    }),
  };
}
