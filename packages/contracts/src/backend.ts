import type { Clock } from "./clock.ts";
import type { HealthCheckResult } from "./health.ts";
import type { Receipt } from "./job/delivery.ts";
import type { Logger } from "./logger.ts";
import type { OutboxProtocol } from "./queue/outbox.ts";
import type { ExtendReply, TaskQueueProtocol } from "./queue/task-queue.ts";
import type { Random } from "./random.ts";
import type { StateStoreProtocol } from "./state-store.ts";

/**
 * How a thread beside the event loop may renew leases. Holds what it takes to connect, so it is handed to that thread and
 * to nobody else: never logged, never part of an error.
 */
export interface KeeperSpec {
  /** The URL of a module that exports a {@link LeaseExtenderFactory} as `leaseExtender`. */
  readonly module: string;
  /** What the factory is given. Must survive a structured clone. */
  readonly data: unknown;
}

/** Renews leases from another thread, through a connection of its own, which it opens when it is first asked. */
export interface LeaseExtender {
  /**
   * As `TaskQueueProtocol.extend` of a queue.
   *
   * @param queue its name in the store.
   * @throws as `extend` does. May be called for several queues at once, for one queue one call at a time.
   */
  extend(queue: string, receipts: readonly Receipt[], leaseMs: number): Promise<ExtendReply>;
  /** Idempotent. */
  close(): Promise<void>;
}

/** Makes an extender of the `data` of a {@link KeeperSpec}. Connects lazily. */
export type LeaseExtenderFactory = (data: unknown) => LeaseExtender;

export interface QueueOptions {
  /** Milliseconds after which an unconfirmed enqueue is given up. Default 10,000. */
  readonly enqueueTimeoutMs?: number;
  /** A state store of another backend; given to a backend that says `takesState`, and to no other. */
  readonly state?: StateStoreProtocol;
}

/** One store connection that serves queues and, unless `state` is absent, shared state. */
export interface TaskBackend {
  /** Such as `memory`, `redis`, `postgres`, `rabbitmq`. */
  readonly type: string;
  /** Opens a queue by its name in the store; two calls with one name give objects over the same jobs. */
  queue(name: string, options?: QueueOptions): TaskQueueProtocol;
  readonly state?: StateStoreProtocol;
  /** Whether each queue must be opened with a state store of another backend, in which it keeps what its own store cannot. */
  readonly takesState?: boolean;
  /**
   * The outbox of a queue of another backend, by that queue's name in the application. Absent without the capability
   * `transactions`.
   */
  outbox?(name: string): OutboxProtocol;
  /** Absent: leases are renewed by the event loop alone, as with a client of the caller's, which cannot leave its thread. */
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
