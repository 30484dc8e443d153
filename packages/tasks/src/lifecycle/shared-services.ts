import type { Clock, Logger, Random } from "@lexigram/contracts";
import type { TaskConfig } from "../config/task-config.ts";
import type { QueueSet } from "../dispatch/queue-set.ts";
import type { TaskDispatcher } from "../dispatch/task-dispatcher.ts";
import { IdempotencyManager } from "../idempotency/idempotency-manager.ts";
import { IdempotentTaskManager } from "../idempotency/idempotent-task-manager.ts";
import type { CodecRegistry } from "../job/codec-registry.ts";
import { serveLocks } from "../lock/running-locks.ts";
import { LockManager } from "../lock/lock-manager.ts";
import { sharedStateOf } from "../lock/shared-state.ts";

export interface SharedParts {
  readonly config: TaskConfig;
  readonly queues: QueueSet;
  readonly dispatcher: TaskDispatcher;
  readonly codecs: CodecRegistry;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** What processes agree on in the state of the primary queue: who may work, and what was done. */
export class SharedServices {
  readonly locks: LockManager;
  readonly idempotency: IdempotencyManager;
  readonly idempotentTasks: IdempotentTaskManager;
  readonly #serving: Disposable;

  constructor({ config, queues, dispatcher, codecs, clock, random, logger }: SharedParts) {
    const state = sharedStateOf(queues.primary);
    const { locks, idempotency } = config;
    this.locks = new LockManager({
      state,
      ttl: locks.ttlMs,
      pollInterval: locks.pollIntervalMs,
      clock,
      random,
      logger,
    });
    this.idempotency = new IdempotencyManager({
      state,
      ttl: idempotency.ttlMs,
      lease: idempotency.leaseMs,
      clock,
      random,
      logger,
    });
    this.idempotentTasks = new IdempotentTaskManager({
      dispatcher,
      queues,
      ttl: idempotency.ttlMs,
      codecs,
      clock,
      random,
    });
    this.#serving = serveLocks(this.locks);
  }

  async close(): Promise<void> {
    this.#serving[Symbol.dispose]();
    await this.locks.close();
  }
}
