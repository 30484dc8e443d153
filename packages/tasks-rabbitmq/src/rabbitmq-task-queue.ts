import { queueNameOption, type QueuePolicy, spanOption, TaskConfigError } from "@lexigram/contracts";
import { openBroker } from "./connection/broker.ts";
import { BrokerQueue } from "./queue/broker-queue.ts";
import { rulesOf } from "./queue/queue-rules.ts";
import {
  connectionOptions,
  QUEUE_OPTIONS,
  queueOptions,
  type RabbitMQConnectionOptions,
  type RabbitMQQueueOptions,
} from "./rabbitmq-backend-options.ts";

export interface RabbitMQTaskQueueOptions extends RabbitMQConnectionOptions, RabbitMQQueueOptions {
  /** Name of the queue in the store. Default `default`. */
  readonly name?: string;
  /** Pending jobs that each band of priorities holds, about; short for the same field of `policy`. */
  readonly maxSize?: number;
  /** The rules that the queues of the server are declared with. Those that are there keep theirs. */
  readonly policy?: QueuePolicy;
  /** Milliseconds after which an unconfirmed enqueue is given up. Default 10,000. */
  readonly enqueueTimeoutMs?: number;
}

const OPTIONS = [
  ...QUEUE_OPTIONS,
  "name",
  "maxSize",
  "policy",
  "enqueueTimeoutMs",
] as const satisfies readonly (keyof RabbitMQTaskQueueOptions)[];

/**
 * A queue on RabbitMQ by itself, without a backend or a module. What a message broker can do of the protocol it does, and
 * refuses the rest with UnsupportedError, as its `capabilities` say; all methods may be called concurrently. It connects
 * when it is first used, and lets go of its connections in `close`.
 *
 * @throws TaskConfigError for options that are unknown, out of range or at odds with each other, TaskValidationError for
 *   a policy that is out of range, UnsupportedError for one that a broker cannot keep.
 */
export class RabbitMQTaskQueue extends BrokerQueue {
  constructor(options: RabbitMQTaskQueueOptions) {
    const connecting = connectionOptions("RabbitMQTaskQueue", options, { others: OPTIONS });
    const { jobIndex, ...making } = queueOptions("RabbitMQTaskQueue", options);
    if (jobIndex === true)
      throw new TaskConfigError(
        "the job index of a RabbitMQTaskQueue has no state store",
        { path: "jobIndex" },
        { hint: "give the state of another backend in the place of true" },
      );
    const { maxSize, enqueueTimeoutMs } = options;
    const name = queueNameOption("RabbitMQTaskQueue", "name", options.name ?? "default");
    const policy = { ...options.policy, ...(maxSize === undefined ? {} : { maxSize }) };
    const rules = rulesOf(policy, name);
    const timeoutMs =
      enqueueTimeoutMs === undefined
        ? undefined
        : spanOption("RabbitMQTaskQueue", "enqueueTimeoutMs", enqueueTimeoutMs, { above: 0 });
    const broker = openBroker(connecting);
    super({
      ...making,
      name,
      broker,
      rules,
      state: jobIndex,
      enqueueTimeoutMs: timeoutMs,
      onClose: () => broker.close(),
    });
  }
}
