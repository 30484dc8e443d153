import { type PrivateServer, redisCommand } from "@lexigram/services";
import type { Scene } from "../scenario.ts";

/** How long a primary goes on alone at most, in milliseconds. */
const ALONE_MS = 300;

/** Cuts a primary of Redis off from its replicas, lets it go on alone for a moment, so that they never hear of what it accepts, and kills it. */
export async function killAlone(
  primary: PrivateServer,
  replicas: readonly PrivateServer[],
  { random, pause }: Pick<Scene, "random" | "pause">,
): Promise<void> {
  for (const replica of replicas) replica.pause();
  try {
    // What lies in a socket would still arrive after the primary's death.
    await redisCommand(primary.port, "CLIENT KILL TYPE replica");
    await pause(random.between(0, ALONE_MS));
  } finally {
    await primary.kill();
    for (const replica of replicas) replica.resume();
  }
}
