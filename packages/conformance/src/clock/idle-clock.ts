import type { Timer } from "@lexigram/contracts";
import { ManualClock } from "./manual-clock.ts";

/** Turns of the event loop in which nothing sets a timer or takes one back: then nothing else is under way. */
const IDLE_TURNS = 30;

/**
 * A clock that jumps to its next timer whenever nothing is left to run until then, for subjects that wait on nothing outside
 * the process. So a case that waits for hours takes milliseconds, and a machine that stands still changes nothing.
 */
export class IdleClock extends ManualClock {
  #stopped = false;
  #watching = false;
  #changes = 0;

  override setTimer(callback: () => void, delayMs: number): Timer {
    this.#changes++;
    const timer = super.setTimer(callback, delayMs);
    this.#watch();
    return {
      cancel: () => {
        this.#changes++;
        timer.cancel();
      },
    };
  }

  /** Moves no more. Who renews for ever would be woken for ever. */
  stop(): void {
    this.#stopped = true;
  }

  #watch(): void {
    if (this.#watching || this.#stopped) return;
    this.#watching = true;
    let [seen, turns] = [this.#changes, 0];
    const look = (): void => {
      turns = seen === this.#changes ? turns + 1 : 0;
      seen = this.#changes;
      if (this.#stopped || this.pendingTimers === 0) this.#watching = false;
      else if (turns < IDLE_TURNS) setImmediate(look);
      else {
        turns = 0;
        this.fireNext();
        setImmediate(look);
      }
    };
    setImmediate(look);
  }
}
