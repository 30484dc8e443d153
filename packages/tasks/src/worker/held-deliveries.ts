import type { Clock } from "@lexigram/contracts";
import type { Attempt } from "./attempt.ts";
import { type TimerWheel, WheelTimer } from "./timer-wheel.ts";

/** A job that is held ready for longer is better off elsewhere. Milliseconds. */
const LONGEST_HOLD_MS = 100;

export interface HoldParts {
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  /** The oldest was held too long. Absent: it may wait as long as it has to. */
  readonly onTooLong: (() => void) | undefined;
}

/** Deliveries claimed ahead, in the order in which they came. */
export class HeldDeliveries extends WheelTimer {
  readonly #parts: HoldParts;
  #list: Attempt[] = [];
  #head = 0;
  #emptiedAt = Number.NEGATIVE_INFINITY;

  constructor(parts: HoldParts) {
    super();
    this.#parts = parts;
  }

  get size(): number {
    return this.#list.length - this.#head;
  }

  /** @param now monotonic milliseconds. */
  push(attempt: Attempt, now: number): void {
    attempt.startedAt = now;
    this.#list.push(attempt);
    const { onTooLong, wheel } = this.#parts;
    if (onTooLong !== undefined && this.wheelTick < 0) wheel.set(this, now + LONGEST_HOLD_MS);
  }

  shift(): Attempt | undefined {
    const attempt = this.#list[this.#head];
    if (attempt === undefined) return undefined;
    this.#head++;
    if (this.#head === this.#list.length) {
      this.#list = [];
      this.#head = 0;
    }
    return attempt;
  }

  /** Takes the newest `count` out. */
  takeNewest(count: number): Attempt[] {
    return this.#list.splice(this.#list.length - Math.min(count, this.size));
  }

  /** Takes all out and sets no timer any more. */
  takeAll(): Attempt[] {
    this.#emptiedAt = this.#parts.clock.monotonic();
    this.#parts.wheel.remove(this);
    return this.takeNewest(this.size);
  }

  /** Whether what a call brings belongs behind what was taken out after it had been sent. */
  isBehind(sentAt: number): boolean {
    return sentAt <= this.#emptiedAt;
  }

  remove(attempt: Attempt): void {
    const at = this.#list.indexOf(attempt, this.#head);
    if (at >= 0) this.#list.splice(at, 1);
  }

  fire(): void {
    const oldest = this.#list[this.#head];
    if (oldest === undefined) return;
    const until = oldest.startedAt + LONGEST_HOLD_MS;
    if (until <= this.#parts.clock.monotonic()) this.#parts.onTooLong?.();
    else this.#parts.wheel.set(this, until);
  }
}
