import type { Clock, StateStoreProtocol, TaskQueueProtocol, TransactionHandle } from "@lexigram/contracts";

interface Harness<Subject> {
  /** Names the configuration under test in reports, such as `memory` or `redis (aof)`. */
  readonly name: string;
  /** A fresh, empty subject, isolated from all others, also of other processes on the same server. */
  open(): Promise<Subject>;
  /** Ends a subject, and opens what it stored anew through a connection of its own. */
  reopen(subject: Subject): Promise<Subject>;
  /** A second object on the same stored data through a connection of its own; both stay open. */
  peer(subject: Subject): Promise<Subject>;
  /** Cuts the subject's connection once, without its doing. Absent: there is no connection to cut. */
  sever?(subject: Subject): Promise<void>;
  /**
   * Moves the store's time by milliseconds and returns when what became runnable has run. Absent: the store's time
   * cannot be moved and the kit waits. A harness whose time moves serves one case at a time: pass a factory.
   */
  advance?(ms: number): Promise<void>;
  /** The clock the subject's own timers run on. Default: the machine's. */
  readonly clock?: Clock;
  /** Where time cannot be moved: the milliseconds of one unit of waiting, well above the store's latency. Default 150. */
  readonly unitMs?: number;
  /** Lets go of everything, and removes what was stored. */
  dispose(): Promise<void>;
}

/** How the kit gets at a queue. */
export interface QueueHarness extends Harness<TaskQueueProtocol> {
  /** Begins a transaction that the queue can join. Needed where `transactions` is declared. */
  transaction?(queue: TaskQueueProtocol): Promise<OpenTransaction>;
}

/** A transaction of the caller's; it is ended by one of the two calls. */
export interface OpenTransaction {
  readonly handle: TransactionHandle;
  commit(): Promise<void>;
  rollback(): Promise<void>;
}

/** How the kit gets at a state store. */
export interface StateHarness extends Harness<StateStoreProtocol> {}

/** A harness, or how to make one for each case. */
export type HarnessSource<H> = H | (() => H | Promise<H>);
