import { createHash } from "node:crypto";

/** A statement, with `$1`, `$2`, … for its values. It is named by its content, so that versions run side by side. */
export class Statement {
  readonly text: string;
  /** What a connection that keeps prepared statements keeps it under. */
  readonly name: string;

  constructor(text: string) {
    this.text = text;
    this.name = `lexigram_${createHash("sha256").update(text).digest("hex").slice(0, 20)}`;
  }
}
