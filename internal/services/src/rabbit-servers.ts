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

/**
 * A node of RabbitMQ by itself. `kill()` is a crash, `start()` brings it back with its data.
 *
 * @param settings lines of its `rabbitmq.conf` besides, such as `"consumer_timeout = 5000"`.
 */
export async function privateRabbit(...settings: string[]): Promise<PrivateRabbit> {
  const [port, dist, epmd] = [await freePort(), await freePort(), await freePort()];
  const dir = newDir("rabbit");
  const conf = [`listeners.tcp.default = 127.0.0.1:${port}`, "disk_free_limit.absolute = 50MB", ...settings];
  writeFileSync(join(dir, "rabbitmq.conf"), `${conf.join("\n")}\n`);
  writeFileSync(join(dir, "enabled_plugins"), "[].\n");
  const server = new PrivateRabbit({
    dir,
    port,
    url: `amqp://guest:guest@127.0.0.1:${port}`,
    // Its own epmd, in the same process group, so that killing the group leaves nothing behind.
    command: ["sh", "-c", `epmd -port "$ERL_EPMD_PORT" -address 127.0.0.1 & exec ${BIN}/rabbitmq-server`],
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
