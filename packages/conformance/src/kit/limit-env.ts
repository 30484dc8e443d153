import { type Clock, systemClock } from "@lexigram/contracts";
import { aJob, uniqueName } from "../build/job.ts";
import { overriding } from "../liars/overriding.ts";
import { LawBrokenError } from "./case.ts";
import type { CrewSettings, CrewSubject, LimitHarness, LimitStores } from "./limit-harness.ts";

const PATIENCE_MS = 20_000;
const LOOK_MS = 5;

/** When something happened: not before, and not after. Milliseconds of one clock. */
export interface Instant {
  readonly fromMs: number;
  readonly toMs: number;
}

/** What a case of limits works with: fresh stores, processes on connections of their own, and the stores' time. */
export class LimitEnv {
  readonly harness: LimitHarness;
  /** Part of every name that this case gives. */
  readonly seed = uniqueName("c");
  readonly #connect: () => Promise<LimitStores>;
  readonly #clock: Clock;
  readonly #crews: CrewSubject[] = [];
  #names = 0;

  private constructor(harness: LimitHarness, connect: () => Promise<LimitStores>) {
    this.harness = harness;
    this.#connect = connect;
    this.#clock = harness.clock ?? systemClock;
  }

  static async open(harness: LimitHarness): Promise<LimitEnv> {
    return new LimitEnv(harness, await harness.open());
  }

  async end(): Promise<void> {
    await Promise.all(this.#crews.map((crew) => crew.stop()));
  }

  get nowMs(): number {
    return this.#clock.monotonic();
  }

  name(prefix: string): string {
    return `${prefix}-${++this.#names}-${this.seed}`;
  }

  /** A connection as of another process. */
  stores(): Promise<LimitStores> {
    return this.#connect();
  }

  /** A connection as of another process, which notes when its state store gave tokens. */
  async timed(seen: Instant[]): Promise<LimitStores> {
    const { queues, state } = await this.#connect();
    const takeTokens: LimitStores["state"]["takeTokens"] = async (buckets, n) => {
      const fromMs = this.nowMs;
      const outcome = await state.takeTokens(buckets, n);
      for (let i = 0; i < outcome.granted; i++) seen.push({ fromMs, toMs: this.nowMs });
      return outcome;
    };
    return { queues, state: overriding(state, { takeTokens }) };
  }

  /** Workers as of another process, at work. @param state laid over the calls of their state store. */
  async crew(settings: CrewSettings, state?: Partial<LimitStores["state"]>): Promise<CrewSubject> {
    const stores = await this.#connect();
    const own = state === undefined ? stores : { ...stores, state: overriding(stores.state, state) };
    const crew = this.harness.crew(own, settings);
    this.#crews.push(crew);
    await crew.start();
    return crew;
  }

  /** Stores jobs, by turns in the queues. */
  async put(count: number, queues: readonly (0 | 1)[] = [0, 1]): Promise<void> {
    const stores = await this.#connect();
    for (const queue of queues) {
      const body = { data: '{"v":1,"input":null}', encoding: "json" };
      const jobs = Array.from({ length: count }, () => aJob({ id: this.name("job"), task: "work", body }));
      const results = await stores.queues[queue].enqueueMany(jobs, { session: this.name("put"), seq: 1 });
      for (const result of results) if (!result.ok) throw result.error;
    }
  }

  /** Lets the time of the stores pass. */
  async pass(ms: number): Promise<void> {
    await new Promise<void>((resolve) => this.#clock.setTimer(resolve, ms));
  }

  /** Waits until something is so. @throws LawBrokenError when it is not in a long time. */
  async until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
    const { patienceMs = PATIENCE_MS } = this.harness;
    const end = this.nowMs + patienceMs;
    while (!(await isSo())) {
      if (this.nowMs > end)
        throw new LawBrokenError({
          law: "L",
          name: what,
          harness: this.harness.name,
          seed: this.seed,
          cause: `it is not so after ${patienceMs} ms`,
        });
      await this.pass(LOOK_MS);
    }
  }
}
