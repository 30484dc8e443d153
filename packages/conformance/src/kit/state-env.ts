import type { StateStoreProtocol } from "@lexigram/contracts";
import type { StateHarness } from "./harness.ts";
import { Time } from "./time.ts";

/** What a case of a state store works with: one fresh store, names of its own, and time. */
export class StateEnv {
  readonly store: StateStoreProtocol;
  readonly harness: StateHarness;
  readonly seed: string;
  readonly time: Time;
  readonly #opened: StateStoreProtocol[];
  #names = 0;

  constructor(store: StateStoreProtocol, harness: StateHarness, seed: string) {
    this.store = store;
    this.harness = harness;
    this.seed = seed;
    this.time = new Time(harness);
    this.#opened = [store];
  }

  /** Ends everything that the case opened. */
  async end(): Promise<void> {
    for (const store of this.#opened.toReversed()) await store.close();
  }

  /** A key, topic or holder of this case's own. */
  name(prefix: string): string {
    return `${this.seed}:${prefix}-${++this.#names}`;
  }

  span(units: number): number {
    return this.time.span(units);
  }

  pass(ms: number): Promise<void> {
    return this.time.pass(ms);
  }

  async peer(): Promise<StateStoreProtocol> {
    const peer = await this.harness.peer(this.store);
    this.#opened.push(peer);
    return peer;
  }

  async reopen(): Promise<StateStoreProtocol> {
    const reopened = await this.harness.reopen(this.store);
    this.#opened.push(reopened);
    return reopened;
  }
}
