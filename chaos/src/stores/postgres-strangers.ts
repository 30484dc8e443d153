import { Client } from "pg";
import type { PostgresServer } from "./postgres-server.ts";

const STRANGER = "stranger";

/** Connects at once; the server takes as many as it has room for. */
const PUSHERS = 8;

/** Another application on the same server, which takes every connection that it can get. */
export class Strangers {
  readonly #server: PostgresServer;
  readonly #held = new Set<Client>();

  private constructor(server: PostgresServer) {
    this.#server = server;
  }

  static async at(server: PostgresServer): Promise<Strangers> {
    await server.administer(`CREATE ROLE ${STRANGER} LOGIN`);
    return new Strangers(server);
  }

  /** Resolves when nobody else has a session, and nobody gets one. */
  async crowdOut(): Promise<void> {
    do {
      await Promise.all(Array.from({ length: PUSHERS }, () => this.#push()));
    } while ((await this.#server.endSessions()) > 0);
    await Promise.all(Array.from({ length: PUSHERS }, () => this.#push()));
  }

  /** Resolves when the server has forgotten them. */
  async leave(): Promise<void> {
    await Promise.all([...this.#held].map((client) => client.end()));
    this.#held.clear();
    const sessions = `SELECT 1 FROM pg_stat_activity WHERE usename = '${STRANGER}'`;
    while ((await this.#server.administer(sessions)).length > 0);
  }

  /** Takes connections until there is none left. */
  async #push(): Promise<void> {
    for (;;) {
      const client = new Client(this.#server.urlOf(STRANGER));
      client.on("error", () => {});
      try {
        await client.connect();
      } catch (error) {
        if ((error as { readonly code?: string }).code === TOO_MANY) return;
        throw error;
      }
      this.#held.add(client);
    }
  }
}

const TOO_MANY = "53300";
