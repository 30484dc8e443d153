import { privateRedis } from "@lexigram/services";
import { Redis } from "ioredis";
import type { Gauge } from "./gauge.ts";
import type { RunningStore, StoreSettings } from "./stores.ts";

/** A Redis of its own for one benchmark, on a free port, ended with it. */
export async function startRedis({ appendfsync }: StoreSettings): Promise<RunningStore> {
  const durability =
    appendfsync === undefined
      ? ["--appendonly", "no"]
      : ["--appendonly", "yes", "--appendfsync", appendfsync];
  const server = await privateRedis(...durability);
  const redis = new Redis(server.url);
  try {
    const settings = await Promise.all(
      ["appendonly", "appendfsync", "save"].map(async (name) => {
        const [, value] = await redis.config("GET", name);
        return `${name} ${value === "" ? '""' : value}`;
      }),
    );
    const version = field(await redis.info("server"), "redis_version");
    return {
      url: server.url,
      line: `redis ${version}, a server of its own on the same machine, ${settings.join(", ")}`,
      stop: () => server.stop(),
    };
  } finally {
    redis.disconnect();
  }
}

/** @param url of a server that holds nothing else: `empty` deletes all of it. */
export function redisGauge(url: string): Gauge {
  const redis = new Redis(url);
  return {
    cpuUs: async () => {
      const info = await redis.info("cpu");
      return (Number(field(info, "used_cpu_user")) + Number(field(info, "used_cpu_sys"))) * 1e6;
    },
    // Without the buffers of connections, which come and go.
    usedBytes: async () => {
      const info = await redis.info("memory");
      return Number(field(info, "used_memory")) - Number(field(info, "mem_clients_normal"));
    },
    empty: async () => {
      await redis.flushall("SYNC");
    },
  };
}

function field(info: string, name: string): string {
  const value = new RegExp(`^${name}:(.*)$`, "m").exec(info)?.[1]?.trim();
  if (value === undefined) throw new Error(`INFO says nothing of ${name}`);
  return value;
}
