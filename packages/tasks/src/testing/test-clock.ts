import {
  type Clock,
  type Duration,
  milliseconds,
  refuseUnknownOptions,
  type Timer,
} from "@lexigram/contracts";
import { afterTurn, eventLoopTurn } from "./event-loop-turn.ts";
import { TestTimers } from "./test-timers.ts";

/** What a clock watches to know when an application has come to rest. */
export interface Watched {
  /** Calls in flight: enqueues, exchanges, settlements. */
  readonly busy: number;
  /** Rises with everything that begins or ends. */
  readonly turn: number;
  /** Attempts that run, parked ones included. */
  readonly running: number;
}

export interface TestClockOptions {
  /** What `now` says at first, in epoch milliseconds. Default 2030-01-01T00:00:00Z. */
  readonly now?: number;
}

const DEFAULT_NOW = 1_893_456_000_000;

/** Turns of the event loop in which nothing happens, until nothing is expected to. */
const QUIET_TURNS = 3;
/** The same while handlers run: one of them may be about to go on by itself. */
const QUIET_TURNS_OF_HANDLERS = 30;
/** The same while a call is in flight; beyond it the call waits for this clock. */
const QUIET_TURNS_OF_CALLS = 20_000;

/**
 * A clock that moves only when a test moves it. While it moves, timers fire in order, and after each the application
 * comes to rest: nothing is in flight, and every handler has finished or waits for this clock, for its abort signal or
 * for something that did not happen within a counted number of turns of the event loop. Nothing waits for real time.
 *
 * A timer without delay fires in the next turn of the event loop by itself.
 */
export class TestClock implements Clock {
  readonly #origin: number;
  readonly #timers = new TestTimers();
  readonly #watched = new Set<Watched>();
  #elapsed = 0;
  #moving: Promise<unknown> = Promise.resolve();

  constructor(options: TestClockOptions = {}) {
    refuseUnknownOptions("TestClock", options, ["now"]);
    this.#origin = options.now ?? DEFAULT_NOW;
  }

  now(): number {
    return this.#origin + this.#elapsed;
  }

  monotonic(): number {
    return this.#elapsed;
  }

  setTimer(callback: () => void, delayMs: number): Timer {
    const timer = this.#timers.add(this.#elapsed + Math.max(0, delayMs), callback);
    if (delayMs <= 0)
      afterTurn(() => {
        if (this.#timers.remove(timer)) callback();
      });
    return timer;
  }

  /** Timers that are set. */
  get pendingTimers(): number {
    return this.#timers.size;
  }

  /** Milliseconds until the next timer; `undefined` when none is set. */
  get nextTimerInMs(): number | undefined {
    const { first } = this.#timers;
    return first === undefined ? undefined : Math.max(0, first.at - this.#elapsed);
  }

  /**
   * Moves the clock on, firing what falls due on the way, each at its own moment.
   *
   * @returns when the application is at rest. Calls at the same time follow one another.
   * @throws what a timer's callback throws.
   */
  advance(span: Duration): Promise<void> {
    const ms = milliseconds(span);
    return this.#inTurn(() => this.#advance(ms));
  }

  /**
   * Waits until the application is at rest, without moving the clock.
   */
  settle(): Promise<void> {
    return this.#inTurn(() => this.#settle());
  }

  /** Makes `advance` and `settle` wait for something more. */
  watch(watched: Watched): Disposable {
    this.#watched.add(watched);
    return { [Symbol.dispose]: () => void this.#watched.delete(watched) };
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#moving.then(work);
    this.#moving = done.catch(() => undefined);
    return done;
  }

  async #advance(ms: number): Promise<void> {
    await this.#settle();
    const target = this.#elapsed + ms;
    for (let next = this.#timers.first; next !== undefined && next.at <= target; next = this.#timers.first) {
      this.#elapsed = Math.max(this.#elapsed, next.at);
      this.#timers.remove(next);
      next.fire();
      // What fires at one moment may set more for the same moment; the application rests between moments.
      if (this.#timers.first?.at !== next.at) await this.#rest();
    }
    this.#elapsed = target;
    await this.#settle();
  }

  /** Comes to rest after a moment, in a single turn when all that fired were timers that set themselves anew. */
  async #rest(): Promise<void> {
    const before = this.#turnOfWatched();
    await eventLoopTurn();
    if (this.#quietTurns() > QUIET_TURNS || this.#turnOfWatched() !== before) await this.#settle();
  }

  async #settle(): Promise<void> {
    let seen = this.#state();
    for (let quiet = 0; quiet < this.#quietTurns(); quiet++) {
      await eventLoopTurn();
      const state = this.#state();
      if (state !== seen) quiet = -1;
      seen = state;
    }
  }

  /** A number that differs as soon as anything has happened. */
  #state(): number {
    return this.#timers.turn + this.#turnOfWatched();
  }

  #turnOfWatched(): number {
    let turn = 0;
    for (const watched of this.#watched) turn += watched.turn;
    return turn;
  }

  #quietTurns(): number {
    let turns = QUIET_TURNS;
    for (const { busy, running } of this.#watched) {
      if (busy > 0) return QUIET_TURNS_OF_CALLS;
      if (running > 0) turns = QUIET_TURNS_OF_HANDLERS;
    }
    return turns;
  }
}
