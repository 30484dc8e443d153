import { type PrivateServer, privateSentinelGroup, redisCommand, redisSays } from "@lexigram/services";
import type { Bars } from "../accounts/verdict.ts";
import { now } from "../moment.ts";
import type { Scenario, Scene } from "../scenario.ts";
import type { Fault } from "../accounts/figures.ts";

/** Until sentinels call the primary down, in milliseconds. */
const DOWN_AFTER = 1_000;

export interface FailoverOptions {
  readonly name: string;
  readonly title: string;
  /** Of each server, as on its command line. */
  readonly settings: readonly string[];
  /** Replicas that must confirm what the application is told is stored; 0: none. */
  readonly waitReplicas: number;
  readonly bars: Omit<Bars, "accepted" | "faultsInFlight">;
}

/**
 * A primary and two replicas under three sentinels. Each fault cuts the replicas off, lets the primary go on alone for
 * up to 300 milliseconds, so that replicas never hear of what it accepts meanwhile, and kills it.
 */
export function failoverScenario(options: FailoverOptions): Scenario {
  const { name, title, settings, waitReplicas, bars } = options;
  return {
    name,
    title,
    bars,
    open: async (cleanup) => {
      const group = await privateSentinelGroup({
        sentinels: 3,
        replicas: 2,
        args: settings,
        downAfterMs: DOWN_AFTER,
      });
      cleanup.defer(() => group.stop());
      const nodes = [group.primary, ...group.replicas];
      return {
        queue: {
          name: "chaos",
          type: "redis",
          extra: { sentinel: { sentinels: group.addresses, name: group.name }, waitReplicas },
        },
        strike: (scene) => failOver(nodes, group.sentinels, group.name, scene),
      };
    },
  };
}

async function failOver(
  nodes: readonly PrivateServer[],
  sentinels: readonly PrivateServer[],
  name: string,
  { crew, random, pause }: Scene,
): Promise<Fault> {
  const primary = await primaryOf(nodes);
  const replicas = nodes.filter((node) => node !== primary);
  for (const replica of replicas) replica.pause();
  let at: number;
  try {
    // What lies in a socket would still arrive after the primary's death.
    await redisCommand(primary.port, "CLIENT KILL TYPE replica");
    await pause(random.between(0, 300));
  } finally {
    at = now();
    await primary.kill();
    for (const replica of replicas) replica.resume();
  }
  const struckAt = now();
  const [first] = sentinels;
  if (first === undefined) throw new RangeError("there is no sentinel");
  const other = new RegExp(`\\r\\n(?!${primary.port}\\r)\\d+\\r\\n$`);
  const said = await redisSays(first.port, `SENTINEL get-master-addr-by-name ${name}`, other);
  const port = Number(/(\d+)\r\n$/.exec(said)?.[1]);
  await redisSays(port, "ROLE", /master/);
  const reachableAt = now();
  await primary.start();
  await redisSays(primary.port, "PING", /^\+PONG/);
  await redisCommand(primary.port, `REPLICAOF 127.0.0.1 ${port}`);
  for (const node of nodes)
    if (node.port !== port) await redisSays(node.port, "INFO replication", /master_link_status:up/);
  // Sentinels that have not ended one failover do not begin the next.
  for (const sentinel of sentinels) await settled(sentinel, name, port, nodes.length - 1);
  return { at, struckAt, reachableAt, consumers: crew.pids };
}

/** Waits until a sentinel takes this server for the primary, and sees nothing wrong with it and its replicas. */
async function settled(sentinel: PrivateServer, name: string, port: number, replicas: number): Promise<void> {
  const quiet = (flags: string): RegExp => new RegExp(`\\r\\nflags\\r\\n\\$\\d+\\r\\n${flags}\\r\\n`, "g");
  await redisSays(
    sentinel.port,
    `SENTINEL get-master-addr-by-name ${name}`,
    new RegExp(`\\r\\n${port}\\r\\n$`),
  );
  await redisSays(sentinel.port, `SENTINEL master ${name}`, quiet("master"));
  await redisSays(
    sentinel.port,
    `SENTINEL replicas ${name}`,
    /flags/,
    (reply) => [...reply.matchAll(quiet("slave"))].length === replicas,
  );
}

async function primaryOf(nodes: readonly PrivateServer[]): Promise<PrivateServer> {
  for (const node of nodes) if (/master/.test(await redisCommand(node.port, "ROLE"))) return node;
  throw new Error("there is no primary");
}
