import type {
  OutboxProtocol,
  QueuePolicy,
  StateStoreProtocol,
  TaskBackend,
  TaskQueueProtocol,
} from "@lexigram/contracts";
import type { BreakerRule } from "../breaker/breaker-options.ts";
import type { Backoff } from "../retry/backoff.ts";

/** What a queue gives to its jobs when neither call nor task says otherwise, field by field. Milliseconds. */
export interface QueueDefaults {
  readonly priority: number | undefined;
  readonly maxRetries: number | undefined;
  readonly timeoutMs: number | null | undefined;
  readonly backoff: Partial<Backoff> | undefined;
}

/** How jobs that are enqueued in a transaction come to a queue whose store has none. */
export interface OutboxBinding {
  /** Where they are stored with the transaction. */
  readonly outbox: OutboxProtocol;
  /** The queue, as an object of the relay's own. */
  readonly target: TaskQueueProtocol;
}

/** A queue of the application: its name here, its queue object, and how this process treats it. */
export interface QueueBinding {
  /** The name in the application. */
  readonly name: string;
  readonly primary: boolean;
  readonly queue: TaskQueueProtocol;
  readonly backend: TaskBackend;
  /** The store of results (where the queue has none), progress and records: the backend's own, or another one's. */
  readonly state: StateStoreProtocol;
  /** Whether `state` is this process's memory for want of anything else: nobody named a store, and the backend keeps none. */
  readonly standIn?: boolean;
  /** Opens another queue of the same store, by its name there, as this one was opened. Absent: the backend is asked. */
  readonly openBeside?: (queueName: string) => TaskQueueProtocol;
  readonly defaults: QueueDefaults;
  /** Absent: a transaction goes to the queue itself. */
  readonly outbox?: OutboxBinding | undefined;
  /** Whether workers of this process claim from it. */
  readonly consume: boolean;
  /** Attempts of this queue that run at once in this process, at most; absent: as many as there are slots. */
  readonly concurrency: number | undefined;
  /** Share of the slots relative to other queues. Default 1. */
  readonly weight: number;
  /** The rules that the application sets on the queue at boot; `undefined` leaves those in the store alone. */
  readonly policy: QueuePolicy | undefined;
  /** The rules that the store had when those of `policy` took their place. */
  readonly replacedPolicy?: QueuePolicy | undefined;
  /** Stops claiming for a while when attempts fail in a row. */
  readonly breaker?: BreakerRule | undefined;
}
