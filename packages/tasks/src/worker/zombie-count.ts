import type { Attempt } from "./attempt.ts";

/** Handlers that still run although the end of their attempt is decided and their slot was given to others. */
export class ZombieCount {
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** The end of an attempt is decided; its handler may still run. */
  abandon(attempt: Attempt): void {
    if (!attempt.handlerRuns || attempt.zombie) return;
    attempt.zombie = true;
    this.#count++;
  }

  /** The handler came back. */
  ended(attempt: Attempt): void {
    if (attempt.zombie) this.#count--;
    attempt.zombie = false;
  }
}
