import type { Clock, JobId } from "@lexigram/contracts";
import type { SchedulerStores } from "./schedule-harness.ts";

/** One hold of a lock, as far as the laws go. */
export interface HeldLockSubject {
  readonly fencing: number;
  readonly held: boolean;
  readonly signal: AbortSignal;
  isHeld(): Promise<boolean>;
  extend(): Promise<boolean>;
  release(): Promise<boolean>;
}

/** Times in milliseconds. */
export interface LockSubjectOptions {
  readonly ttl: number;
  readonly renew?: boolean;
}

/** What gives locks, in one process. */
export interface LockSubject {
  acquire(
    key: string,
    options: LockSubjectOptions & { readonly waitTimeout?: number; readonly signal?: AbortSignal },
  ): Promise<HeldLockSubject>;
  tryAcquire(key: string, options: LockSubjectOptions): Promise<HeldLockSubject | undefined>;
}

export interface ClaimSubject {
  readonly fencing: number;
}

export interface IdempotencySubject<Claim extends ClaimSubject = ClaimSubject> {
  acquire(
    key: string,
    options: { readonly lease: number },
  ): Promise<
    | { readonly acquired: true; readonly claim: Claim }
    | { readonly acquired: false; readonly record: { readonly status: string; readonly result?: unknown } }
  >;
  complete(claim: Claim, result: unknown): Promise<boolean>;
  fail(claim: Claim, error: unknown): Promise<boolean>;
  checkDuplicate(key: string): Promise<{ readonly status: string; readonly result?: unknown } | undefined>;
}

/** What submits tasks by their names. */
export interface SubmissionSubject {
  submit(
    task: string,
    input: unknown,
    options: { readonly idempotencyKey: string },
  ): Promise<{ readonly taskId: JobId; readonly status: string }>;
}

/** How the kit gets at locks and idempotency over a backend. */
export interface LockHarness {
  /** Names the configuration under test in reports. */
  readonly name: string;
  /** @returns how to connect to fresh, empty stores; each call is a connection of its own, which the harness ends. */
  open(): Promise<() => Promise<SchedulerStores>>;
  /** As a process of its own has them. @param pollMs between two looks of who waits. */
  locks(stores: SchedulerStores, clock: Clock, pollMs: number): LockSubject;
  idempotency(stores: SchedulerStores, clock: Clock): IdempotencySubject;
  submissions(stores: SchedulerStores, clock: Clock): SubmissionSubject;
  /** Jobs that wait in the queue. */
  waiting(stores: SchedulerStores): Promise<number>;
  /** The milliseconds of one unit of waiting, 100 at least and well above the store's latency. Default 300. */
  readonly unitMs?: number;
  /** The time of stores and processes. Default: the machine's. */
  readonly clock?: Clock;
  /** Lets go of everything, and removes what was stored. */
  dispose(): Promise<void>;
}
