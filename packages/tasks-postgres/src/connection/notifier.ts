import type { Clock, Timer } from "@lexigram/contracts";

/** Between two notifications of one channel: each commit that notifies waits for a lock that the whole server shares. */
const SPACING_MS = 5;

/** Channels and texts in pairs, as they are sent in one statement. */
export type Notification = readonly [channel: string, text: string];

/** Gathers what channels are to be told, so that many calls cost few notifications. What was told last is always sent. */
export class Notifier {
  readonly #clock: Clock;
  readonly #send: (notifications: readonly Notification[]) => void;
  /** What waits for the end of a channel's spacing; a channel without an entry is sent at once. */
  readonly #waiting = new Map<string, Set<string>>();
  readonly #timers = new Set<Timer>();
  #due: Notification[] = [];
  #closed = false;

  /** @param send is called with what is due, and never throws. */
  constructor(clock: Clock, send: (notifications: readonly Notification[]) => void) {
    this.#clock = clock;
    this.#send = send;
  }

  notify(channel: string, text: string): void {
    if (this.#closed) return;
    const waiting = this.#waiting.get(channel);
    if (waiting === undefined) this.#tell(channel, [text]);
    else waiting.add(text);
  }

  /** Sends what waits, and takes no more. */
  close(): void {
    this.#closed = true;
    for (const timer of this.#timers) timer.cancel();
    for (const [channel, texts] of this.#waiting) for (const text of texts) this.#due.push([channel, text]);
    this.#waiting.clear();
    this.#flush();
  }

  #tell(channel: string, texts: Iterable<string>): void {
    // What one turn of the loop tells, of any channel, goes out together.
    if (this.#due.length === 0) queueMicrotask(() => this.#flush());
    for (const text of texts) this.#due.push([channel, text]);
    this.#waiting.set(channel, new Set());
    const timer = this.#clock.setTimer(() => {
      this.#timers.delete(timer);
      const waiting = this.#waiting.get(channel);
      this.#waiting.delete(channel);
      if (waiting !== undefined && waiting.size > 0) this.#tell(channel, waiting);
    }, SPACING_MS);
    this.#timers.add(timer);
  }

  #flush(): void {
    if (this.#due.length === 0) return;
    const due = this.#due;
    this.#due = [];
    this.#send(due);
  }
}
