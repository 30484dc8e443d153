/** Jobs that are remembered at most; the oldest are forgotten first. */
const MOST = 10_000;

/** How often this process handed each job back: the server counts these as it counts lost workers. */
export class HandBacks {
  readonly #counts = new Map<string, number>();

  note(id: string): void {
    const before = this.#counts.get(id) ?? 0;
    this.#counts.delete(id);
    this.#counts.set(id, before + 1);
    if (this.#counts.size <= MOST) return;
    const [oldest] = this.#counts.keys();
    this.#counts.delete(oldest!);
  }

  of(id: string): number {
    return this.#counts.size === 0 ? 0 : (this.#counts.get(id) ?? 0);
  }

  forget(id: string): void {
    if (this.#counts.size > 0) this.#counts.delete(id);
  }
}
