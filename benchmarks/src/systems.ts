import type { Subject } from "./subject.ts";
import type { OursVariant } from "./systems/ours.ts";

type Load = () => Promise<Subject>;

const ours =
  (store: "memory" | "redis" | "postgres" | "rabbitmq", variant?: OursVariant): Load =>
  async () =>
    (await import("./systems/ours.ts")).ours(store, variant);

const bullmq =
  (variant?: "removeOnComplete"): Load =>
  async () =>
    (await import("./systems/bullmq-redis.ts")).bullmqRedis(variant);

const bullmqOnPostgres =
  (variant?: "removeOnComplete"): Load =>
  async () =>
    (await import("./systems/bullmq-postgres.ts")).bullmqPostgres(variant);

const graphileWorker =
  (variant: "one by one" | "batched"): Load =>
  async () =>
    (await import("./systems/graphile-worker-postgres.ts")).graphileWorkerPostgres(variant);

const pgBoss =
  (variant: "one by one" | "batched" | "fetch"): Load =>
  async () =>
    (await import("./systems/pg-boss-postgres.ts")).pgBossPostgres(variant);

const onAmqplib =
  (type: "quorum" | "classic"): Load =>
  async () =>
    (await import("./systems/plain-rabbitmq.ts")).plainRabbitmq(type);

const keepingNothing = { label: "keepCompleted: 0", keepCompleted: 0 } as const;

/**
 * Every system by store, loaded when it is asked for: no system runs beside the code of another. A variant has a key
 * of its own; rivals that keep no records are compared with `keepCompleted: 0`.
 */
export const SYSTEMS: Readonly<Record<string, Readonly<Record<string, Load>>>> = {
  memory: {
    plain: async () => (await import("./systems/plain-memory.ts")).plainMemory,
    ours: ours("memory"),
    "ours, keepCompleted: 0": ours("memory", keepingNothing),
    fastq: async () => (await import("./systems/fastq-memory.ts")).fastqMemory,
    "p-queue": async () => (await import("./systems/p-queue-memory.ts")).pQueueMemory,
  },
  redis: {
    spike: async () => (await import("./systems/spike-redis.ts")).spikeRedis,
    ours: ours("redis"),
    "ours, keepCompleted: 0": ours("redis", keepingNothing),
    bullmq: bullmq(),
    "bullmq, removeOnComplete": bullmq("removeOnComplete"),
    "bee-queue": async () => (await import("./systems/bee-queue-redis.ts")).beeQueueRedis,
  },
  postgres: {
    spike: async () => (await import("./systems/spike-postgres.ts")).spikePostgres,
    ours: ours("postgres"),
    "ours, keepCompleted: 0": ours("postgres", keepingNothing),
    "graphile-worker": graphileWorker("one by one"),
    "graphile-worker, batched": graphileWorker("batched"),
    "pg-boss": pgBoss("one by one"),
    "pg-boss, batched": pgBoss("batched"),
    "pg-boss, fetch": pgBoss("fetch"),
    bullmq: bullmqOnPostgres(),
    "bullmq, removeOnComplete": bullmqOnPostgres("removeOnComplete"),
  },
  rabbitmq: {
    "plain, quorum": onAmqplib("quorum"),
    "ours, quorum": ours("rabbitmq", { label: "quorum", queueType: "quorum" }),
    "plain, classic": onAmqplib("classic"),
    "ours, classic": ours("rabbitmq", { label: "classic", queueType: "classic" }),
  },
};

/**
 * Whether a system was asked for: by its name, which means all its variants, or by name and variant, such as
 * `graphile-worker/batched`; `ours/` is ours as shipped.
 */
export function isAsked(key: string, asked: ReadonlySet<string> | undefined): boolean {
  if (asked === undefined) return true;
  const [name = "", variant = ""] = key.split(", ", 2);
  return asked.has(name) || asked.has(`${name}/${variant}`);
}

/** @param key `store/name`, as the driver names it. */
export async function loadSubject(key: string): Promise<Subject> {
  const [store = "", name = ""] = key.split("/", 2);
  const load = SYSTEMS[store]?.[name];
  if (load === undefined) throw new Error(`there is no system ${key}`);
  return load();
}
