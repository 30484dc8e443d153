import type { Clock, StateStoreProtocol, TaskQueueProtocol } from "@lexigram/contracts";

/** What processes under limits work on: one connection to two queues and a state store. */
export interface LimitStores {
  readonly queues: readonly [TaskQueueProtocol, TaskQueueProtocol];
  readonly state: StateStoreProtocol;
}

/** A token bucket. Milliseconds. */
export interface LimiterSettings {
  readonly name: string;
  readonly rate: number;
  readonly perMs: number;
  readonly burst: number;
}

/** A limiter of a program's own calls. */
export interface LimiterSubject {
  acquire(signal: AbortSignal): Promise<void>;
  tryAcquire(): Promise<boolean>;
}

/** How the workers of one process are limited. */
export interface CrewSettings {
  /** Over both queues. */
  readonly limit?: {
    readonly name: string;
    readonly concurrency?: number;
    readonly rate?: Omit<LimiterSettings, "name">;
  };
  /** Of the first queue. */
  readonly breaker?: { readonly failures: number; readonly resetMs: number; readonly probes: number };
  readonly slots: number;
  readonly leaseMs: number;
  /** What an attempt of task `work` does. */
  readonly work: () => Promise<void>;
}

/** The workers of one process. */
export interface CrewSubject {
  start(): Promise<void>;
  /** Lets what runs end first. */
  stop(): Promise<void>;
}

/** How the kit gets at limits over a backend. */
export interface LimitHarness {
  /** Names the configuration under test in reports. */
  readonly name: string;
  /** Milliseconds after which a case stops waiting for what should come. Default: as long as a busy machine takes. */
  readonly patienceMs?: number;
  /** The time of stores and processes. Default: the machine's. */
  readonly clock?: Clock;
  /** @returns how to connect to fresh, empty stores; each call is a connection of its own, which the harness ends. */
  open(): Promise<() => Promise<LimitStores>>;
  /** A limiter as of a process of its own. */
  limiter(stores: LimitStores, settings: LimiterSettings): LimiterSubject;
  /** One that passes its own limit and then another's, or neither. */
  limiterUnder(stores: LimitStores, own: LimiterSettings, all: LimiterSettings): LimiterSubject;
  /** Workers as of a process of its own. They do not run yet. A job that fails is not repeated. */
  crew(stores: LimitStores, settings: CrewSettings): CrewSubject;
  /** Lets go of everything, and removes what was stored. */
  dispose(): Promise<void>;
}
