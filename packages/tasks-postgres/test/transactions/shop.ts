import { uniqueName } from "@lexigram/conformance";
import { systemRandom } from "@lexigram/contracts";
import { Application } from "@lexigram/kernel";
import { type NamedBackendOptions, type Runnable, TaskDispatcher, TasksModule } from "@lexigram/tasks";
import { postgresBackend, type PostgresBackendOptions } from "@lexigram/tasks-postgres";
import { Pool, type PoolClient } from "pg";
import { onTestFinished } from "vitest";
import type { PostgresServer } from "../postgres-server.ts";

export interface ShopOptions extends PostgresBackendOptions {
  /** Jobs that run at once. Default 4; 0 only enqueues. */
  readonly workers?: number;
  readonly lease?: "1s" | "15s";
}

/** Applications that share a schema, each with connections of its own, and a table of what their handlers did. */
export class Shop {
  /** The application's own. */
  readonly pool: Pool;
  readonly schema = uniqueName("shop")
    .toLowerCase()
    .replaceAll(/[^a-z0-9]/g, "_");
  readonly entry: NamedBackendOptions;
  readonly #server: PostgresServer;

  private constructor(server: PostgresServer) {
    this.#server = server;
    this.pool = new Pool({ connectionString: server.url, max: 4 });
    this.pool.on("error", () => {});
    this.entry = { name: "work", type: "postgres", postgresDsn: server.url, extra: { schema: this.schema } };
  }

  static async open(server: PostgresServer): Promise<Shop> {
    const shop = new Shop(server);
    onTestFinished(() => shop.pool.end());
    await shop.pool.query(`CREATE SCHEMA ${shop.schema}; CREATE TABLE ${shop.effects} (job text, note text)`);
    return shop;
  }

  /** The table's name. */
  get effects(): string {
    return `${this.schema}.effect`;
  }

  /** Boots an application. */
  async app(tasks: readonly Runnable[], options: ShopOptions = {}): Promise<TaskDispatcher> {
    const { workers = 4, lease = "15s", ...given } = options;
    const backend = postgresBackend({
      ...(given.pool === undefined ? { dsn: this.#server.url } : {}),
      schema: this.schema,
      // A random of its own keeps it from being shared, as if it were another process.
      random: () => systemRandom(),
      ...given,
    });
    const app = await Application.boot({
      modules: [
        TasksModule.configure({
          workerCount: workers,
          backends: [{ name: "work", backend }],
          config: { worker: { lease } },
        }),
        TasksModule.scope(...tasks),
      ],
      config: { logging: { level: "error" } },
    });
    onTestFinished(() => app.stop());
    return app.get(TaskDispatcher);
  }

  /** Writes down, on a client, what a handler did. */
  async effect(client: Pick<PoolClient, "query">, job: string, note = "done"): Promise<void> {
    await client.query(`INSERT INTO ${this.effects} VALUES ($1, $2)`, [job, note]);
  }

  /** Notes of what was done and committed, by job. */
  async notes(job: string): Promise<string[]> {
    const text = `SELECT note FROM ${this.effects} WHERE job = $1 ORDER BY note`;
    return (await this.pool.query<{ note: string }>(text, [job])).rows.map(({ note }) => note);
  }

  /** A client in a transaction, which is rolled back when the test ends before it does. */
  async begun(): Promise<{ client: PoolClient; commit: () => Promise<void>; rollback: () => Promise<void> }> {
    const client = await this.pool.connect();
    client.on("error", () => {});
    let open = true;
    await client.query("BEGIN");
    const end = async (how: string): Promise<void> => {
      if (!open) return;
      open = false;
      try {
        await client.query(how);
        client.release();
      } catch (error) {
        client.release(true);
        throw error;
      }
    };
    onTestFinished(() => end("ROLLBACK").catch(() => {}));
    return { client, commit: () => end("COMMIT"), rollback: () => end("ROLLBACK") };
  }
}

/** A promise that is settled from outside. */
export class Gate<T = void> {
  readonly opened: Promise<T>;
  open!: (value: T) => void;
  constructor() {
    this.opened = new Promise((resolve) => (this.open = resolve));
  }
}
