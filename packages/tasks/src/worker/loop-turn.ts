import type { Activity } from "./activity.ts";

/**
 * Runs a step once in the next turn of the event loop, however often it is asked for: what ends in one turn is
 * reported together, and timers and sockets get their say in between.
 */
export class LoopTurn {
  readonly #step: () => void;
  readonly #activity: Activity | undefined;
  #asked = false;
  readonly #run: () => void;

  constructor(step: () => void, activity: Activity | undefined) {
    this.#step = step;
    this.#activity = activity;
    this.#run = () => {
      this.#asked = false;
      this.#activity?.end();
      this.#step();
    };
  }

  ask(): void {
    if (this.#asked) return;
    this.#asked = true;
    this.#activity?.begin();
    setImmediate(this.#run);
  }
}
