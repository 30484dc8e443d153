import type { Clock, Timer } from "@lexigram/contracts";

interface Deadline {
  readonly ends: number;
  readonly expire: () => void;
}

/**
 * Deadlines in pulses of one timer, so that they pass only while the event loop turns: an answer that waits in the
 * socket of a blocked loop is read before its call is given up. Alone it keeps no process alive.
 */
export class Deadlines {
  readonly #clock: Clock;
  readonly #pulseMs: number;
  readonly #beats = new Set<() => void>();
  readonly #deadlines = new Set<Deadline>();
  #tick = 0;
  #timer: Timer | undefined;
  #closed = false;

  constructor(clock: Clock, pulseMs: number) {
    this.#clock = clock;
    this.#pulseMs = pulseMs;
  }

  /** Pulses so far. */
  get tick(): number {
    return this.#tick;
  }

  pulses(ms: number): number {
    return Math.ceil(ms / this.#pulseMs);
  }

  /** Calls `beat` at every pulse. */
  each(beat: () => void): void {
    this.#beats.add(beat);
    this.#start();
  }

  /** @returns what takes the deadline back. */
  set(ms: number, expire: () => void): () => void {
    const deadline: Deadline = { ends: this.#tick + this.pulses(ms), expire };
    this.#deadlines.add(deadline);
    this.#start();
    return () => void this.#deadlines.delete(deadline);
  }

  /** What becomes of something, if that is known in time. */
  async limit<T>(ms: number, what: Promise<T>, late: () => Error): Promise<T> {
    let inTime: () => void = () => {};
    const expired = new Promise<never>((_, reject) => (inTime = this.set(ms, () => reject(late()))));
    try {
      return await Promise.race([what, expired]);
    } finally {
      inTime();
    }
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #start(): void {
    if (this.#timer !== undefined || this.#closed) return;
    this.#timer = this.#clock.setTimer(() => this.#pulse(), this.#pulseMs, { keepAlive: false });
  }

  #pulse(): void {
    this.#timer = undefined;
    const now = ++this.#tick;
    for (const deadline of this.#deadlines)
      if (now > deadline.ends) {
        this.#deadlines.delete(deadline);
        deadline.expire();
      }
    for (const beat of this.#beats) beat();
    if (this.#deadlines.size > 0 || this.#beats.size > 0) this.#start();
  }
}
