import { execFile } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { freePort, newDir, PrivateServer } from "./private-servers.ts";

const run = promisify(execFile);

/** Where the newest version there is has its programs. */
function programs(): string {
  const base = "/usr/lib/postgresql";
  const version = readdirSync(base)
    .filter((v) => existsSync(join(base, v, "bin/initdb")))
    .sort((a, b) => Number(a) - Number(b))
    .at(-1);
  return join(base, version ?? "", "bin");
}

/** PostgreSQL's programs refuse to run as root. */
const unprivileged = (): readonly string[] =>
  process.getuid?.() === 0 ? ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--"] : [];

/** Makes a folder with data by one of PostgreSQL's programs, and a server that is not started yet. */
async function serverOn(
  program: string,
  made: readonly string[],
  args: readonly string[],
): Promise<PrivateServer> {
  const bin = programs();
  const as = unprivileged();
  const dir = newDir("pg");
  const data = join(dir, "data");
  if (as.length > 0) await run("chown", ["postgres", dir]);
  const [file = "", ...given] = [...as, join(bin, program), "-D", data, ...made];
  await run(file, given, { cwd: dir });
  const port = await freePort();
  const startup = Buffer.from("\0\0\0\0\0\x03\0\0user\0postgres\0database\0postgres\0\0", "latin1");
  startup.writeInt32BE(startup.length, 0);
  return new PrivateServer({
    dir,
    port,
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    command: [
      ...as,
      join(bin, "postgres"),
      "-D",
      data,
      "-p",
      String(port),
      "-c",
      "listen_addresses=127.0.0.1",
      "-c",
      "unix_socket_directories=",
      "-c",
      "fsync=off",
      "-c",
      "max_connections=200",
      ...args,
    ],
    hello: startup,
    ok: (d) => d[0] === 0x52,
    scattered: true,
  });
}

/**
 * A server that anybody on this machine may use as its superuser `postgres`, of the newest version there is.
 *
 * `kill()` is a crash: all of its processes die at once. `kill("SIGQUIT")` is its immediate shutdown, `kill("SIGINT")`
 * its fast one, which loses no transaction. `start()` brings it back with its data, recovered, on the same port.
 *
 * @param args as on its command line, such as `"-c", "max_connections=50"`. By default it does not wait for the disk, which a
 *   crash of the server does not show and its speed does: `"-c", "fsync=on"` sets it as real ones are.
 */
export async function privatePostgres(...args: string[]): Promise<PrivateServer> {
  const made = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"];
  return (await serverOn("initdb", made, args)).start();
}

/**
 * A server with the data of another one, which streams from it and only reads until it is promoted. Its primary calls it
 * `standby`, in `synchronous_standby_names` and `pg_stat_replication`.
 *
 * @param primaryPort where it finds its primary, now and when its link was cut.
 * @param args as on its command line. What `ALTER SYSTEM` had set at the primary comes with its data.
 */
export async function privateStandby(primaryPort: number, ...args: string[]): Promise<PrivateServer> {
  const from = `host=127.0.0.1 port=${primaryPort} user=postgres application_name=standby`;
  const made = ["-d", from, "-R", "-X", "stream", "-c", "fast", "--no-sync"];
  // Asked for every 5 seconds by default, a primary that was away for a moment would be missed for longer.
  const asks = ["-c", "wal_retrieve_retry_interval=100ms"];
  return (await serverOn("pg_basebackup", made, [...asks, ...args])).start();
}
