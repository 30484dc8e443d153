import { type Gauge, memoryGauge } from "./gauge.ts";
import { postgresGauge, startPostgres } from "./postgres-store.ts";
import { rabbitGauge, startRabbit } from "./rabbitmq-store.ts";
import { redisGauge, startRedis } from "./redis-store.ts";

export interface StoreSettings {
  /** Lets Redis keep a log, and says when the log is forced to the disk. Absent: it keeps nothing. */
  readonly appendfsync?: "always" | "everysec";
}

/** A store that was started for one benchmark. */
export interface RunningStore {
  readonly url: string;
  /** Version and durability; a figure without them says nothing. */
  readonly line: string;
  stop(): Promise<void>;
}

/** @returns nothing for a store that lives in the process. */
export async function startStore(store: string, settings: StoreSettings): Promise<RunningStore | undefined> {
  if (store === "redis") return startRedis(settings);
  if (store === "rabbitmq") return startRabbit();
  return store === "postgres" ? startPostgres() : undefined;
}

export function gaugeOf(url: string | undefined): Gauge {
  if (url === undefined) return memoryGauge;
  if (url.startsWith("amqp:")) return rabbitGauge(url);
  return url.startsWith("postgres:") ? postgresGauge(url) : redisGauge(url);
}
