import type { Books } from "../accounts/books.ts";
import type { AppProcess } from "./app-process.ts";

/** Waiting jobs below which producers go on, and above which they stop for now. */
const LOW = 300;
const HIGH = 600;

/** No start for so long, in milliseconds: what waits is out of reach, and more is needed to see whether workers live. */
const OUT_OF_REACH = 500;

/** Keeps jobs waiting at all times, and not too many: workers are never idle, and the end of a run is near. */
export class Load {
  readonly #producers: readonly AppProcess[];
  readonly #patience: boolean;
  #flowing = false;
  #finished = false;
  #starts = 0;
  #quietSince: number;
  /** Waiting jobs that no worker can get: lost, or held by a dead one. */
  #outOfReach = 0;

  /** @param patience whether a while without a start says nothing of what waits. */
  constructor(producers: readonly AppProcess[], moment: number, patience = false) {
    this.#producers = producers;
    this.#patience = patience;
    this.#quietSince = moment;
  }

  /** Looks at the books and opens or shuts the producers' gate. */
  steer({ waiting, executions }: Books, moment: number): void {
    if (this.#finished) return;
    if (executions.length !== this.#starts) {
      this.#starts = executions.length;
      this.#quietSince = moment;
    } else if (!this.#patience && moment - this.#quietSince > OUT_OF_REACH) {
      this.#outOfReach = waiting;
      this.#quietSince = moment;
    }
    const within = waiting - Math.min(this.#outOfReach, waiting);
    if (within < LOW) this.#order(true);
    else if (within > HIGH) this.#order(false);
  }

  #order(flowing: boolean): void {
    if (flowing === this.#flowing) return;
    this.#flowing = flowing;
    for (const producer of this.#producers) producer.order(flowing ? "flow" : "hold");
  }

  /** Lets producers end what they have under way and leave. */
  finish(): void {
    this.#finished = true;
    for (const producer of this.#producers) producer.order("finish");
  }
}
