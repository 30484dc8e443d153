import { Client } from "pg";
import type { PostgresServer } from "./postgres-server.ts";

const STRANGER = "stranger";

/** Connects at once. */
const PUSHERS = 8;

const TOO_MANY = "53300";

/** Another application on the same server, which takes every connection that it can get. */
export class Strangers {
  readonly #server: PostgresServer;
  readonly #room: number;
  #held: Client[] = [];

  private constructor(server: PostgresServer, room: number) {
    this.#server = server;
    this.#room = room;
  }

  /** @param room connections that the server takes from all applications together. */
  static async at(server: PostgresServer, room: number): Promise<Strangers> {
    await server.administer(`CREATE ROLE ${STRANGER} LOGIN`);
    return new Strangers(server, room);
  }

  /** Takes the place of all sessions of ours. Resolves when there is no connection left. */
  async crowdOut(): Promise<void> {
    // Who is faster is no part of the fault.
    await this.#server.admitApplication(false);
    await this.#server.endSessions();
    let left = this.#room;
    const push = async (): Promise<void> => {
      while (left-- > 0) await this.#takePlace();
    };
    await Promise.all(Array.from({ length: PUSHERS }, push));
    await this.#server.admitApplication(true);
  }

  /** Resolves when the server has forgotten them. */
  async leave(): Promise<void> {
    const leaving = this.#held;
    this.#held = [];
    await Promise.all(leaving.map((client) => client.end()));
    const sessions = `SELECT 1 FROM pg_stat_activity WHERE usename = '${STRANGER}'`;
    while ((await this.#server.administer(sessions)).length > 0);
  }

  /** A session that was ended keeps its place for a moment. */
  async #takePlace(): Promise<void> {
    for (;;) {
      const client = new Client(this.#server.urlOf(STRANGER));
      client.on("error", () => {});
      try {
        await client.connect();
        this.#held.push(client);
        return;
      } catch (error) {
        if ((error as { readonly code?: string }).code !== TOO_MANY) throw error;
      }
    }
  }
}
