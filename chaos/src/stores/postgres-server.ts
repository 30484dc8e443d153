import { privatePostgres, type PrivateServer, privateStandby } from "@lexigram/services";
import type { NamedBackendOptions } from "@lexigram/tasks";
import { Client } from "pg";
import type { Cleanup } from "../run/cleanup.ts";
import type { StoreServer } from "../scenarios/store-server.ts";

/** Who the application is; administrators have connections of their own in reserve. */
const APPLICATION = "application";

/** How PostgreSQL is set when nobody sets it, but for what it does to a disk that never failed when it comes back. */
const DEFAULTS = ["-c", "fsync=on", "-c", "recovery_init_sync_method=syncfs"];

/** A PostgreSQL server of its own, as the scenarios hurt it. */
export class PostgresServer implements StoreServer {
  readonly #server: PrivateServer;

  private constructor(server: PrivateServer) {
    this.#server = server;
  }

  /** @param settings besides the defaults, or instead, as on the server's command line. */
  static async open(cleanup: Cleanup, settings: readonly string[] = []): Promise<PostgresServer> {
    const server = await privatePostgres(...DEFAULTS, ...settings);
    cleanup.defer(() => server.stop());
    const opened = new PostgresServer(server);
    await opened.administer(`CREATE ROLE ${APPLICATION} LOGIN`);
    await opened.administer(`GRANT CREATE ON DATABASE postgres TO ${APPLICATION}`);
    // Whatever the settings, it has this for sure.
    await opened.administer("CHECKPOINT");
    return opened;
  }

  /** A standby of such a server, which it finds at this port. */
  static async standbyAt(primaryPort: number, cleanup: Cleanup): Promise<PostgresServer> {
    const server = await privateStandby(primaryPort, ...DEFAULTS);
    cleanup.defer(() => server.stop());
    return new PostgresServer(server);
  }

  get port(): number {
    return this.#server.port;
  }

  get queue(): NamedBackendOptions {
    return this.through(this.port);
  }

  through(port: number): NamedBackendOptions {
    const postgresDsn = this.urlOf(APPLICATION).replace(String(this.port), String(port));
    return { name: "chaos", type: "postgres", postgresDsn };
  }

  urlOf(role: string): string {
    const url = new URL(this.#server.url);
    url.username = role;
    return url.href;
  }

  /** @param signal SIGKILL: a crash; SIGQUIT: an immediate shutdown, as good as a crash; SIGINT: one in order. */
  kill(signal: "SIGKILL" | "SIGQUIT" | "SIGINT" = "SIGKILL"): Promise<void> {
    return this.#server.kill(signal);
  }

  async start(): Promise<void> {
    await this.#server.start();
  }

  /** Ends it for good, and its data. */
  stop(): Promise<void> {
    return this.#server.stop();
  }

  /** Runs a statement as the administrator, whom the server lets in also when it is full. */
  async administer(text: string): Promise<readonly Record<string, unknown>[]> {
    const client = new Client(this.#server.url);
    // What ends its session is told by the query.
    client.on("error", () => {});
    await client.connect();
    try {
      return (await client.query<Record<string, unknown>>(text)).rows;
    } finally {
      await client.end();
    }
  }

  /** Ends every session of the application. */
  async endSessions(): Promise<void> {
    await this.administer(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '${APPLICATION}'`,
    );
  }

  /** Whether new sessions of the application are let in. */
  async admitApplication(admitted: boolean): Promise<void> {
    await this.administer(`ALTER ROLE ${APPLICATION} CONNECTION LIMIT ${admitted ? -1 : 0}`);
  }
}
