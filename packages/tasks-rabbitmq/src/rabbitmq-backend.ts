import {
  type BackendServices,
  ClosedError,
  type HealthCheckResult,
  type HealthStatus,
  QUEUE_NAME,
  type QueueOptions,
  systemClock,
  type TaskBackend,
  TaskConfigError,
  type TaskQueueProtocol,
} from "@lexigram/contracts";
import type { Channel, ChannelModel } from "amqplib";
import { type BrokerHealth, openBroker } from "./connection/broker.ts";
import { BrokerQueue } from "./queue/broker-queue.ts";
import {
  connectionOptions,
  QUEUE_OPTIONS as QUEUE_MAKING,
  queueOptions,
  type RabbitMQBackendOptions,
  refuseUnknown,
} from "./rabbitmq-backend-options.ts";

const QUEUE_OPTIONS = ["enqueueTimeoutMs", "state"] as const satisfies readonly (keyof QueueOptions)[];

/** What an entry of configuration may say, besides what every entry may. */
const SETTINGS = [
  "amqpUrl",
  "tls",
  "heartbeat",
  "connectTimeout",
  "callTimeoutMs",
  "namespace",
  "queueType",
  "consumerPriority",
  "ackTimeout",
  "replyTimeout",
  "jobIndex",
] as const;

const NUMBERS = ["callTimeoutMs", "consumerPriority"] as const;
const TRUTHS = ["tls", "jobIndex"] as const;

/** A backend on RabbitMQ, which also lends connections for an application's own messages. It keeps no state. */
export interface RabbitMQBackend extends TaskBackend {
  /**
   * Lends a channel of its own, on a connection that carries no jobs, and closes it when `work` is done.
   *
   * @returns what `work` returned.
   * @throws what `work` threw; QueueUnavailableError when the server cannot be reached.
   */
  withChannel<T>(work: (channel: Channel) => Promise<T>): Promise<T>;
  /** As {@link withChannel}, with a connection of its own. */
  withConnection<T>(work: (connection: ChannelModel) => Promise<T>): Promise<T>;
}

function statusOf({ latencyMs, blockedBy }: BrokerHealth): HealthStatus {
  if (latencyMs === undefined) return "unhealthy";
  return blockedBy === undefined ? "healthy" : "degraded";
}

function detailsOf(
  { latencyMs, links, server, blockedBy }: BrokerHealth,
  making: { readonly namespace: string; readonly type: string },
  queues: number,
): Record<string, unknown> {
  return {
    namespace: making.namespace,
    queueType: making.type,
    queues,
    connections: links,
    ...(latencyMs === undefined ? {} : { latencyMs }),
    ...(server === undefined
      ? {}
      : {
          server: `${server.product} ${server.version}`,
          ...(server.cluster === undefined ? {} : { cluster: server.cluster }),
        }),
    ...(blockedBy === undefined ? {} : { blockedBy }),
  };
}

/**
 * Makes a backend. It connects when it is first used.
 *
 * @param urlPath as which option the URL was given, in errors.
 * @throws TaskConfigError for options that are unknown, out of range, or at odds with each other.
 */
export function makeRabbitMQBackend(options: RabbitMQBackendOptions, urlPath = "url"): RabbitMQBackend {
  const connecting = connectionOptions("the rabbitmq backend", options, { others: QUEUE_MAKING, urlPath });
  const { jobIndex, ...making } = queueOptions("the rabbitmq backend", options);
  const clock = options.clock ?? systemClock;
  const broker = openBroker(connecting);
  const open = new Set<TaskQueueProtocol>();
  let closing: Promise<void> | undefined;

  async function close(): Promise<void> {
    for (const queue of open) await queue.close();
    await broker.close();
  }

  return {
    type: "rabbitmq",
    ...(jobIndex === true ? { takesState: true } : {}),
    queue(name, given = {}) {
      if (closing !== undefined) throw new ClosedError({ resource: "rabbitmq backend" });
      if (!QUEUE_NAME.test(name))
        throw new TaskConfigError(
          `"${name}" is no name for a queue`,
          { path: "queueName" },
          { hint: "use 1 to 128 letters, digits, and . _ - : , beginning with a letter or digit" },
        );
      refuseUnknown("a rabbitmq queue", given, QUEUE_OPTIONS);
      const { enqueueTimeoutMs } = given;
      const state = jobIndex === true ? given.state : jobIndex;
      if (jobIndex === true && state === undefined)
        throw new TaskConfigError(
          `the job index of queue "${name}" has no state store`,
          { path: "jobIndex" },
          {
            hint: "name an entry of type redis, postgres or memory in state, or give a store in the place of true",
          },
        );
      const queue = new BrokerQueue({
        ...making,
        name,
        broker,
        enqueueTimeoutMs,
        state,
        onClose: (closed) => void open.delete(closed),
      });
      open.add(queue);
      return queue;
    },
    withChannel: (work) => broker.withChannel(work),
    withConnection: (work) => broker.withConnection(work),
    async health(): Promise<HealthCheckResult> {
      const since = clock.monotonic();
      const health = await broker.health();
      return {
        component: "rabbitmq",
        status: statusOf(health),
        ...(health.error === undefined ? {} : { message: health.error.message }),
        durationMs: clock.monotonic() - since,
        checkedAt: clock.now(),
        details: detailsOf(health, making, open.size),
      };
    },
    close: () => (closing ??= close()),
  };
}

/**
 * Makes a backend from an entry of configuration: `amqpUrl`, and the options of the backend besides, under their own names.
 *
 * @throws TaskConfigError for settings that are unknown or out of range.
 */
export function rabbitMQBackendOf(
  settings: Readonly<Record<string, unknown>>,
  services: BackendServices,
): RabbitMQBackend {
  const { amqpUrl, ...others } = settings;
  refuseUnknown("an entry of type rabbitmq", settings, SETTINGS);
  // The environment has texts only.
  const numbers = Object.fromEntries(
    NUMBERS.filter((name) => /^-?\d+$/.test(String(others[name]))).map((name) => [
      name,
      Number(others[name]),
    ]),
  );
  const truths = Object.fromEntries(
    TRUTHS.filter((name) => others[name] === "true" || others[name] === "false").map((name) => [
      name,
      others[name] === "true",
    ]),
  );
  const given = { ...others, ...numbers, ...truths, ...services } as RabbitMQBackendOptions;
  return makeRabbitMQBackend(amqpUrl === undefined ? given : { ...given, url: amqpUrl as string }, "amqpUrl");
}
