import { WorkerPool, type WorkerPoolOptions } from "../worker/worker-pool.ts";

interface OnDemandPoolOptions extends WorkerPoolOptions {
  /** Called when the pool has been told how many workers to have, and has some; starts it unless it runs, or must not. */
  readonly onScaled: () => Promise<void>;
}

/** A pool that does not run, and asks its stores for nothing, before it is to have workers. */
export class OnDemandPool extends WorkerPool {
  readonly #onScaled: () => Promise<void>;

  constructor({ onScaled, ...options }: OnDemandPoolOptions) {
    super(options);
    this.#onScaled = onScaled;
  }

  override async scaleTo(size: number): Promise<void> {
    const scaled = super.scaleTo(size);
    await Promise.all([scaled, this.getPoolStats().poolSize > 0 ? this.#onScaled() : undefined]);
  }
}
