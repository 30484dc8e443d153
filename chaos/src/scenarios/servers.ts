import { TcpProxy } from "@lexigram/services";
import type { Fault } from "../accounts/figures.ts";
import type { Bars } from "../accounts/verdict.ts";
import { now } from "../moment.ts";
import type { Scenario, Scene } from "../scenario.ts";
import type { OpenServer, StoreServer } from "./store-server.ts";

/** After the server can be reached again. */
export const RESUME_MS = 5_000;
/** After a link went silent: nobody is told, it has to be found out. */
export const FOUND_MS = 15_000;

/** Ends a server, by default without warning, and brings it back up to two seconds later. */
export async function endAndRestart(
  server: StoreServer,
  { crew, random, pause }: Scene,
  end: () => Promise<void> = () => server.kill(),
): Promise<Fault> {
  const at = now();
  await end();
  const struckAt = now();
  await pause(random.between(0, 2_000));
  await server.start();
  return { at, struckAt, reachableAt: now(), consumers: crew.pids };
}

/**
 * What can happen to the way to a store's server, whatever the store. `open` sets the server safely.
 *
 * @param ended what the store cannot show of a link that ended.
 */
export function halfOpen(open: OpenServer, ended: Partial<Bars> = {}): Scenario {
  return {
    name: "half-open",
    title: "every connection goes silent and stays open; new ones pass after up to 2 s",
    bars: { safe: true, duplicates: "in flight", resumeMs: FOUND_MS, ...ended },
    open: async (cleanup) => {
      const server = await open(cleanup);
      const proxy = await TcpProxy.open(server.port);
      cleanup.defer(() => proxy.close());
      return {
        queue: server.through(proxy.port),
        observed: server.queue,
        async strike({ crew, random, pause }) {
          const at = now();
          proxy.blackhole();
          const struckAt = now();
          await pause(random.between(0, 2_000));
          proxy.heal();
          return { at, struckAt, reachableAt: now(), consumers: crew.pids };
        },
      };
    },
  };
}
