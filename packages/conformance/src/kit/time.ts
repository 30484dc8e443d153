import { systemClock } from "@lexigram/contracts";
import type { QueueHarness, StateHarness } from "./harness.ts";

/** Where time is moved, a unit may be long, so that nothing else can be mistaken for it. */
const MOVED_UNIT_MS = 1_000;
const WAITED_UNIT_MS = 150;

/** Time as a case sees it: the same words for a store whose time is moved and for one that has to be waited for. */
export class Time {
  readonly #harness: QueueHarness | StateHarness;
  readonly #unitMs: number;
  #movedMs = 0;

  constructor(harness: QueueHarness | StateHarness) {
    this.#harness = harness;
    this.#unitMs = harness.advance === undefined ? (harness.unitMs ?? WAITED_UNIT_MS) : MOVED_UNIT_MS;
  }

  /** Longer than any case. */
  get longMs(): number {
    return 3_600_000;
  }

  /** Milliseconds since some instant: as the machine counts them, or as far as this case moved the store's time. */
  get nowMs(): number {
    return this.#harness.advance === undefined ? systemClock.monotonic() : this.#movedMs;
  }

  span(units: number): number {
    return Math.round(units * this.#unitMs);
  }

  async pass(ms: number): Promise<void> {
    if (this.#harness.advance === undefined) {
      const clock = this.#harness.clock ?? systemClock;
      await new Promise<void>((resolve) => clock.setTimer(resolve, ms));
    } else {
      await this.#harness.advance(ms);
      this.#movedMs += ms;
    }
  }

  /**
   * Whether a promise settles while that much time passes. The promise must not reject.
   */
  async endsWithin(promise: Promise<unknown>, ms: number): Promise<boolean> {
    let ended = false;
    const watched = promise.then(() => (ended = true));
    if (this.#harness.advance === undefined) await Promise.race([watched, this.pass(ms)]);
    else await this.pass(ms);
    return ended;
  }
}
