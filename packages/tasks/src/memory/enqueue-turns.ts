/** Jobs of one turn of the event loop: about as many as a worker lets end in one. */
const BUDGET = 250;

/**
 * A queue in this process answers within the turn of the event loop, so a loop that enqueues one job after the other would
 * keep it for ever: timers and sockets would stand still, and the workers of the process fall behind. So now and then the
 * answer comes a turn later. Who hands over many at a time can wait between two calls.
 */
export class EnqueueTurns {
  #jobs = 0;

  /** @returns what the answer to a call of so many jobs has to wait for, if anything. */
  take(jobs: number): Promise<void> | undefined {
    if (jobs > BUDGET) return undefined;
    this.#jobs += jobs;
    if (this.#jobs < BUDGET) return undefined;
    this.#jobs = 0;
    return new Promise((resolve) => setImmediate(resolve));
  }
}
