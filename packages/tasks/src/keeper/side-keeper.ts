import {
  type Clock,
  type JobId,
  type KeeperSpec,
  type Logger,
  type Receipt,
  serializeError,
  type TaskBackend,
  type Timer,
} from "@lexigram/contracts";
import { beatOf, type KeeperTimes } from "./block-watch.ts";
import { HeldLeases, NO_PLACE } from "./held-leases.ts";
import type { KeptQueue } from "./keeper-messages.ts";
import { KeeperThreadHost } from "./keeper-thread-host.ts";
import { between, instant } from "./lease-board.ts";
import { sharedTime } from "./shared-time.ts";

/** A queue whose leases are to be kept. */
interface JoiningQueue {
  readonly name: string;
  /** Its name in the store. */
  readonly storeName: string;
  /** Absent: a queue by itself. */
  readonly backend: TaskBackend | undefined;
}

/** What a block of the loop was, once it is over. */
export interface BlockReport {
  readonly blockedMs: number;
  readonly culprit: Culprit | undefined;
  readonly leases: "kept" | "given-up" | "at-risk";
}

export interface Culprit {
  readonly taskName: string;
  readonly jobId: JobId;
}

export interface SideKeeperOptions {
  readonly leaseMs: number;
  readonly defaultTimeoutMs: number;
  readonly graceMs: number;
  /** Whether a block beyond its limit ends the process. */
  readonly exits: boolean;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The loop turns again, after it stood still for more than a third of the lease. */
  readonly onBlocked: (report: BlockReport) => void;
}

/** The lease of an attempt, as far as a keeper looks at it. */
export interface KeptLease {
  readonly receipt: Receipt;
  readonly jobId: JobId;
  readonly taskName: string;
  /** Monotonic milliseconds. */
  readonly leaseSentAt: number;
  /** Owned by the keeper. */
  place: number;
}

/**
 * Keeps the leases of this process while its event loop stands still: writes them into memory that a thread sees, which
 * renews them through connections of its own. One for all queues of an engine; its thread begins with the first queue
 * that it can do something for.
 */
export class SideKeeper {
  readonly held: HeldLeases;
  readonly #options: SideKeeperOptions;
  readonly #times: KeeperTimes;
  /** From the clock's `monotonic` to the time that threads share. */
  readonly #offset: number;
  readonly #backends: TaskBackend[] = [];
  readonly #without = new Set<TaskBackend>();
  readonly #specs: KeeperSpec[] = [];
  readonly #queues: KeptQueue[] = [];
  readonly #tasks = new Map<string, number>();
  /** Whether a queue of this process has nobody to renew its leases. */
  #lacks = false;
  #host: KeeperThreadHost | undefined;
  #timer: Timer | undefined;
  #culprit: Culprit | undefined;
  #saidTooLong = false;

  constructor(options: SideKeeperOptions) {
    this.#options = options;
    const { clock, leaseMs, defaultTimeoutMs, graceMs } = options;
    this.#times = { leaseMs, beatMs: beatOf(leaseMs), idleLimitMs: defaultTimeoutMs + graceMs };
    this.#offset = sharedTime() - clock.monotonic();
    this.held = new HeldLeases(({ memory }) => this.#host?.send({ kind: "page", memory }));
  }

  /** Whether blocks of the loop are seen, and told, from here. */
  get watches(): boolean {
    return this.#host !== undefined;
  }

  /** @returns what keeps the leases of a queue; nothing when nobody would, which is said once of a backend. */
  join({ name, storeName, backend }: JoiningQueue): QueueLeases | undefined {
    const extender = backend === undefined ? undefined : this.#extenderOf(name, backend);
    if (extender === undefined) {
      this.#lacks = true;
      if (!this.#options.exits) return undefined;
    }
    const queue: KeptQueue = { name: storeName, extender };
    const number = this.#queues.push(queue) - 1;
    if (this.#host === undefined) this.#start();
    else this.#host.send({ kind: "queue", queue });
    return new QueueLeases(this, number, this.#offset);
  }

  /** Ends the thread and its connections. Never rejects; idempotent. */
  async stop(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    await this.#host?.close();
    this.#host = undefined;
  }

  /** @returns the number of a task, whose name the thread knows from now on. */
  numberOf(task: string): number {
    let number = this.#tasks.get(task);
    if (number === undefined) {
      this.#tasks.set(task, (number = this.#tasks.size));
      this.#host?.send({ kind: "task", name: task });
    }
    return number;
  }

  /** A handler had the loop while the thread saw it stand still. */
  blame({ taskName, jobId }: Culprit): void {
    this.#culprit ??= { taskName, jobId };
  }

  /** A receipt does not fit. */
  tooLong(taskName: string): void {
    if (this.#saidTooLong) return;
    this.#saidTooLong = true;
    this.#options.logger.warn(
      "the receipt of a lease is too long to be renewed while the event loop is blocked",
      {
        task: taskName,
      },
    );
  }

  #extenderOf(queue: string, backend: TaskBackend): number | undefined {
    const known = this.#backends.indexOf(backend);
    if (known >= 0) return known;
    let spec: KeeperSpec | undefined;
    try {
      spec = backend.keeper?.();
      // What cannot be copied would take the thread with it.
      structuredClone(spec);
    } catch (error) {
      this.#options.logger.warn("leases are not renewed while the event loop is blocked", {
        queue,
        error: serializeError(error, { stack: false }),
      });
      return undefined;
    }
    if (spec === undefined) {
      this.#sayWithout(queue, backend);
      return undefined;
    }
    this.#backends.push(backend);
    this.#host?.send({ kind: "extender", spec });
    return this.#specs.push(spec) - 1;
  }

  /** Nobody but this process takes jobs out of its memory, so there is nothing to lose. */
  #sayWithout(queue: string, backend: TaskBackend): void {
    if (this.#without.has(backend) || backend.type === "memory") return;
    this.#without.add(backend);
    this.#options.logger.info(
      "leases are not renewed while the event loop is blocked: the backend has no keeper",
      {
        queue,
        backend: backend.type,
      },
    );
  }

  #start(): void {
    const { clock, logger, exits } = this.#options;
    this.#host = new KeeperThreadHost({
      clock,
      logger,
      start: () => ({
        ...this.#times,
        head: this.held.head.buffer,
        pages: this.held.pages.map(({ memory }) => memory),
        extenders: this.#specs,
        queues: this.#queues,
        tasks: [...this.#tasks.keys()],
        exits,
      }),
    });
    this.#arm();
  }

  #arm(): void {
    const { clock } = this.#options;
    const dueAt = clock.monotonic() + this.#times.beatMs;
    const beat = (): void => {
      this.#arm();
      this.#beat(clock.monotonic() - dueAt);
    };
    this.#timer = clock.setTimer(beat, this.#times.beatMs, { keepAlive: false });
  }

  #beat(lagMs: number): void {
    const { givenUp, failed } = this.held.beat();
    const culprit = this.#culprit;
    this.#culprit = undefined;
    if (lagMs <= this.#times.leaseMs / 3) return;
    const isKept = !this.#lacks && failed === 0 && this.#host?.runs === true;
    const leases = givenUp ? "given-up" : isKept ? "kept" : "at-risk";
    this.#options.onBlocked({ blockedMs: Math.round(lagMs), culprit, leases });
  }
}

/** The leases of one queue, as they are written down for the thread. Instants are monotonic milliseconds. */
export class QueueLeases {
  readonly #keeper: SideKeeper;
  readonly #queue: number;
  readonly #offset: number;

  constructor(keeper: SideKeeper, queue: number, offset: number) {
    this.#keeper = keeper;
    this.#queue = queue;
    this.#offset = offset;
  }

  add(lease: KeptLease): void {
    const { receipt, jobId, taskName, leaseSentAt } = lease;
    const task = this.#keeper.numberOf(taskName);
    const sentAt = leaseSentAt + this.#offset;
    lease.place = this.#keeper.held.add({ queue: this.#queue, task, receipt, jobId, sentAt });
    if (lease.place === NO_PLACE) this.#keeper.tooLong(taskName);
  }

  remove(lease: KeptLease): void {
    if (lease.place === NO_PLACE) return;
    this.#keeper.held.remove(lease.place);
    lease.place = NO_PLACE;
  }

  renewed({ place, leaseSentAt }: KeptLease): void {
    if (place !== NO_PLACE) this.#keeper.held.renewed(place, leaseSentAt + this.#offset);
  }

  /** Its handler has until then to end. */
  runsUntil({ place }: KeptLease, until: number, now: number): void {
    if (place !== NO_PLACE) this.#keeper.held.runsUntil(place, until + this.#offset, now + this.#offset);
  }

  /** When a renewal of it was last sent, as far as anybody knows. @param now the present. */
  latest({ place, leaseSentAt }: KeptLease, now: number): number {
    const keptAt = place === NO_PLACE ? undefined : this.#keeper.held.keptAt(place);
    if (keptAt === undefined) return leaseSentAt;
    return Math.max(leaseSentAt, now - 1 - between(keptAt, instant(now + this.#offset)));
  }

  /** Calls what may block the loop, on account of an attempt. */
  run<T>(lease: KeptLease, call: () => T): T {
    const { held } = this.#keeper;
    const before = held.enter(lease.place);
    try {
      return call();
    } finally {
      if (held.leave(before)) this.#keeper.blame(lease);
    }
  }
}
