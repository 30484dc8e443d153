import type { Clock, WorkerLoadHook } from "@lexigram/contracts";
import { LoopWatch } from "./loop-watch.ts";

export interface LoadLimits {
  /** Load average of a minute; `null`: no limit. */
  readonly maxLoad: number | null;
  /** Milliseconds that the event loop may be late; `null`: no limit. */
  readonly maxLagMs: number | null;
}

/** Between two looks. Milliseconds. */
const LOOK_MS = 1_000;

/** Tells when the machine or the event loop is busier than it should be. Looks once a second, where there is a limit. */
export class LoadWatch {
  readonly #limits: LoadLimits;
  readonly #load: () => number;
  readonly #onChange: (isOver: boolean, facts: WorkerLoadHook) => void;
  readonly #watch: LoopWatch;
  #isOver = false;

  /** @param load the load average of a minute. */
  constructor(
    clock: Clock,
    limits: LoadLimits,
    load: () => number,
    onChange: (isOver: boolean, facts: WorkerLoadHook) => void,
  ) {
    this.#limits = limits;
    this.#load = load;
    this.#onChange = onChange;
    this.#watch = new LoopWatch(clock, LOOK_MS, (lagMs) => this.#look(lagMs));
  }

  start(): void {
    const { maxLoad, maxLagMs } = this.#limits;
    if (maxLoad === null && maxLagMs === null) return;
    this.#watch.start();
    this.#look(0);
  }

  stop(): void {
    this.#watch.stop();
    this.#isOver = false;
  }

  #look(lagMs: number): void {
    const { maxLoad, maxLagMs } = this.#limits;
    const load = maxLoad === null ? 0 : this.#load();
    const isLoaded = maxLoad !== null && load > maxLoad;
    const isLate = maxLagMs !== null && lagMs > maxLagMs;
    const isOver = isLoaded || isLate;
    if (isOver === this.#isOver) return;
    this.#isOver = isOver;
    const byLag = isLate || maxLoad === null;
    this.#onChange(
      isOver,
      byLag
        ? { reason: "lag", value: lagMs, limit: maxLagMs ?? 0 }
        : { reason: "load", value: load, limit: maxLoad },
    );
  }
}
