import {
  type Clock,
  ClosedError,
  type JobId,
  type StateStoreProtocol,
  type Timer,
} from "@lexigram/contracts";
import { cancelTopic } from "../job/cancel-topic.ts";

const RETRY_MS = 5_000;

/**
 * Hears of cancellations as soon as they are asked for. A hint, which may be missed: renewing the lease tells the same
 * within a third of its length.
 */
export class CancelWatch {
  readonly #state: StateStoreProtocol;
  readonly #topic: string;
  readonly #clock: Clock;
  readonly #onCancel: (id: JobId) => void;
  #stop: AbortController | undefined = undefined;
  #timer: Timer | undefined = undefined;

  constructor(state: StateStoreProtocol, queueName: string, clock: Clock, onCancel: (id: JobId) => void) {
    this.#state = state;
    this.#topic = cancelTopic(queueName);
    this.#clock = clock;
    this.#onCancel = onCancel;
  }

  start(): void {
    const stop = (this.#stop = new AbortController());
    void this.#listen(stop.signal);
  }

  stop(): void {
    this.#stop?.abort();
    this.#stop = undefined;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  async #listen(signal: AbortSignal): Promise<void> {
    try {
      for await (const id of await this.#state.subscribe(this.#topic, signal))
        if (typeof id === "string") this.#onCancel(id);
    } catch (error) {
      if (error instanceof ClosedError) return;
    }
    if (signal.aborted) return;
    // The subscription ended by itself, or could not be made.
    this.#timer = this.#clock.setTimer(() => void this.#listen(signal), RETRY_MS, { keepAlive: false });
  }
}
