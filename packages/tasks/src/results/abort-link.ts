/**
 * A signal that is aborted with another one or by itself, and holds on to that other one no longer than it lives.
 * (`AbortSignal.any` keeps a trace of each result in a source that outlives it.)
 */
export class AbortLink {
  readonly #own = new AbortController();
  readonly #parent: AbortSignal | undefined;
  readonly #onAbort = (): void => this.abort(this.#parent?.reason);

  constructor(parent?: AbortSignal) {
    this.#parent = parent;
    if (parent?.aborted === true) this.#own.abort(parent.reason);
    else parent?.addEventListener("abort", this.#onAbort, { once: true });
  }

  get signal(): AbortSignal {
    return this.#own.signal;
  }

  abort(reason?: unknown): void {
    this.unlink();
    this.#own.abort(reason);
  }

  /** Lets go of the other signal. */
  unlink(): void {
    this.#parent?.removeEventListener("abort", this.#onAbort);
  }
}
