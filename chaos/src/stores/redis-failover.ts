import { setTimeout as sleep } from "node:timers/promises";
import { type PrivateServer, privateSentinelGroup, redisCommand, redisSays } from "@lexigram/services";
import type { Bars } from "../accounts/verdict.ts";
import { now } from "../moment.ts";
import type { Scenario, Scene } from "../scenario.ts";
import { killAlone } from "./lone-primary.ts";
import type { Fault } from "../accounts/figures.ts";

/** Until sentinels call the primary down, in milliseconds. */
const DOWN_AFTER = 2_000;

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
  scene: Scene,
): Promise<Fault> {
  const primary = await primaryOf(nodes);
  const replicas = nodes.filter((node) => node !== primary);
  const at = now();
  await killAlone(primary, replicas, scene);
  const struckAt = now();
  const named = await eventually(async () => {
    const port = await namedBy(sentinels, name, "any");
    return port === primary.port ? undefined : port;
  });
  await redisSays(named, "ROLE", /master/);
  const reachableAt = now();
  await primary.start();
  await redisSays(primary.port, "PING", /^\+PONG/);
  // It comes back as a primary; sentinels would find out, in ten seconds or so.
  await redisCommand(primary.port, `REPLICAOF 127.0.0.1 ${named}`);
  // Sentinels that have not ended one failover do not begin the next.
  await eventually(() => atRest(nodes, sentinels, name));
  return { at, struckAt, reachableAt, consumers: scene.crew.pids };
}

const SETTLES_WITHIN = 60_000;

/** Asks again until there is an answer. @throws Error when there is none in time. */
async function eventually<T>(ask: () => Promise<T | undefined>): Promise<T> {
  for (const end = now() + SETTLES_WITHIN; now() < end;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    await sleep(50);
  }
  throw new Error("the sentinels did not come to rest");
}

/** The port that sentinels name as the primary's: the first's word, or what all say. */
async function namedBy(
  sentinels: readonly PrivateServer[],
  name: string,
  whose: "any" | "all",
): Promise<number | undefined> {
  const asked = whose === "any" ? sentinels.slice(0, 1) : sentinels;
  const ports = new Set<number>();
  for (const { port } of asked) {
    const said = await redisCommand(port, `SENTINEL get-master-addr-by-name ${name}`);
    ports.add(Number(/(\d+)\r\n$/.exec(said)?.[1]));
  }
  const [only = Number.NaN, ...others] = ports;
  return others.length === 0 && Number.isInteger(only) ? only : undefined;
}

/** The primary's port, when all sentinels agree on it and see nothing wrong, and the others follow it. */
async function atRest(
  nodes: readonly PrivateServer[],
  sentinels: readonly PrivateServer[],
  name: string,
): Promise<number | undefined> {
  const port = await namedBy(sentinels, name, "all");
  if (port === undefined) return undefined;
  for (const sentinel of sentinels) {
    if (flagsIn(await redisCommand(sentinel.port, `SENTINEL master ${name}`)) !== "master") return undefined;
    const replicas = flagsIn(await redisCommand(sentinel.port, `SENTINEL replicas ${name}`));
    if (replicas !== Array.from({ length: nodes.length - 1 }, () => "slave").join()) return undefined;
  }
  for (const node of nodes) {
    if (node.port === port) continue;
    const info = await redisCommand(node.port, "INFO replication");
    if (!info.includes("master_link_status:up") || !info.includes(`master_port:${port}\r`)) return undefined;
  }
  return port;
}

/** The flags of each server that a sentinel tells of. */
const flagsIn = (reply: string): string =>
  [...reply.matchAll(/\r\nflags\r\n\$\d+\r\n(\S+)\r\n/g)].map(([, flags]) => flags).join();

async function primaryOf(nodes: readonly PrivateServer[]): Promise<PrivateServer> {
  for (const node of nodes) if (/master/.test(await redisCommand(node.port, "ROLE"))) return node;
  throw new Error("there is no primary");
}
