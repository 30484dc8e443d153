// Private Redis: alone, with replicas, watched by sentinels, as a cluster.
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort, newDir, PrivateServer, type ServerSpec } from "./private-servers.ts";

const SETTLES_WITHIN_MS = 30_000;
const SLOTS = 16_384;

const answersPing = (reply: Buffer): boolean =>
  /^(\+PONG|-LOADING|-NOAUTH|-MASTERDOWN)/.test(reply.toString());

function spec(name: string, port: number, args: (dir: string) => readonly string[]): ServerSpec {
  const dir = newDir(name);
  return {
    dir,
    port,
    url: `redis://127.0.0.1:${port}`,
    command: ["redis-server", ...args(dir)],
    hello: "PING\r\n",
    ok: answersPing,
  };
}

/** A server with an append-only file; options as on its command line, such as `"--appendfsync", "always"`. */
export async function privateRedis(...args: string[]): Promise<PrivateServer> {
  const port = await freePort();
  const own = (dir: string): string[] => [
    "--port",
    String(port),
    "--bind",
    "127.0.0.1",
    "--dir",
    dir,
    "--save",
    "",
    "--appendonly",
    "yes",
    "--loglevel",
    "warning",
    "--repl-diskless-sync-delay",
    "0",
  ];
  return new PrivateServer(spec("redis", port, (dir) => [...own(dir), ...args])).start();
}

/** A replica that has caught up with its primary. */
export async function privateReplica(primary: PrivateServer, ...args: string[]): Promise<PrivateServer> {
  const replica = await privateRedis("--replicaof", "127.0.0.1", String(primary.port), ...args);
  await redisSays(replica.port, "INFO replication", /master_link_status:up/);
  return replica;
}

interface SentinelOptions {
  readonly primary: PrivateServer;
  /** Under which name it is asked for. Default `main`. */
  readonly name?: string;
  /** How many sentinels must agree that the primary is down. Default 1. */
  readonly quorum?: number;
  /** Milliseconds without an answer until it counts as down. Default 500. */
  readonly downAfterMs?: number;
}

/** A sentinel that has found the primary and its replicas. */
export async function privateSentinel(options: SentinelOptions): Promise<PrivateServer> {
  const { primary, name = "main", quorum = 1, downAfterMs = 500 } = options;
  const port = await freePort();
  const made = spec("sentinel", port, (dir) => [join(dir, "sentinel.conf"), "--sentinel"]);
  const conf = [
    `port ${port}`,
    "bind 127.0.0.1",
    `dir ${made.dir}`,
    `sentinel monitor ${name} 127.0.0.1 ${primary.port} ${quorum}`,
    `sentinel down-after-milliseconds ${name} ${downAfterMs}`,
    `sentinel failover-timeout ${name} 3000`,
    `sentinel parallel-syncs ${name} 1`,
  ];
  writeFileSync(join(made.dir, "sentinel.conf"), `${conf.join("\n")}\n`);
  const sentinel = await new PrivateServer(made).start();
  await redisSays(port, `SENTINEL replicas ${name}`, /flags/);
  return sentinel;
}

/** A primary, its replica, and sentinels that watch them. */
export class SentinelGroup {
  readonly name = "main";
  readonly primary: PrivateServer;
  readonly replicas: readonly PrivateServer[];
  readonly sentinels: readonly PrivateServer[];

  constructor(
    primary: PrivateServer,
    replicas: readonly PrivateServer[],
    sentinels: readonly PrivateServer[],
  ) {
    this.primary = primary;
    this.replicas = replicas;
    this.sentinels = sentinels;
  }

  /** Where clients ask for the primary. */
  get addresses(): { host: string; port: number }[] {
    return this.sentinels.map(({ port }) => ({ host: "127.0.0.1", port }));
  }

  async stop(): Promise<void> {
    // Sentinels first: they would start a failover.
    await Promise.all(this.sentinels.map((server) => server.stop()));
    await Promise.all([this.primary, ...this.replicas].map((server) => server.stop()));
  }
}

export async function privateSentinelGroup(
  options: {
    readonly sentinels?: number;
    readonly replicas?: number;
    readonly args?: readonly string[];
    readonly downAfterMs?: number;
  } = {},
): Promise<SentinelGroup> {
  const { sentinels = 1, replicas = 1, args = [], downAfterMs = 500 } = options;
  const primary = await privateRedis(...args);
  const followers = await Promise.all(
    Array.from({ length: replicas }, () => privateReplica(primary, ...args)),
  );
  const quorum = Math.floor(sentinels / 2) + 1;
  const watching = await Promise.all(
    Array.from({ length: sentinels }, () => privateSentinel({ primary, quorum, downAfterMs })),
  );
  for (const { port } of watching)
    await redisSays(
      port,
      "SENTINEL master main",
      new RegExp(`num-other-sentinels\\r\\n\\$\\d+\\r\\n${sentinels - 1}\\r`),
    );
  return new SentinelGroup(primary, followers, watching);
}

/** Nodes that share the slots evenly; `replicasOf` each, if asked for, follow in the order of the primaries. */
export class RedisCluster {
  readonly primaries: readonly PrivateServer[];
  readonly replicas: readonly PrivateServer[];

  constructor(primaries: readonly PrivateServer[], replicas: readonly PrivateServer[]) {
    this.primaries = primaries;
    this.replicas = replicas;
  }

  get nodes(): readonly PrivateServer[] {
    return [...this.primaries, ...this.replicas];
  }

  get addresses(): { host: string; port: number }[] {
    return this.nodes.map(({ port }) => ({ host: "127.0.0.1", port }));
  }

  /** The primary that was given the slot when the cluster was made. */
  primaryOf(slot: number): PrivateServer {
    const found = this.primaries[Math.floor((slot * this.primaries.length) / SLOTS)];
    if (found === undefined) throw new RangeError(`there is no slot ${slot}`);
    return found;
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((server) => server.stop()));
  }
}

/** A cluster that serves all slots. */
export async function privateRedisCluster(
  options: {
    readonly primaries?: number;
    readonly replicasEach?: number;
    readonly args?: readonly string[];
  } = {},
): Promise<RedisCluster> {
  const { primaries: size = 3, replicasEach = 0, args = [] } = options;
  const start = async (): Promise<{ server: PrivateServer; bus: number }> => {
    const bus = await freePort();
    const own = ["--cluster-enabled", "yes", "--cluster-port", String(bus), "--cluster-node-timeout", "1000"];
    return { server: await privateRedis(...own, ...args), bus };
  };
  const all = await Promise.all(Array.from({ length: size * (1 + replicasEach) }, start));
  const primaries = all.slice(0, size);
  const replicas = all.slice(size);
  for (const [i, { server }] of primaries.entries()) {
    const first = Math.ceil((i * SLOTS) / size);
    const last = Math.ceil(((i + 1) * SLOTS) / size) - 1;
    await redisCommand(server.port, `CLUSTER ADDSLOTSRANGE ${first} ${last}`);
    await redisCommand(server.port, `CLUSTER SET-CONFIG-EPOCH ${i + 1}`);
  }
  // Each is introduced to each: gossip alone takes seconds.
  for (const one of all)
    for (const { server, bus } of all)
      if (server !== one.server)
        await redisCommand(one.server.port, `CLUSTER MEET 127.0.0.1 ${server.port} ${bus}`);
  for (const { server } of all)
    await redisSays(server.port, "CLUSTER INFO", new RegExp(`cluster_known_nodes:${all.length}\\r`));
  await Promise.all(
    replicas.map(async ({ server }, i) => {
      const primary = primaries[i % size]?.server;
      const id = /[0-9a-f]{40}/.exec(await redisCommand(primary?.port ?? 0, "CLUSTER MYID"))?.[0] ?? "";
      await redisSays(server.port, `CLUSTER REPLICATE ${id}`, /^\+OK/);
      await redisSays(server.port, "INFO replication", /master_link_status:up/);
    }),
  );
  for (const { server } of all) await redisSays(server.port, "CLUSTER INFO", /cluster_state:ok/);
  // Every node must have told every other who follows whom, before clients ask.
  for (const { server } of all)
    await redisSays(server.port, "CLUSTER SLOTS", new RegExp(`^\\*${size}\\r`), (reply) =>
      all.every(({ server: { port } }) => reply.includes(`:${port}\r`)),
    );
  return new RedisCluster(
    primaries.map(({ server }) => server),
    replicas.map(({ server }) => server),
  );
}

/** Where the reply that begins at `at` ends; -1 when it is not all there. */
function replyEnd(reply: string, at = 0): number {
  const line = reply.indexOf("\r\n", at);
  if (line < 0) return -1;
  const type = reply[at];
  const size = Number(reply.slice(at + 1, line));
  let end = line + 2;
  if (type === "$") end += size < 0 ? 0 : size + 2;
  else if (type === "*") for (let i = 0; i < size && end >= 0; i++) end = replyEnd(reply, end);
  return end > reply.length ? -1 : end;
}

/** Sends one command, as in `redis-cli`, and gives the raw reply. */
export async function redisCommand(port: number, command: string): Promise<string> {
  const socket = connect({ host: "127.0.0.1", port });
  try {
    await once(socket, "connect");
    // Told by the loop below; without a listener, an error between the two would end the process.
    socket.on("error", () => {});
    socket.write(`${command}\r\n`);
    let reply = "";
    for await (const chunk of socket) {
      reply += (chunk as Buffer).toString("latin1");
      if (replyEnd(reply) > 0) return reply;
    }
    throw new Error(`the server at port ${port} closed the connection`);
  } finally {
    socket.destroy();
  }
}

/** Asks until the reply looks as expected. */
export async function redisSays(
  port: number,
  command: string,
  expected: RegExp,
  also: (reply: string) => boolean = () => true,
): Promise<string> {
  for (const end = Date.now() + SETTLES_WITHIN_MS; ;) {
    let reply = "";
    try {
      reply = await redisCommand(port, command);
    } catch (error) {
      reply = String(error);
    }
    if (expected.test(reply) && also(reply)) return reply;
    if (Date.now() > end)
      throw new Error(`${command} on port ${port} never said ${String(expected)}:\n${reply}`);
    await sleep(20);
  }
}
