import type { Clock, Timer } from "@lexigram/contracts";

/** What a wheel fires. The links lie in the object itself, so that setting and taking back allocate nothing. */
export abstract class WheelTimer {
  /** Owned by the wheel. */
  wheelNext: WheelTimer | undefined = undefined;
  /** Owned by the wheel. */
  wheelPrevious: WheelTimer | undefined = undefined;
  /** Owned by the wheel: the tick at which it is due, `IDLE` when it is not set, `FIRING` when its turn has come. */
  wheelTick = -1;

  /** Called once, when due. May set this or any other timer. */
  abstract fire(): void;
}

const IDLE = -1;
const FIRING = -2;
const SLOTS = 512;

class Slot extends WheelTimer {
  constructor() {
    super();
    this.wheelNext = this;
    this.wheelPrevious = this;
  }
  fire(): void {}
}

/**
 * One hashed wheel for all timers of a process that are set often and seldom fire: time limits, grace periods,
 * renewals of leases. A timer fires never early and at most one tick late (50 ms), as far as the event loop is free.
 * The clock has one timer of the wheel at most, set for the next occupied tick; it does not keep the process alive.
 */
export class TimerWheel {
  readonly #clock: Clock;
  readonly #tickMs: number;
  readonly #origin: number;
  readonly #slots: Slot[] = [];
  readonly #onError: (error: unknown) => void;
  #size = 0;
  /** The last tick that was handled. */
  #cursor = 0;
  #armed: Timer | undefined;
  #armedTick = Infinity;
  readonly #onTick: () => void;

  /** @param onError hears what a timer throws; the others fire all the same. */
  constructor(clock: Clock, onError: (error: unknown) => void, tickMs = 50) {
    this.#clock = clock;
    this.#tickMs = tickMs;
    this.#onError = onError;
    this.#origin = clock.monotonic();
    for (let i = 0; i < SLOTS; i++) this.#slots.push(new Slot());
    this.#onTick = () => this.#turn();
  }

  /** Timers that are set. */
  get size(): number {
    return this.#size;
  }

  /**
   * Sets a timer, or moves one that is set.
   *
   * @param at milliseconds of the clock's `monotonic`; what lies in the past is due at the next tick.
   * @throws RangeError for what is no time; a timer that was set stays as it was.
   */
  set(timer: WheelTimer, at: number): void {
    const tick = Math.max(Math.ceil((at - this.#origin) / this.#tickMs), this.#cursor + 1);
    if (!(tick < Infinity)) throw new RangeError(`a timer cannot be set to ${at} ms`);
    if (timer.wheelTick >= 0) this.#unlink(timer);
    const slot = this.#slots[tick % SLOTS]!;
    const last = slot.wheelPrevious!;
    timer.wheelTick = tick;
    timer.wheelPrevious = last;
    timer.wheelNext = slot;
    last.wheelNext = timer;
    slot.wheelPrevious = timer;
    this.#size++;
    if (tick < this.#armedTick) this.#arm(tick);
  }

  /** Takes a timer back. A no-op when it is not set. */
  remove(timer: WheelTimer): void {
    if (timer.wheelTick >= 0) this.#unlink(timer);
    timer.wheelTick = IDLE;
  }

  /** Takes all timers back. The wheel can be used again. */
  clear(): void {
    for (const slot of this.#slots) {
      while (slot.wheelNext !== slot) this.remove(slot.wheelNext!);
    }
    this.#armed?.cancel();
    this.#armed = undefined;
    this.#armedTick = Infinity;
  }

  #unlink(timer: WheelTimer): void {
    timer.wheelPrevious!.wheelNext = timer.wheelNext;
    timer.wheelNext!.wheelPrevious = timer.wheelPrevious;
    timer.wheelNext = undefined;
    timer.wheelPrevious = undefined;
    this.#size--;
  }

  #arm(tick: number): void {
    this.#armed?.cancel();
    this.#armedTick = tick;
    const at = this.#origin + tick * this.#tickMs;
    this.#armed = this.#clock.setTimer(this.#onTick, at - this.#clock.monotonic(), { keepAlive: false });
  }

  #turn(): void {
    this.#armed = undefined;
    this.#armedTick = Infinity;
    const now = Math.floor((this.#clock.monotonic() - this.#origin) / this.#tickMs);
    const due = this.#takeDue(now);
    this.#cursor = Math.max(this.#cursor, now);
    for (const timer of due) {
      // Another timer of this tick may have taken it back or set it anew.
      if (timer.wheelTick !== FIRING) continue;
      timer.wheelTick = IDLE;
      try {
        timer.fire();
      } catch (error) {
        this.#onError(error);
      }
    }
    if (this.#size > 0) this.#armNext();
  }

  #takeDue(now: number): WheelTimer[] {
    const due: { timer: WheelTimer; tick: number }[] = [];
    const first = Math.max(this.#cursor + 1, now - SLOTS + 1);
    for (let tick = first; tick <= now; tick++) {
      const slot = this.#slots[tick % SLOTS]!;
      let timer = slot.wheelNext!;
      while (timer !== slot) {
        const next = timer.wheelNext!;
        if (timer.wheelTick <= now) {
          due.push({ timer, tick: timer.wheelTick });
          this.#unlink(timer);
          timer.wheelTick = FIRING;
        }
        timer = next;
      }
    }
    return due.toSorted((a, b) => a.tick - b.tick).map((entry) => entry.timer);
  }

  /** Timers more than one round away share slots with nearer ones, so this may wake in vain, once a round. */
  #armNext(): void {
    for (let tick = this.#cursor + 1; tick <= this.#cursor + SLOTS; tick++) {
      const slot = this.#slots[tick % SLOTS]!;
      if (slot.wheelNext === slot) continue;
      if (tick < this.#armedTick) this.#arm(tick);
      return;
    }
  }
}
