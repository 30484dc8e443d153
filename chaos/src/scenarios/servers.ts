import { TcpProxy } from "@lexigram/services";
import type { Fault } from "../accounts/figures.ts";
import { now } from "../moment.ts";
import type { Scenario, Scene } from "../scenario.ts";
import type { OpenServer, StoreServer } from "./store-server.ts";

/** After the server can be reached again. */
export const RESUME_MS = 5_000;
/** After a link went silent: nobody is told, it has to be found out. */
const FOUND_MS = 15_000;

/** Kills a server and brings it back up to two seconds later. */
export async function killAndRestart(server: StoreServer, { crew, random, pause }: Scene): Promise<Fault> {
  const at = now();
  await server.kill();
  const struckAt = now();
  await pause(random.between(0, 2_000));
  await server.start();
  return { at, struckAt, reachableAt: now(), consumers: crew.pids };
}

/** What can happen to a store's only server and the way to it, whatever the store. `open` sets it safely. */
export function serverScenarios(open: OpenServer): readonly Scenario[] {
  return [
    {
      name: "server-restart",
      title: "SIGKILL of the server every few seconds, down for up to 2 s",
      bars: { safe: true, duplicates: "in flight", resumeMs: RESUME_MS },
      open: async (cleanup) => {
        const server = await open(cleanup);
        return { queue: server.queue, strike: (scene) => killAndRestart(server, scene) };
      },
    },
    {
      name: "half-open",
      title: "every connection goes silent and stays open; new ones pass after up to 2 s",
      bars: { safe: true, duplicates: "in flight", resumeMs: FOUND_MS },
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
    },
  ];
}
