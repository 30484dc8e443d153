import type { Clock } from "./clock.ts";
import type { HealthCheckResult } from "./health.ts";
import type { Logger } from "./logger.ts";
import type { OutboxProtocol } from "./queue/outbox.ts";
import type { TaskQueueProtocol } from "./queue/task-queue.ts";
import type { Random } from "./random.ts";
import type { StateStoreProtocol } from "./state-store.ts";

/** How a side thread may renew leases: a module to import there and data to hand to it. */
export interface KeeperSpec {
  readonly module: string;
  readonly data: unknown;
}

export interface QueueOptions {
  /** Milliseconds after which an unconfirmed enqueue is given up. Default 10,000. */
  readonly enqueueTimeoutMs?: number;
}

/** One store connection that serves queues and, unless `state` is absent, shared state. */
export interface TaskBackend {
  /** Such as `memory`, `redis`, `postgres`, `rabbitmq`. */
  readonly type: string;
  /** Opens a queue by its name in the store; two calls with one name give objects over the same jobs. */
  queue(name: string, options?: QueueOptions): TaskQueueProtocol;
  readonly state?: StateStoreProtocol;
  /**
   * The outbox of a queue of another backend, by that queue's name in the application. Absent without the capability
   * `transactions`.
   */
  outbox?(name: string): OutboxProtocol;
  keeper?(): KeeperSpec;
  /** Never rejects, and holds no secrets. */
  health(): Promise<HealthCheckResult>;
  /** Closes what was opened, queues first. Idempotent. */
  close(): Promise<void>;
}

/** What the application lends a backend that it makes from configuration. */
export interface BackendServices {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: Random;
}

/** Makes a backend from the settings of an entry of `backends` with its `type`. Connects lazily. */
export type TaskBackendFactory = (
  settings: Readonly<Record<string, unknown>>,
  services: BackendServices,
) => TaskBackend;

/** Settings of the first-party backends, by `type`. Open to merging, for other people's backends. */
export interface BackendSettings {
  memory: object;
  redis: { readonly redisUrl: string };
  rabbitmq: { readonly amqpUrl: string };
  amqp: { readonly amqpUrl: string };
  postgres: { readonly postgresDsn: string };
}

/** Queue names are texts of 1 to 128 letters, digits, `.`, `_`, `-` and `:`, beginning with a letter or digit. */
export const QUEUE_NAME = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/;
