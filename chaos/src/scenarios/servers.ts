import { now } from "../moment.ts";
import type { Fault } from "../accounts/figures.ts";
import type { Scenario, Scene } from "../scenario.ts";
import type { OpenServer, StoreServer } from "./store-server.ts";

const RESUME_MS = 5_000;

/** Kills a server and brings it back up to two seconds later. */
export async function killAndRestart(server: StoreServer, { crew, random, pause }: Scene): Promise<Fault> {
  const at = now();
  await server.kill();
  await pause(random.between(0, 2_000));
  await server.start();
  return { at, reachableAt: now(), consumers: crew.pids };
}

/** What can happen to a store's only server, whatever the store. `open` sets it safely. */
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
  ];
}
