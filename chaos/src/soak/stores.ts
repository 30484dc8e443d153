import { privatePostgres, privateRabbit, privateRedis, redisCommand } from "@lexigram/services";
import type { NamedBackendOptions } from "@lexigram/tasks";
import { Client } from "pg";
import type { Cleanup } from "../run/cleanup.ts";

/** A store that stands for as long as a soak. */
export interface SoakStore {
  readonly queue: NamedBackendOptions;
  /** Bytes that its server holds; absent where there is none. */
  usedBytes?(): Promise<number>;
}

const NAME = "soak";

/** Every store that can be soaked, by its name on the command line. */
export const SOAK_STORES: Readonly<Record<string, (cleanup: Cleanup) => Promise<SoakStore>>> = {
  memory: async () => ({ queue: { name: NAME, type: "memory" } }),
  redis: async (cleanup) => {
    const server = await privateRedis("--appendonly", "yes", "--appendfsync", "everysec");
    cleanup.defer(() => server.stop());
    return {
      queue: { name: NAME, type: "redis", redisUrl: server.url },
      usedBytes: async () => {
        const info = await redisCommand(server.port, "INFO memory");
        return Number(/used_memory:(\d+)/.exec(info)?.[1]);
      },
    };
  },
  postgres: async (cleanup) => {
    const server = await privatePostgres();
    cleanup.defer(() => server.stop());
    const client = new Client(server.url);
    await client.connect();
    cleanup.defer(() => client.end());
    return {
      queue: { name: NAME, type: "postgres", postgresDsn: server.url },
      usedBytes: async () => {
        const { rows } = await client.query<{ bytes: string }>(
          "SELECT pg_database_size(current_database()) AS bytes",
        );
        return Number(rows[0]?.bytes);
      },
    };
  },
  rabbitmq: async (cleanup) => {
    const server = await privateRabbit();
    cleanup.defer(() => server.stop());
    return {
      queue: { name: NAME, type: "rabbitmq", amqpUrl: server.url },
      usedBytes: async () => Number(await server.ctl("eval", "erlang:memory(total).")),
    };
  },
};
