import { type CallName, type Clock, type Receipt, staleCall, type Timer } from "@lexigram/contracts";

/** What is remembered of one session. */
export interface SessionRecord {
  /** The number of its latest call. */
  seq: number;
  /** What that call has settled: the same call sent again settles the rest. */
  readonly settled: Set<Receipt>;
  /** When it counts as gone, on the monotonic clock. */
  deadline: number;
  /** How to end its consumer; there is one as soon as this resolves. */
  attending: Promise<() => Promise<void>> | undefined;
}

export interface SessionsParts {
  readonly clock: Clock;
  readonly attend: () => Promise<() => Promise<void>>;
}

/** The sessions that exchanged through this object within their lease. Each has a consumer, by which others count it. */
export class Sessions {
  readonly #parts: SessionsParts;
  readonly #records = new Map<string, SessionRecord>();
  readonly #leaving = new Set<Promise<void>>();
  #timer: Timer | undefined;
  #lookAt = Infinity;

  constructor(parts: SessionsParts) {
    this.#parts = parts;
  }

  /**
   * A call begins.
   *
   * @throws TaskValidationError when a later call of its session was made.
   */
  begin({ session, seq }: CallName, leaseMs: number): SessionRecord {
    const now = this.#parts.clock.monotonic();
    let record = this.#records.get(session);
    if (record === undefined) {
      record = { seq, settled: new Set(), deadline: now, attending: undefined };
      this.#records.set(session, record);
    }
    if (seq < record.seq) throw staleCall({ session, seq }, record.seq);
    if (seq > record.seq) {
      record.seq = seq;
      record.settled.clear();
    }
    record.deadline = now + leaseMs;
    this.#watch(record.deadline);
    return record;
  }

  /** Resolves when the session can be counted. */
  async attend(record: SessionRecord): Promise<void> {
    record.attending ??= this.#parts.attend();
    try {
      await record.attending;
    } catch (error) {
      record.attending = undefined;
      throw error;
    }
  }

  /** Resolves when those that are gone are not counted any more. */
  async settled(): Promise<void> {
    this.#expire();
    await Promise.all(this.#leaving);
  }

  /** The channel of their consumers is gone. */
  lost(): void {
    for (const record of this.#records.values()) record.attending = undefined;
  }

  close(): void {
    this.#timer?.cancel();
    this.#records.clear();
  }

  #watch(deadline: number): void {
    if (deadline >= this.#lookAt) return;
    const { clock } = this.#parts;
    this.#timer?.cancel();
    this.#lookAt = deadline;
    // It may come a fraction of a millisecond early.
    this.#timer = clock.setTimer(() => this.#sweep(), deadline - clock.monotonic(), { keepAlive: false });
  }

  #expire(): void {
    if (this.#parts.clock.monotonic() >= this.#lookAt) this.#sweep();
  }

  #sweep(): void {
    const now = this.#parts.clock.monotonic();
    this.#timer?.cancel();
    this.#lookAt = Infinity;
    for (const [session, record] of this.#records)
      if (record.deadline > now) this.#watch(record.deadline);
      else {
        this.#records.delete(session);
        this.#leave(record);
      }
  }

  #leave({ attending }: SessionRecord): void {
    if (attending === undefined) return;
    const leaving = attending
      .then((leave) => leave())
      .catch(() => {
        // Its channel is gone, and the consumer with it.
      })
      .finally(() => this.#leaving.delete(leaving));
    this.#leaving.add(leaving);
  }
}
