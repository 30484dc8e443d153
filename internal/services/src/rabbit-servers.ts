import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { freePort, newDir, PrivateServer, type ServerSpec } from "./private-servers.ts";

const BIN = "/usr/lib/rabbitmq/bin";

/** Milliseconds in which a node answers its administrator, whose tool takes a second to start. */
const SAYS_WITHIN_MS = 30_000;

/** A node of RabbitMQ, which its administrator can ask. */
export class PrivateRabbit extends PrivateServer {
  readonly #env: Readonly<Record<string, string>>;

  constructor(spec: ServerSpec & { readonly env: Readonly<Record<string, string>> }) {
    super(spec);
    this.#env = spec.env;
  }

  /** What other nodes and its administrator call it. */
  get nodeName(): string {
    return this.#env["RABBITMQ_NODENAME"] ?? "";
  }

  /**
   * Runs `rabbitmqctl` against this node.
   *
   * @returns what it printed.
   * @throws Error with what it printed when it failed.
   */
  async ctl(...args: readonly string[]): Promise<string> {
    const { stdout } = await promisify(execFile)(join(BIN, "rabbitmqctl"), ["--quiet", ...args], {
      env: { ...process.env, ...this.#env },
      timeout: SAYS_WITHIN_MS,
    });
    return stdout.trim();
  }
}

interface NodeParts {
  /** Where Erlang nodes find each other. */
  readonly epmd: number;
  /** Nodes that know each other have the same. Default: one of its own. */
  readonly cookie?: string;
  /** Starts what the node needs, and then the node. Default: the node alone. */
  readonly before?: string;
  /** Lines of its configuration besides. */
  readonly settings: readonly string[];
}

const COOKIE_MODE = 0o400;

async function startNode({ epmd, cookie, before = "", settings }: NodeParts): Promise<PrivateRabbit> {
  const [port, dist] = [await freePort(), await freePort()];
  const dir = newDir("rabbit");
  const conf = [`listeners.tcp.default = 127.0.0.1:${port}`, "disk_free_limit.absolute = 50MB", ...settings];
  writeFileSync(join(dir, "rabbitmq.conf"), `${conf.join("\n")}\n`);
  writeFileSync(join(dir, "enabled_plugins"), "[].\n");
  if (cookie !== undefined) writeFileSync(join(dir, ".erlang.cookie"), cookie, { mode: COOKIE_MODE });
  const server = new PrivateRabbit({
    dir,
    port,
    url: `amqp://guest:guest@127.0.0.1:${port}`,
    command: ["sh", "-c", `${before}exec ${BIN}/rabbitmq-server`],
    env: {
      HOME: dir,
      RABBITMQ_NODENAME: `t${port}@localhost`,
      RABBITMQ_DIST_PORT: String(dist),
      RABBITMQ_CONFIG_FILE: join(dir, "rabbitmq.conf"),
      RABBITMQ_CONF_ENV_FILE: "/dev/null",
      RABBITMQ_ENABLED_PLUGINS_FILE: join(dir, "enabled_plugins"),
      RABBITMQ_MNESIA_BASE: join(dir, "mnesia"),
      RABBITMQ_LOG_BASE: join(dir, "log"),
      RABBITMQ_PID_FILE: join(dir, "pid"),
      ERL_EPMD_PORT: String(epmd),
      ERL_EPMD_ADDRESS: "127.0.0.1",
      RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS:
        "-kernel inet_dist_use_interface {127,0,0,1} +sbwt none +sbwtdcpu none +sbwtdio none",
    },
    hello: "AMQP\0\0\x09\x01",
    ok: (d) => d[0] === 1,
  });
  await server.start();
  return server;
}

/**
 * A node of RabbitMQ by itself. `kill()` is a crash, `start()` brings it back with its data.
 *
 * @param settings lines of its `rabbitmq.conf` besides, such as `"consumer_timeout = 5000"`.
 */
export async function privateRabbit(...settings: string[]): Promise<PrivateRabbit> {
  // Its own epmd, in the same process group, so that killing the group leaves nothing behind.
  const before = 'epmd -port "$ERL_EPMD_PORT" -address 127.0.0.1 & ';
  return startNode({ epmd: await freePort(), before, settings });
}

/** Nodes of RabbitMQ that make up one cluster. */
export class RabbitCluster {
  readonly nodes: readonly PrivateRabbit[];
  readonly #epmd: PrivateServer;

  constructor(nodes: readonly PrivateRabbit[], epmd: PrivateServer) {
    this.nodes = nodes;
    this.#epmd = epmd;
  }

  /** The node that leads a quorum queue. @throws Error when `asked` knows of none. */
  async leaderOf(queue: string, asked: PrivateRabbit): Promise<PrivateRabbit> {
    const listed = await asked.ctl("list_queues", "--no-table-headers", "name", "leader");
    const [, name] =
      listed
        .split("\n")
        .map((line) => line.split("\t"))
        .find(([of]) => of === queue) ?? [];
    const leader = this.nodes.find((node) => node.nodeName === name?.trim());
    if (leader === undefined) throw new Error(`nobody leads ${queue}: ${listed}`);
    return leader;
  }

  async stop(): Promise<void> {
    for (const node of this.nodes) await node.stop();
    await this.#epmd.stop();
  }
}

/** A request for the names of all nodes, which epmd answers with its port before them. */
const EPMD_NAMES = Buffer.from([0, 1, 110]);
const EPMD_PORT_BYTES = 4;

/**
 * A cluster of as many nodes on this machine. Each can be killed and started again by itself.
 *
 * @param size nodes, 1 or more.
 */
export async function privateRabbitCluster(size: number): Promise<RabbitCluster> {
  const port = await freePort();
  const epmd = new PrivateServer({
    dir: newDir("epmd"),
    port,
    url: `tcp://127.0.0.1:${port}`,
    command: ["epmd", "-port", String(port), "-address", "127.0.0.1"],
    hello: EPMD_NAMES,
    ok: (d) => d.length >= EPMD_PORT_BYTES && d.readUInt32BE(0) === port,
  });
  const nodes: PrivateRabbit[] = [];
  const cluster = new RabbitCluster(nodes, epmd);
  try {
    await epmd.start();
    for (let i = 0; i < size; i++) {
      const node = await startNode({ epmd: port, cookie: `cluster${port}`, settings: [] });
      nodes.push(node);
      const [first] = nodes;
      if (first === undefined || first === node) continue;
      await node.ctl("stop_app");
      await node.ctl("join_cluster", first.nodeName);
      await node.ctl("start_app");
    }
    return cluster;
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}
