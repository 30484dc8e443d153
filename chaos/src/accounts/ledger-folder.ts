import { closeSync, openSync, readdirSync, readSync } from "node:fs";
import { join } from "node:path";
import { Books } from "./books.ts";
import { ledgerOwner } from "./ledger.ts";

interface Place {
  readonly file: number;
  /** The beginning of a line whose rest is not written yet. */
  rest: string;
}

/** Reads the ledgers of a run while they grow. */
export class LedgerFolder implements Disposable {
  readonly books = new Books();
  readonly #folder: string;
  readonly #places = new Map<string, Place>();
  readonly #buffer = Buffer.alloc(1 << 16);

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Takes in what was written since the last time. @throws Error when a ledger holds what nobody writes. */
  refresh(): void {
    const names = readdirSync(this.#folder).toSorted();
    // Producers first: a job that is known to be accepted is then told from one that merely ran.
    for (const kind of ["producer", "handler"] as const)
      for (const name of names) {
        const owner = ledgerOwner(name);
        if (owner?.kind === kind) this.#read(name, kind, owner.pid);
      }
  }

  #read(name: string, kind: "producer" | "handler", pid: number): void {
    let place = this.#places.get(name);
    if (place === undefined) {
      place = { file: openSync(join(this.#folder, name), "r"), rest: "" };
      this.#places.set(name, place);
    }
    for (;;) {
      const length = readSync(place.file, this.#buffer);
      if (length === 0) return;
      // Ids and numbers are plain ASCII, so no character is cut in two.
      const lines = (place.rest + this.#buffer.toString("latin1", 0, length)).split("\n");
      place.rest = lines.pop() ?? "";
      for (const line of lines)
        if (kind === "producer") this.books.addProducerLine(line);
        else this.books.addHandlerLine(line, pid);
    }
  }

  [Symbol.dispose](): void {
    for (const { file } of this.#places.values()) closeSync(file);
    this.#places.clear();
  }
}
