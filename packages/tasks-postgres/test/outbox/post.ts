import { uniqueName } from "@lexigram/conformance";
import {
  type OutboxProtocol,
  systemRandom,
  type TaskBackend,
  type TaskQueueProtocol,
} from "@lexigram/contracts";
import { Application } from "@lexigram/kernel";
import { sharedServers } from "@lexigram/services";
import { type NamedBackendOptions, type Runnable, task, TaskDispatcher, TasksModule } from "@lexigram/tasks";
import { rabbitmqBackend } from "@lexigram/tasks-rabbitmq";
import { redisBackend } from "@lexigram/tasks-redis";
import { type PoolClient } from "pg";
import { onTestFinished } from "vitest";
import { z } from "zod";
import { postgresBackend } from "../../src/index.ts";
import { ownSchema } from "../state/postgres-state-harness.ts";
import { Gate, Shop } from "../transactions/shop.ts";
import type { PostgresServer } from "../postgres-server.ts";

/** Stores that jobs go to. */
export const TARGETS = ["redis", "postgres"] as const;
/** RabbitMQ remembers no calls, so what holds of these does not hold of it. */
export type Target = (typeof TARGETS)[number] | "rabbitmq";

/** What stands around calls of a relay. */
export interface Interception {
  /** Around the call that stores a batch in its queue. */
  readonly send?: (send: () => Promise<unknown>) => Promise<unknown>;
  /** Around the call that reports a batch; others go through. */
  readonly report?: (report: () => Promise<unknown>) => Promise<unknown>;
}

export interface PostOptions extends Interception {
  /** Jobs that run at once. Default 0: it only enqueues and relays. */
  readonly workers?: number;
  readonly tasks?: readonly Runnable[];
  readonly mail?: Partial<NamedBackendOptions>;
}

/** The tasks as producers know them. */
export const letter = task({ name: "letter", queue: "mail", input: z.string() });

/** Applications that enqueue to `mail`, a queue of another store, in transactions of one database, whose queue is `shop`. */
export class Post {
  readonly shop: Shop;
  readonly #server: PostgresServer;
  readonly #mail: () => TaskBackend;

  private constructor(server: PostgresServer, shop: Shop, mail: () => TaskBackend) {
    this.#server = server;
    this.shop = shop;
    this.#mail = mail;
  }

  static async open(server: PostgresServer, target: Target, namespace = uniqueName("outbox")): Promise<Post> {
    const schema = ownSchema("outbox").name;
    // A random of its own keeps each from being shared, as if it were another process.
    const random = (): number => systemRandom();
    const backends: Record<Target, () => TaskBackend> = {
      redis: () => redisBackend({ url: sharedServers.redis, namespace, random }),
      postgres: () => postgresBackend({ dsn: server.url, schema, random }),
      rabbitmq: () => rabbitmqBackend({ url: sharedServers.rabbitmq, namespace, random }),
    };
    const mail = backends[target];
    return new Post(server, await Shop.open(server), mail);
  }

  /** Boots an application. */
  async app({ workers = 0, tasks = [], mail = {}, ...interception }: PostOptions = {}): Promise<Application> {
    const shop = postgresBackend({
      dsn: this.#server.url,
      schema: this.shop.schema,
      random: () => systemRandom(),
    });
    const backends: NamedBackendOptions[] = [
      { name: "shop", backend: { ...shop, outbox: (name) => reporting(shop.outbox!(name), interception) } },
      { name: "mail", outbox: "shop", backend: sending(this.#mail(), interception), ...mail },
    ];
    const app = await Application.boot({
      modules: [
        TasksModule.configure({
          workerCount: workers === 0 ? 0 : 1,
          backends,
          // What is claimed ahead and handed back may change places, which is not the outbox's doing.
          config: { worker: { maxConcurrentTasks: Math.max(1, workers), prefetch: 0 } },
        }),
        TasksModule.scope(...tasks),
      ],
      config: { logging: { level: "silent" } },
    });
    onTestFinished(() => app.stop());
    return app;
  }

  /** Enqueues letters in a transaction of their own. */
  async send(
    app: Application,
    names: readonly string[],
    end: "COMMIT" | "ROLLBACK" = "COMMIT",
  ): Promise<void> {
    const { client, commit, rollback } = await this.shop.begun();
    await this.enqueue(app, names, client);
    await (end === "COMMIT" ? commit() : rollback());
  }

  async enqueue(app: Application, names: readonly string[], client: PoolClient): Promise<void> {
    const options = { transaction: client };
    const answers = await app
      .get(TaskDispatcher)
      .enqueueMany(names.map((input) => ({ task: letter, input, options })));
    for (const answer of answers) if (!answer.ok) throw answer.error;
  }

  /** A queue object of the target, past all applications. */
  queue(): TaskQueueProtocol {
    const backend = this.#mail();
    onTestFinished(() => backend.close());
    return backend.queue("mail");
  }

  /** Runs a text on the tables of the outbox, `@` before their names. @returns its rows. */
  async tables(text: string): Promise<Record<string, unknown>[]> {
    const { pool, schema } = this.shop;
    return (await pool.query<Record<string, unknown>>(text.replaceAll("@", `${schema}.`))).rows;
  }

  /** Ends the lease of whoever delivers, as time would. */
  async endLease(): Promise<void> {
    await this.tables("UPDATE @outbox_route SET until = 0");
  }

  /** Jobs that have not been delivered. */
  async left(): Promise<number> {
    return Number((await this.tables("SELECT count(*) AS n FROM @outbox"))[0]?.["n"]);
  }
}

/** A relay is told from producers by how long its calls are remembered. */
const isRelays = (options: { enqueueTimeoutMs?: number } | undefined): boolean =>
  (options?.enqueueTimeoutMs ?? 0) > 86_400_000;

function sending(backend: TaskBackend, { send }: Interception): TaskBackend {
  if (send === undefined) return backend;
  return {
    ...backend,
    queue(name, options) {
      const queue = backend.queue(name, options);
      if (!isRelays(options)) return queue;
      return new Proxy(queue, {
        get: (of, key) => {
          const value = Reflect.get(of, key) as unknown;
          if (typeof value !== "function") return value;
          const bound = value.bind(of) as (...args: unknown[]) => Promise<unknown>;
          return key === "enqueueMany" ? (...args: unknown[]) => send(() => bound(...args)) : bound;
        },
      });
    },
  };
}

function reporting(outbox: OutboxProtocol, { report }: Interception): OutboxProtocol {
  if (report === undefined) return outbox;
  const take = outbox.take.bind(outbox);
  outbox.take = (request) =>
    request.report === undefined
      ? take(request)
      : (report(() => take(request)) as ReturnType<OutboxProtocol["take"]>);
  return outbox;
}

/** Counts what arrives, and waits for a number of it. */
export class Arrivals {
  readonly names: string[] = [];
  readonly task: Runnable;
  #waiting: { readonly n: number; readonly gate: Gate }[] = [];

  constructor() {
    this.task = task({ name: "letter", queue: "mail", input: z.string() }, (name) => {
      this.names.push(name);
      for (const { n, gate } of this.#waiting) if (this.names.length >= n) gate.open();
    });
  }

  async atLeast(n: number): Promise<void> {
    const gate = new Gate();
    this.#waiting.push({ n, gate });
    if (this.names.length >= n) gate.open();
    await gate.opened;
  }
}
