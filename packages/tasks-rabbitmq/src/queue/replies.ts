import {
  ClosedError,
  type Clock,
  type JobId,
  type JobOutcome,
  type QueueReplies,
  ResultUnavailableError,
  type SettledSubscription,
  SettledWaiters,
} from "@lexigram/contracts";
import type { Channel, Message } from "amqplib";
import { type ArrivedOutcome, arrivedOutcomes } from "./outcome-message.ts";

/** Jobs whose outcomes are on their way, at most; the oldest are given up first. */
const MOST_AWAITED = 100_000;
/** Outcomes that are kept for who asks later, the latest. */
const MOST_KEPT = 10_000;
const MOST_KEPT_BYTES = 16 * 1024 * 1024;
/** Channels that are left and stay open for what comes on them, at most. */
const MOST_LEFT = 8;

export interface RepliesParts {
  readonly queue: string;
  readonly clock: Clock;
  /** Milliseconds after which an outcome that did not come counts as lost. */
  readonly withinMs: number;
}

interface Awaited {
  readonly channel: Channel;
  /** On the monotonic clock. */
  readonly until: number;
}

interface Kept {
  readonly outcome: JobOutcome | ResultUnavailableError;
  readonly bytes: number;
}

/** Of where a queue's outcomes come back. */
export interface RepliesSource {
  readonly name: string;
  readonly broker: { readonly clock: Clock };
  readonly replyWithinMs?: number | undefined;
}

/** @returns nothing where no outcomes are asked for. */
export function openReplies({ name, broker, replyWithinMs }: RepliesSource): Replies | undefined {
  if (replyWithinMs === undefined) return undefined;
  return new Replies({ queue: name, clock: broker.clock, withinMs: replyWithinMs });
}

/**
 * Outcomes of the jobs that one queue object enqueued. The server brings each to the channel that its job was published on,
 * once, and to nobody else; what comes is kept for a while, and what cannot come any more is told at once.
 */
export class Replies implements QueueReplies {
  readonly #parts: RepliesParts;
  /** The oldest first, as in what is kept. */
  readonly #awaited = new Map<JobId, Awaited>();
  readonly #kept = new Map<JobId, Kept>();
  readonly #waiters = new SettledWaiters();
  readonly #subscriptions = new Set<SettledSubscription>();
  /** How many are awaited on each channel. */
  readonly #onChannel = new Map<Channel, number>();
  readonly #left = new Set<Channel>();
  #keptBytes = 0;
  #closed = false;

  constructor(parts: RepliesParts) {
    this.#parts = parts;
  }

  async read(ids: readonly JobId[]): Promise<readonly (JobOutcome | ResultUnavailableError | undefined)[]> {
    this.#checkOpen();
    return ids.map((id) => this.#read(id));
  }

  onReply(ids: readonly JobId[], signal: AbortSignal): AsyncIterable<JobId> {
    this.#checkOpen();
    const subscription = this.#waiters.subscribe(ids, (ended) => {
      this.#subscriptions.delete(ended);
      signal.removeEventListener("abort", end);
    });
    const end = (): void => subscription.end();
    this.#subscriptions.add(subscription);
    if (signal.aborted) end();
    else signal.addEventListener("abort", end, { once: true });
    return subscription;
  }

  /** A job is about to be published on a channel, to be due after `delayMs`. */
  sent(id: JobId, delayMs: number, channel: Channel): void {
    this.#forget(id);
    this.#unkeep(id);
    const until = this.#parts.clock.monotonic() + delayMs + this.#parts.withinMs;
    this.#awaited.set(id, { channel, until });
    this.#onChannel.set(channel, (this.#onChannel.get(channel) ?? 0) + 1);
    if (this.#awaited.size <= MOST_AWAITED) return;
    const [oldest] = this.#awaited.keys();
    this.#giveUp(oldest!);
  }

  /** The job was not stored, or was deleted: nobody will tell of it. */
  gone(id: JobId): void {
    this.#giveUp(id);
  }

  /** The job was cancelled here before it ran. */
  cancelled(id: JobId): void {
    if (!this.#forget(id)) return;
    this.#keep(id, { outcome: { id, status: "cancelled", attempt: 0 }, bytes: 0 });
    this.#waiters.announce(id);
  }

  arrived(message: Message | null): void {
    if (message === null) return;
    for (const arrived of arrivedOutcomes(message)) this.#arrived(arrived);
  }

  /** What was to come on a channel will not come any more. */
  lost(channel: Channel): void {
    this.#left.delete(channel);
    if (!this.#onChannel.has(channel)) return;
    for (const [id, awaited] of this.#awaited) if (awaited.channel === channel) this.#giveUp(id);
  }

  /** A channel is left for another. @returns whether it stays open for what comes on it, which then closes it. */
  stays(channel: Channel): boolean {
    if (!this.#onChannel.has(channel)) return false;
    this.#left.add(channel);
    if (this.#left.size > MOST_LEFT) {
      const [oldest] = this.#left;
      this.lost(oldest!);
      closeQuietly(oldest!);
    }
    return true;
  }

  /** Ends all waits. */
  close(): void {
    this.#closed = true;
    for (const channel of this.#left) closeQuietly(channel);
    this.#awaited.clear();
    this.#kept.clear();
    for (const subscription of this.#subscriptions) subscription.end();
  }

  #arrived({ outcome, bytes, isTooLarge }: ArrivedOutcome): void {
    const { id } = outcome;
    // The second of a job that ran twice, or one that was given up.
    if (!this.#forget(id)) return;
    this.#keep(id, {
      outcome: isTooLarge
        ? new ResultUnavailableError(
            { jobId: id },
            { hint: "its result is larger than the 16 MiB that are sent back: name a state store in state" },
          )
        : outcome,
      bytes,
    });
    this.#waiters.announce(id);
  }

  #read(id: JobId): JobOutcome | ResultUnavailableError | undefined {
    const kept = this.#kept.get(id);
    if (kept !== undefined) return kept.outcome;
    const awaited = this.#awaited.get(id);
    if (awaited !== undefined && awaited.until > this.#parts.clock.monotonic()) return undefined;
    if (awaited !== undefined) this.#giveUp(id);
    const { queue } = this.#parts;
    return new ResultUnavailableError(
      { jobId: id },
      {
        hint: `outcomes of queue "${queue}" come to the process that enqueued the job, on the connection that it used then, and are kept there for a while: ask there and in time, or name a state store in state`,
      },
    );
  }

  #keep(id: JobId, kept: Kept): void {
    this.#kept.set(id, kept);
    this.#keptBytes += kept.bytes;
    for (const [oldest] of this.#kept) {
      if (this.#kept.size <= MOST_KEPT && this.#keptBytes <= MOST_KEPT_BYTES) return;
      if (oldest !== id) this.#unkeep(oldest);
    }
  }

  #unkeep(id: JobId): void {
    const kept = this.#kept.get(id);
    if (kept === undefined) return;
    this.#kept.delete(id);
    this.#keptBytes -= kept.bytes;
  }

  #giveUp(id: JobId): void {
    if (this.#forget(id)) this.#waiters.announce(id);
  }

  /** @returns whether it was awaited. */
  #forget(id: JobId): boolean {
    const awaited = this.#awaited.get(id);
    if (awaited === undefined) return false;
    this.#awaited.delete(id);
    const { channel } = awaited;
    const count = (this.#onChannel.get(channel) ?? 1) - 1;
    if (count > 0) this.#onChannel.set(channel, count);
    else {
      this.#onChannel.delete(channel);
      if (this.#left.delete(channel)) closeQuietly(channel);
    }
    return true;
  }

  #checkOpen(): void {
    if (this.#closed) throw new ClosedError({ resource: `queue "${this.#parts.queue}"` });
  }
}

function closeQuietly(channel: Channel): void {
  try {
    channel.close().catch(() => {
      // It ended by itself.
    });
  } catch {
    // It had ended before.
  }
}
