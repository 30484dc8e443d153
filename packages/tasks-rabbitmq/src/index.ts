import type { TaskBackendFactory } from "@lexigram/contracts";
import { makeRabbitMQBackend, type RabbitMQBackend, rabbitMQBackendOf } from "./rabbitmq-backend.ts";
import type { RabbitMQBackendOptions } from "./rabbitmq-backend-options.ts";

/**
 * A backend on RabbitMQ 3.10 or newer. It connects when it is first used, and then declares the queues that it needs;
 * backends of one process and URL share their connections. It keeps no state: name another backend for that.
 *
 * @throws TaskConfigError for options that are unknown, out of range, or at odds with each other.
 */
export function rabbitmqBackend(options: RabbitMQBackendOptions): RabbitMQBackend {
  return makeRabbitMQBackend(options);
}

/** Makes the backend from an entry of configuration of `type: "rabbitmq"`, or `"amqp"`. */
export const backendFactory: TaskBackendFactory = (settings, services) =>
  rabbitMQBackendOf(settings, services);

export { RabbitMQTaskQueue, type RabbitMQTaskQueueOptions } from "./rabbitmq-task-queue.ts";
export type { RabbitMQBackend } from "./rabbitmq-backend.ts";
export type {
  RabbitMQBackendOptions,
  RabbitMQConnectionOptions,
  RabbitMQQueueOptions,
} from "./rabbitmq-backend-options.ts";
