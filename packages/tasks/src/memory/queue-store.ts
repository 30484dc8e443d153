import {
  type Clock,
  DEFAULT_KEEP_COMPLETED,
  DEFAULT_KEEP_FAILED,
  type QueuePolicy,
  type Random,
  SettledWaiters,
  type Timer,
} from "@lexigram/contracts";
import { CallSessions, type EnqueueAnswer, type ExchangeAnswer } from "./call-sessions.ts";
import { Consumers } from "./consumers.ts";
import { DueHeap, ExpiryHeap } from "./entry-heaps.ts";
import type { JobEntry } from "./job-entry.ts";
import { cancelledBecause } from "./job-errors.ts";
import { type ReleaseActions, Releases } from "./job-links.ts";
import { JobTable } from "./job-table.ts";
import { type Lease, LeaseBook } from "./lease-book.ts";
import { ReadyLine } from "./ready-line.ts";
import { decidesAlike, readyRules } from "./ready-rules.ts";
import { RecordRetention } from "./record-retention.ts";
import { small } from "./small-integer.ts";
import {
  CANCELLED,
  EXPIRED,
  FAILED,
  isTerminalCode,
  PENDING,
  REMOVED,
  RETRYING,
  RUNNING,
  SCHEDULED,
  type StatusCode,
  WAITING,
} from "./status-code.ts";
import { StatusBook } from "./status-book.ts";
import { UniqueKeys } from "./unique-keys.ts";
import { WorkWake, type WorkSigns } from "./work-wake.ts";

/** Jobs that wait for others and are dealt with in one step at most. */
const RELEASES_PER_STEP = 200;
/** Due, expired, ended or outdated entries that are dealt with in one step at least. */
const STEP = 500;

/**
 * The state of one queue, and the moves of its jobs. Each operation is a `step`: it begins by reading the clock, and
 * ends by waking who waits for what it did. Every part keeps its own order; this class keeps them in step.
 */
export class QueueStore implements ReleaseActions, WorkSigns {
  readonly name: string;
  readonly clock: Clock;
  readonly jobs: JobTable;
  readonly statuses = new StatusBook();
  readonly ready = new ReadyLine();
  readonly leases = new LeaseBook();
  readonly unique = new UniqueKeys();
  readonly releases = new Releases(this);
  readonly retention: RecordRetention;
  readonly waiters = new SettledWaiters();
  readonly wake: WorkWake;
  readonly exchanges = new CallSessions<ExchangeAnswer>();
  readonly enqueues = new CallSessions<EnqueueAnswer>();
  readonly consumers = new Consumers();
  /** Held deliveries to be told of a cancellation, by the session that claimed them. */
  readonly cancelNotices = new Map<string, Set<Lease>>();
  policy: QueuePolicy = {};
  paused = false;
  /** The wall clock when the queue was made, from which its instants count. */
  readonly origin: number;
  /** The wall clock at the beginning of the operation, from the origin. */
  now = 0;
  /**
   * The monotonic clock at the beginning of the operation, in whole milliseconds, which cost no allocation wherever
   * they are handed on: rounded down to judge what has passed, rounded up to set what must last.
   */
  mono = 0;
  monoUp = 0;
  /** The same for rates, which are exact only when what is taken and what is judged are read alike. */
  rateNow = 0;
  readonly #due = new DueHeap();
  readonly #expiry = new ExpiryHeap();
  #accepted = 0;
  #janitor: Timer | null = null;

  /** @param random seeds the table of ids. */
  constructor(name: string, clock: Clock, random: Random) {
    this.name = name;
    this.clock = clock;
    this.origin = clock.now();
    this.jobs = new JobTable(random() * 2 ** 32);
    this.wake = new WorkWake(clock, this);
    this.retention = new RecordRetention(DEFAULT_KEEP_COMPLETED, DEFAULT_KEEP_FAILED, {
      remove: (entry) => this.remove(entry),
      isWaitedFor: (entry) => this.waiters.has(entry.id),
    });
  }

  /** Reads the clock, and does what time alone brings, in bounded steps. */
  begin(budget = STEP): void {
    this.readClock();
    this.#promote(budget);
    this.#expire(budget);
    this.ready.refill(this.rateNow, budget);
    this.unique.sweep(this.mono, STEP);
    this.enqueues.sweep(this.mono, 8);
  }

  /** One operation as a whole. */
  step<T>(apply: () => T): T {
    this.begin();
    try {
      return apply();
    } finally {
      this.carryOn();
      this.done();
    }
  }

  /** Carries the ends of jobs to a bounded number of those that wait for them. */
  carryOn(): void {
    if (!this.releases.isEmpty) this.releases.work(RELEASES_PER_STEP);
  }

  /** Trims records, and wakes who waits for what the operation did. */
  done(budget = STEP): void {
    this.retention.trim(this.now, budget);
    if (!this.releases.isEmpty) this.#carryOnLater();
    this.wake.changed();
  }

  readClock(): void {
    this.now = small(this.clock.now() - this.origin);
    const mono = this.clock.monotonic();
    this.mono = small(Math.floor(mono));
    this.monoUp = small(Math.ceil(mono));
    this.rateNow = this.ready.hasRates ? mono : this.mono;
  }

  nextSeq(): number {
    return ++this.#accepted;
  }

  /** Takes in a new job: waiting for others, for its time, or for a worker. */
  admit(entry: JobEntry, waits: boolean): void {
    this.jobs.add(entry);
    if (waits) this.statuses.enter(entry, WAITING);
    else if (entry.runAt > this.now) {
      this.statuses.enter(entry, SCHEDULED);
      this.#due.set(entry, entry.runAt, entry.seq);
      this.armExpiry(entry);
    } else {
      this.statuses.enter(entry, PENDING);
      this.ready.file(entry);
      this.armExpiry(entry);
    }
  }

  /** Takes in a job that is a dead letter from the start. */
  admitFailed(entry: JobEntry): void {
    this.jobs.add(entry);
    this.statuses.enter(entry, FAILED);
    entry.finishedAt = this.now;
    this.retention.keep(entry);
    if (entry.links !== null) this.releases.ended(entry, FAILED);
    this.waiters.announce(entry.id);
  }

  /** Puts a failed job back into its line, at the tail, as if it were new. */
  redrive(entry: JobEntry): void {
    this.retention.forget(entry);
    if (entry.line !== null) this.ready.withdraw(entry, false, this.rateNow);
    entry.seq = this.nextSeq();
    entry.order = -1;
    this.ready.enroll(entry, this.rateNow);
    this.statuses.move(entry, PENDING);
    this.ready.file(entry);
  }

  /** Makes a job pending and files it, at its place or, when it has none, behind all others. */
  makePending(entry: JobEntry): void {
    this.detach(entry);
    if (entry.code !== PENDING) this.statuses.move(entry, PENDING);
    this.ready.file(entry);
    this.armExpiry(entry);
  }

  makeScheduled(entry: JobEntry, runAt: number): void {
    this.detach(entry);
    entry.runAt = runAt;
    this.statuses.move(entry, entry.attempt > 0 ? RETRYING : SCHEDULED);
    this.#due.set(entry, runAt, entry.seq);
    this.armExpiry(entry);
  }

  armExpiry(entry: JobEntry): void {
    const { expiresAt } = entry;
    if (expiresAt !== undefined && !entry.begun) this.#expiry.set(entry, expiresAt, entry.seq);
  }

  /** Ends a job. */
  end(entry: JobEntry, outcome: StatusCode): void {
    this.detach(entry);
    this.statuses.move(entry, outcome);
    entry.finishedAt = this.now;
    entry.cancelRequested = false;
    if (entry.unique !== null) this.unique.ended(entry);
    if (entry.line !== null) this.ready.withdraw(entry, outcome === FAILED, this.rateNow);
    if (entry.links !== null) this.releases.ended(entry, outcome);
    this.retention.keep(entry);
    this.waiters.announce(entry.id);
  }

  /** Deletes a record, whatever its status; a running job is fenced, an unfinished one counts as over. */
  remove(entry: JobEntry): void {
    const wasOver = isTerminalCode(entry.code);
    if (wasOver) this.retention.forget(entry);
    else this.detach(entry);
    this.statuses.leave(entry);
    entry.code = REMOVED;
    this.jobs.delete(entry);
    if (entry.unique !== null) this.unique.ended(entry);
    if (entry.line !== null) this.ready.withdraw(entry, false, this.rateNow);
    if (!wasOver) {
      if (entry.links !== null) this.releases.ended(entry, CANCELLED);
      this.waiters.announce(entry.id);
    }
    entry.strip();
  }

  /** Takes a job out of where its status keeps it. */
  detach(entry: JobEntry): void {
    if (entry.code === RUNNING) this.#dropLease(entry);
    else if (entry.code === PENDING) this.ready.unfile(entry);
    else this.#due.remove(entry);
    if (entry.expirySlot >= 0) this.#expiry.remove(entry);
  }

  /** Gives a pending job out on a lease. */
  claim(entry: JobEntry, deadline: number, session: string, started: boolean): Lease {
    this.detach(entry);
    this.statuses.move(entry, RUNNING);
    const lease = this.leases.grant(entry, deadline, session, started);
    this.ready.lease(entry, this.rateNow);
    if (started) this.start(lease);
    return lease;
  }

  /** Marks a delivery as started. */
  start(lease: Lease): void {
    const { entry } = lease;
    lease.started = true;
    entry.startedAt = this.now;
    if (!entry.begun) {
      entry.begun = true;
      lease.beganJob = true;
    }
    if (entry.unique !== null) this.unique.started(entry);
    this.ready.start(entry, this.rateNow);
  }

  release(entry: JobEntry): void {
    if (entry.runAt > this.now) this.makeScheduled(entry, entry.runAt);
    else this.makePending(entry);
  }

  cancel(entry: JobEntry): void {
    entry.error = cancelledBecause(entry, "a job that it depends on did not complete");
    this.end(entry, CANCELLED);
  }

  unpinned(entry: JobEntry): void {
    this.retention.unpinned(entry);
  }

  requestCancel(lease: Lease): void {
    lease.entry.cancelRequested = true;
    const known = this.cancelNotices.get(lease.session);
    if (known === undefined) this.cancelNotices.set(lease.session, new Set([lease]));
    else known.add(lease);
  }

  setPolicy(policy: QueuePolicy): void {
    const before = this.policy;
    this.policy = policy;
    this.retention.bound(
      policy.keepCompleted ?? DEFAULT_KEEP_COMPLETED,
      policy.keepFailed ?? DEFAULT_KEEP_FAILED,
    );
    if (decidesAlike(policy, before)) return;
    const members: JobEntry[] = [];
    for (const entry of this.jobs.values())
      if (!isTerminalCode(entry.code) || entry.line !== null) members.push(entry);
    members.sort((a, b) => a.seq - b.seq);
    this.ready.apply(readyRules(policy), members, this.rateNow);
  }

  hasWork(): boolean {
    if (this.paused) return false;
    this.readClock();
    return this.ready.isOpen(this.rateNow) && this.ready.next(this.rateNow, this.now) !== null;
  }

  dueInMs(): number {
    this.readClock();
    if (!this.releases.isEmpty) return 0;
    const inMs = Math.min(
      Math.min(this.#due.topKey, this.#expiry.topKey) - this.now,
      this.leases.firstDeadline - this.mono,
      this.paused ? Number.POSITIVE_INFINITY : this.ready.nextRefill(this.rateNow) - this.rateNow,
    );
    return Math.max(Math.ceil(inMs), 0);
  }

  /** Ends what runs by itself. */
  close(): void {
    this.#janitor?.cancel();
    this.#janitor = null;
  }

  #promote(budget: number): void {
    for (let n = budget; n > 0 && this.#due.topKey <= this.now; n--) {
      const entry = this.#due.top;
      if (entry !== undefined) this.makePending(entry);
    }
  }

  #expire(budget: number): void {
    for (let n = budget; n > 0 && this.#expiry.topKey <= this.now; n--) {
      const entry = this.#expiry.top;
      if (entry !== undefined) this.end(entry, EXPIRED);
    }
  }

  #dropLease(entry: JobEntry): void {
    const { lease } = entry;
    if (lease === null) return;
    this.leases.drop(lease);
    this.ready.unlease(entry, this.rateNow);
    if (!entry.cancelRequested) return;
    const notices = this.cancelNotices.get(lease.session);
    notices?.delete(lease);
    if (notices?.size === 0) this.cancelNotices.delete(lease.session);
  }

  /** Goes on with the releases when no caller comes by, so that none of them hangs. */
  #carryOnLater(): void {
    this.#janitor ??= this.clock.setTimer(
      () => {
        this.#janitor = null;
        this.step(() => {});
      },
      0,
      { keepAlive: false },
    );
  }
}
