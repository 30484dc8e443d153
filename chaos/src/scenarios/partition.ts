import { TcpProxy } from "@lexigram/services";
import type { Books } from "../accounts/books.ts";
import { now } from "../moment.ts";
import type { Scenario } from "../scenario.ts";
import { FOUND_MS } from "./servers.ts";
import type { OpenServer } from "./store-server.ts";

/** Leases of the run; a worker is cut off for longer than that. */
const LEASE_MS = 3_000;

/** A time in which one worker process was cut off, and those that were not. */
export interface Cut {
  readonly from: number;
  readonly to: number;
  readonly others: readonly number[];
}

/** One worker process that loses its way to the store, and nobody else, on a store that judges leases itself. */
export function partition(open: OpenServer): Scenario {
  return {
    name: "partition",
    title: "the way of one worker process to the store goes silent for longer than its leases",
    worker: { lease: LEASE_MS },
    bars: { safe: true, duplicates: "in flight", resumeMs: FOUND_MS, fenced: true },
    open: async (cleanup) => {
      const server = await open(cleanup);
      const cuts: Cut[] = [];
      return {
        queue: server.queue,
        wire: async () => {
          const proxy = await TcpProxy.open(server.port);
          cleanup.defer(() => proxy.close());
          return { queue: server.through(proxy.port), proxy };
        },
        async strike({ crew, random, pause, busy }) {
          const victim = random.pick(crew.alive);
          const others = crew.pids.filter((pid) => pid !== victim.pid);
          await busy(victim.pid);
          const at = now();
          victim.wire?.blackhole();
          // It goes on with what it holds as long as it may: all of that can run elsewhere as well.
          const struckAt = now() + LEASE_MS;
          await pause(LEASE_MS + random.between(1_000, 2_000));
          victim.wire?.heal();
          const healedAt = now();
          cuts.push({ from: at, to: healedAt, others });
          const cut = { at, struckAt, reachableAt: at, victims: [victim.pid], consumers: others };
          const healed = { at: healedAt, struckAt: healedAt, reachableAt: healedAt, victims: [] };
          return [cut, { ...healed, consumers: crew.pids }];
        },
        missed: ({ books }) => stoodStill(cuts, books),
      };
    },
  };
}

/** Who started nothing in the second half of a cut that was not his. */
export function stoodStill(cuts: readonly Cut[], { executions }: Books): readonly string[] {
  return cuts.flatMap(({ from, to, others }) =>
    others
      .filter((pid) =>
        executions.every((run) => run.pid !== pid || run.startedAt < (from + to) / 2 || run.startedAt > to),
      )
      .map(() => "a worker stood still while another one was cut off"),
  );
}
