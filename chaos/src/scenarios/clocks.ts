import { now } from "../moment.ts";
import type { Scenario } from "../scenario.ts";
import { RESUME_MS } from "./servers.ts";
import type { OpenServer } from "./store-server.ts";

const MINUTE = 60_000;
/** How far the wall clock of a worker is ahead, in milliseconds. */
const SKEWS = [-60 * MINUTE, -5 * MINUTE, 5 * MINUTE, 60 * MINUTE] as const;

/** What the clock of a worker process can do, on a store that judges all times by its own. */
export function clockSkew(open: OpenServer): Scenario {
  return {
    name: "clock-skew",
    title: "the wall clock of a worker jumps, by up to an hour; some jobs are delayed",
    delays: true,
    skews: true,
    bars: { safe: true, duplicates: "none", resumeMs: RESUME_MS },
    open: async (cleanup) => ({
      queue: (await open(cleanup)).queue,
      async strike({ crew, random, busy }) {
        const worker = random.pick(crew.alive);
        await busy(worker.pid);
        const at = now();
        worker.order({ skewMs: random.pick(SKEWS) });
        return { at, struckAt: now(), reachableAt: at, consumers: crew.pids };
      },
    }),
  };
}
