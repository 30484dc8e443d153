import { setTimeout as sleep } from "node:timers/promises";
import { type PrivateServer, privateRedisCluster, redisCommand, redisSays } from "@lexigram/services";
import type { Fault } from "../accounts/figures.ts";
import type { Bars } from "../accounts/verdict.ts";
import { now } from "../moment.ts";
import type { Scenario, Scene } from "../scenario.ts";
import { killAlone } from "./lone-primary.ts";

const QUEUE = "chaos";
const NAMESPACE = "lexigram";
const SETTLES_WITHIN = 60_000;

/**
 * A cluster of three primaries with two replicas each. Each fault cuts the replicas of the primary that has the queue off,
 * lets it go on alone for up to 300 milliseconds, and kills it; a replica is promoted by the other primaries.
 */
export function clusterFailover(
  settings: readonly string[],
  bars: Omit<Bars, "accepted" | "faultsInFlight">,
): Scenario {
  return {
    name: "cluster-failover",
    title: "SIGKILL of the primary of a cluster that has the queue, with waitReplicas: 1",
    bars,
    open: async (cleanup) => {
      const cluster = await privateRedisCluster({ primaries: 3, replicasEach: 2, args: settings });
      cleanup.defer(() => cluster.stop());
      const slot = Number(
        /\d+/.exec(
          await redisCommand(cluster.nodes[0]!.port, `CLUSTER KEYSLOT {${NAMESPACE}/${QUEUE}}:`),
        )?.[0],
      );
      return {
        queue: {
          name: QUEUE,
          type: "redis",
          extra: { cluster: { nodes: cluster.addresses }, namespace: NAMESPACE, waitReplicas: 1 },
        },
        strike: (scene) => failOver(cluster.nodes, slot, scene),
      };
    },
  };
}

async function failOver(nodes: readonly PrivateServer[], slot: number, scene: Scene): Promise<Fault> {
  const before = membersBy(await redisCommand(nodes[0]!.port, "CLUSTER NODES"));
  const old = ownerOf(before, slot);
  const primary = nodeAt(nodes, old?.port);
  const replicas = before.filter((one) => one.follows === old?.id).map(({ port }) => nodeAt(nodes, port));
  const survivor = nodes.find((node) => node !== primary)!;
  const at = now();
  await killAlone(primary, replicas, scene);
  const struckAt = now();
  await eventually("a replica was promoted", async () => {
    const seen = membersBy(await redisCommand(survivor.port, "CLUSTER NODES"));
    const owner = ownerOf(seen, slot);
    return owner !== undefined && owner.port !== primary.port;
  });
  const reachableAt = now();
  await primary.start();
  await redisSays(primary.port, "PING", /^\+PONG/);
  await eventually("every node follows or leads as all others say", () => isAtRest(nodes));
  return { at, struckAt, reachableAt, consumers: scene.crew.pids };
}

async function isAtRest(nodes: readonly PrivateServer[]): Promise<boolean> {
  for (const { port } of nodes) {
    if (!(await redisCommand(port, "CLUSTER INFO")).includes("cluster_state:ok")) return false;
    if (/fail|handshake/.test(await redisCommand(port, "CLUSTER NODES"))) return false;
    const info = await redisCommand(port, "INFO replication");
    if (info.includes("role:slave") && !info.includes("master_link_status:up")) return false;
  }
  return true;
}

async function eventually(what: string, ask: () => Promise<boolean>): Promise<void> {
  for (const end = now() + SETTLES_WITHIN; now() < end; await sleep(50)) if (await ask()) return;
  throw new Error(`in ${SETTLES_WITHIN} ms it did not come to pass that ${what}`);
}

interface Member {
  readonly id: string;
  readonly port: number;
  /** The id of its primary. */
  readonly follows?: string;
  readonly isDown: boolean;
  readonly slots: readonly (readonly [first: number, last: number])[];
}

/** @param text the answer to `CLUSTER NODES`, a line for each. */
function membersBy(text: string): Member[] {
  return text
    .split("\n")
    .filter((line) => /:\d+@\d+/.test(line))
    .map((line) => {
      const [id = "", address = "", flags = "", primary = "-", , , , , ...slots] = line.trim().split(" ");
      return {
        id,
        port: Number(/:(\d+)@/.exec(address)?.[1]),
        ...(primary === "-" ? {} : { follows: primary }),
        isDown: flags.includes("fail"),
        slots: slots
          .filter((slot) => /^\d/.test(slot))
          .map((slot) => {
            const [first = "", last = first] = slot.split("-");
            return [Number(first), Number(last)] as const;
          }),
      };
    });
}

const ownerOf = (members: readonly Member[], slot: number): Member | undefined =>
  members.find(
    ({ slots, isDown }) => !isDown && slots.some(([first, last]) => first <= slot && slot <= last),
  );

function nodeAt(nodes: readonly PrivateServer[], port: number | undefined): PrivateServer {
  const found = nodes.find((node) => node.port === port);
  if (found === undefined) throw new Error(`no node of ours is at port ${String(port)}`);
  return found;
}
