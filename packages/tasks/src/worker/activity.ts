/**
 * Counts what is under way between a process and its stores, so that a test can wait until nothing is: enqueues,
 * exchanges, renewals, and turns of the loop that were asked for. A handler that waits is not counted; what it waits
 * for may be.
 */
export class Activity {
  #busy = 0;
  #turn = 0;

  /** How many things are under way. */
  get busy(): number {
    return this.#busy;
  }

  /** Rises with each begin and each end: two equal readings with `busy` 0 mean that nothing happened between them. */
  get turn(): number {
    return this.#turn;
  }

  begin(): void {
    this.#busy++;
    this.#turn++;
  }

  end(): void {
    this.#busy--;
    this.#turn++;
  }
}
