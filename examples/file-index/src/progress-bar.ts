const WIDTH = 30;
const SHOWN_EVERY_MS = 50;

/** Draws how far the work is, on one line of a terminal; on anything else a line for each tenth. */
export class ProgressBar {
  readonly #out: NodeJS.WriteStream;
  #shownAt = 0;
  #tenth = -1;

  constructor(out: NodeJS.WriteStream) {
    this.#out = out;
  }

  /** @param settled whether the total is final; until then it still grows. */
  show(done: number, total: number, settled: boolean): void {
    const share = total === 0 ? 0 : done / total;
    const end = settled && done === total;
    if (this.#out.isTTY) {
      const now = performance.now();
      if (!end && now - this.#shownAt < SHOWN_EVERY_MS) return;
      this.#shownAt = now;
      const filled = Math.round(share * WIDTH);
      const bar = "█".repeat(filled) + "░".repeat(WIDTH - filled);
      this.#out.write(`\r${bar} ${done}/${total}${settled ? "" : "+"} files${end ? "\n" : ""}`);
    } else if (settled && Math.floor(share * 10) > this.#tenth) {
      this.#tenth = Math.floor(share * 10);
      this.#out.write(`${done}/${total} files\n`);
    }
  }
}
