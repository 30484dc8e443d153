/** Instants that are kept at most: the earliest, since they are what is asked for. */
const MOST = 1_000;
/** For how long after its time a job may still be on its way. Milliseconds. */
const LATE_MS = 100;

/** When jobs become due that were enqueued through this object, on the monotonic clock. */
export class DueTimes {
  /** Ascending. */
  readonly #times: number[] = [];

  add(at: number): void {
    let low = 0;
    let high = this.#times.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#times[middle]! <= at) low = middle + 1;
      else high = middle;
    }
    if (low === MOST) return;
    this.#times.splice(low, 0, at);
    if (this.#times.length > MOST) this.#times.pop();
  }

  /** Milliseconds until the next; nothing when none is known. */
  nextInMs(now: number): number | undefined {
    while ((this.#times[0] ?? Infinity) < now - LATE_MS) this.#times.shift();
    const [next] = this.#times;
    return next === undefined ? undefined : Math.max(0, next - now);
  }
}
