import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePort, newDir, PrivateServer } from "./private-servers.ts";

/**
 * A pooler in transaction mode before a PostgreSQL server.
 *
 * @param url of the server, with the user as whom everybody is let in.
 * @param settings of PgBouncer besides, or instead.
 */
export async function privatePgBouncer(
  url: string,
  settings: Readonly<Record<string, string | number>> = {},
): Promise<PrivateServer> {
  const { hostname, port: target, username, pathname } = new URL(url);
  const port = await freePort();
  const dir = newDir("pgbouncer");
  const all = {
    listen_addr: "127.0.0.1",
    listen_port: port,
    unix_socket_dir: "",
    auth_type: "any",
    pool_mode: "transaction",
    default_pool_size: 4,
    ...settings,
  };
  const database = `* = host=${hostname} port=${target === "" ? 5432 : target} user=${username}`;
  writeFileSync(
    join(dir, "pgbouncer.ini"),
    `[databases]\n${database}\n[pgbouncer]\n${Object.entries(all)
      .map(([name, value]) => `${name} = ${value}\n`)
      .join("")}`,
  );
  const startup = Buffer.from(
    `\0\0\0\0\0\x03\0\0user\0${username}\0database\0${pathname.slice(1)}\0\0`,
    "latin1",
  );
  startup.writeInt32BE(startup.length, 0);
  // It refuses to run as root.
  const as =
    process.getuid?.() === 0
      ? ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--"]
      : [];
  return new PrivateServer({
    dir,
    port,
    url: `postgres://${username}@127.0.0.1:${port}${pathname}`,
    command: [...as, "/usr/sbin/pgbouncer", join(dir, "pgbouncer.ini")],
    hello: startup,
    ok: (d) => d[0] === 0x52,
  }).start();
}
