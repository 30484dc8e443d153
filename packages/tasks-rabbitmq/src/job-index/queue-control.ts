import {
  type Clock,
  DEFAULT_KEEP_COMPLETED,
  type JsonValue,
  type Retention,
  type StateStoreProtocol,
} from "@lexigram/contracts";
import type { IndexKeys } from "./index-keys.ts";

/** What holds for a queue, over all processes. */
export interface ControlState {
  readonly paused: boolean;
  readonly keepCompleted?: Retention;
  /** Whether a delivery was ever acknowledged early, so that there may be leases to look after. */
  readonly hasLeases?: boolean;
  /** Rises with each change, and with each thing that is asked of a running job. */
  readonly version: number;
}

type Written = Omit<ControlState, "version">;

export interface ControlParts {
  readonly state: StateStoreProtocol;
  readonly keys: IndexKeys;
  readonly clock: Clock;
}

/** Of an hour, unless told otherwise. */
const DEFAULT_AGE_MS = (DEFAULT_KEEP_COMPLETED as Exclude<Retention, 0>).ageMs;

/** The entry of the state store that every exchange reads: what is the same for all jobs, and whether there is news. */
export class QueueControl {
  readonly #parts: ControlParts;
  #latest: ControlState = { paused: false, version: 0 };

  constructor(parts: ControlParts) {
    this.#parts = parts;
  }

  /** As it was read last. */
  get latest(): ControlState {
    return this.#latest;
  }

  /** How long records of jobs are shown that did not fail, as it was read last. Milliseconds. */
  get completedMs(): number {
    const { keepCompleted } = this.#latest;
    if (keepCompleted === undefined) return DEFAULT_AGE_MS;
    return keepCompleted === 0 || keepCompleted.count === 0 ? 0 : keepCompleted.ageMs;
  }

  async read(): Promise<ControlState> {
    const { state, keys } = this.#parts;
    const entry = await state.get(keys.control);
    this.#latest =
      entry === undefined
        ? { paused: false, version: 0 }
        : { ...(entry.value as unknown as Written), version: entry.version };
    return this.#latest;
  }

  pause(): Promise<void> {
    return this.#change({ paused: true });
  }

  resume(): Promise<void> {
    return this.#change({ paused: false });
  }

  /** @param keepCompleted absent: as the default. */
  async keep(keepCompleted: Retention | undefined): Promise<void> {
    const { keepCompleted: before } = await this.read();
    if (JSON.stringify(before) !== JSON.stringify(keepCompleted)) await this.#change({ keepCompleted });
  }

  /** A delivery is about to be acknowledged early: whoever is at work looks after leases from now on. */
  async keepLeases(): Promise<void> {
    if (this.#latest.hasLeases !== true) await this.#change({ hasLeases: true });
  }

  /** Something was asked of a running job: whoever holds one looks. */
  tell(): Promise<void> {
    return this.#change({});
  }

  async #change(change: {
    paused?: boolean;
    keepCompleted?: Retention | undefined;
    hasLeases?: boolean;
  }): Promise<void> {
    const { state, keys } = this.#parts;
    for (;;) {
      const { version, ...before } = await this.read();
      const value = { ...before, ...change } as unknown as JsonValue;
      const condition = version === 0 ? { ifAbsent: true } : { ifVersion: version };
      if ((await state.put(keys.control, value, condition)).stored) break;
    }
    await this.read();
    await state.publish(keys.news, null);
  }
}
