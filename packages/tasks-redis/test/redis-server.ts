import { uniqueName } from "@lexigram/conformance";
import { systemRandom } from "@lexigram/contracts";
import { privateRedisCluster, sharedServers } from "@lexigram/services";
import { Redis } from "ioredis";
import type { RedisTarget } from "../src/connection/ioredis-clients.ts";
import { openConnection } from "../src/connection/open-connection.ts";
import type { SharedRedisConnection } from "../src/connection/redis-connection.ts";

/** A server, or a cluster, as one test file reaches it: under a user of its own, whose links alone are cut. */
export interface RedisServer {
  /** A connection that nobody else shares. */
  connect(): SharedRedisConnection;
  /** Cuts all links that were opened here. */
  sever(): Promise<void>;
  /** Ends what was opened here. */
  end(): Promise<void>;
}

interface Parts {
  /** Each node, as its owner reaches it. */
  readonly urls: readonly string[];
  readonly target: (user: string) => RedisTarget;
  readonly end?: () => Promise<void>;
}

async function reached({ urls, target: targetOf, end }: Parts): Promise<RedisServer> {
  const user = uniqueName("user");
  const owners = urls.map((url) => new Redis(url));
  const onEach = (run: (owner: Redis) => Promise<unknown>) => Promise.all(owners.map(run));
  await onEach((owner) => owner.acl("SETUSER", user, "on", "nopass", "~*", "&*", "+@all"));
  const target = targetOf(user);
  return {
    connect: () => openConnection({ target, random: () => systemRandom() }),
    async sever() {
      await onEach((owner) => owner.client("KILL", "USER", user));
    },
    async end() {
      // A client whose user is gone would say so until it ends.
      if (target.kind === "client") target.client.disconnect();
      await onEach((owner) => owner.acl("DELUSER", user));
      for (const owner of owners) owner.disconnect();
      await end?.();
    },
  };
}

function as(user: string, url: string): string {
  const named = new URL(url);
  [named.username, named.password] = [user, "any"];
  return named.href;
}

/** The server of the machine. */
export function sharedRedis(): Promise<RedisServer> {
  return reached({
    urls: [sharedServers.redis],
    target: (user) => ({ kind: "url", url: as(user, sharedServers.redis) }),
  });
}

/** The server of the machine, through one client of the caller's. */
export function sharedClient(): Promise<RedisServer> {
  return reached({
    urls: [sharedServers.redis],
    target: (user) => ({ kind: "client", client: new Redis(as(user, sharedServers.redis)) }),
  });
}

/** A cluster of three nodes, which refuses calls whose keys lie in several slots. */
export async function ownCluster(): Promise<RedisServer> {
  const cluster = await privateRedisCluster();
  return reached({
    urls: cluster.nodes.map(({ url }) => url),
    target: (username) => ({
      kind: "cluster",
      nodes: cluster.addresses,
      options: { redisOptions: { username, password: "any" } },
    }),
    end: () => cluster.stop(),
  });
}
