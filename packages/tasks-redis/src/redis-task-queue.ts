import {
  checkPolicy,
  queueNameOption,
  type QueuePolicy,
  spanOption,
  systemClock,
  systemRandom,
} from "@lexigram/contracts";
import { openConnection } from "./connection/open-connection.ts";
import { ScriptedQueue } from "./queue/scripted-queue.ts";
import { connectionOptions, namespaceOf, type RedisConnectionOptions } from "./redis-backend-options.ts";

export interface RedisTaskQueueOptions extends RedisConnectionOptions {
  /** Name of the queue in the store. Default `default`. */
  readonly name?: string;
  /** What all its keys begin with; see the backend's option. Default `lexigram`. */
  readonly namespace?: string;
  /** Unfinished jobs that the queue holds at most; short for the same field of `policy`. */
  readonly maxSize?: number;
  /** The queue's rules, set when it is first used. Absent: those that are stored stay. */
  readonly policy?: QueuePolicy;
  /** Milliseconds after which an unconfirmed enqueue is given up. Default 10,000. */
  readonly enqueueTimeoutMs?: number;
}

const OPTIONS = [
  "name",
  "namespace",
  "maxSize",
  "policy",
  "enqueueTimeoutMs",
] as const satisfies readonly (keyof RedisTaskQueueOptions)[];

/**
 * A queue on Redis by itself, without a backend or a module. It implements the whole protocol but for transactions;
 * every method is one script, which is one atomic step of the server, and all may be called concurrently. It connects
 * when it is first used, and lets go of its connection in `close`.
 *
 * @throws TaskConfigError for options that are unknown, out of range or at odds with each other, TaskValidationError for
 *   a policy that is out of range.
 */
export class RedisTaskQueue extends ScriptedQueue {
  constructor(options: RedisTaskQueueOptions) {
    const connecting = connectionOptions("RedisTaskQueue", options, { others: OPTIONS });
    const { maxSize, enqueueTimeoutMs } = options;
    const policy = maxSize === undefined ? options.policy : { ...options.policy, maxSize };
    if (policy !== undefined) checkPolicy(policy);
    const name = queueNameOption("RedisTaskQueue", "name", options.name ?? "default");
    const namespace = namespaceOf(options.namespace);
    const timeoutMs =
      enqueueTimeoutMs === undefined
        ? undefined
        : spanOption("RedisTaskQueue", "enqueueTimeoutMs", enqueueTimeoutMs, { above: 0 });
    const connection = openConnection(connecting);
    super({
      name,
      namespace,
      connection,
      clock: options.clock ?? systemClock,
      random: options.random ?? systemRandom,
      enqueueTimeoutMs: timeoutMs,
      policy,
      onClose: () => connection.close(),
    });
  }
}
