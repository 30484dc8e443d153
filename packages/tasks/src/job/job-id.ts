import type { JobId, Random } from "@lexigram/contracts";

/** The character codes of the base-36 digits. */
const DIGITS: readonly number[] = Array.from("0123456789abcdefghijklmnopqrstuvwxyz", (d) => d.charCodeAt(0));
/** Ids that differ in their last two digits only. */
const BLOCK = 36 * 36;
const HALF = 36 ** 6;

/** Twelve base-36 digits by chance (62 bits): enough to tell processes apart, no secret. */
export function randomName(random: Random): string {
  const half = (): string =>
    Math.floor(random() * HALF)
      .toString(36)
      .padStart(6, "0");
  return half() + half();
}

/**
 * Makes ids of jobs: a prefix by chance, once per object, and a counter. Base 36, 15 to 22 characters. Ids of one
 * object never repeat; ids of two differ unless 62 random bits agree.
 */
export class JobIds {
  readonly prefix: string;
  #block = 0;
  #next = 0;
  /** The character codes of the latest id of the block. */
  #codes: number[];

  constructor(random: Random) {
    this.prefix = randomName(random);
    this.#codes = this.#codesOf(0);
  }

  next(): JobId {
    if (this.#next === BLOCK) {
      this.#next = 0;
      this.#codes = this.#codesOf(++this.#block);
    }
    const codes = this.#codes;
    codes[codes.length - 2] = DIGITS[Math.floor(this.#next / 36)] as number;
    codes[codes.length - 1] = DIGITS[this.#next % 36] as number;
    this.#next++;
    // Not put together of texts: such a text is two until it is read, and joining them then costs more than this.
    return String.fromCharCode(...codes);
  }

  #codesOf(block: number): number[] {
    return Array.from(`${this.prefix}${block.toString(36)}00`, (digit) => digit.charCodeAt(0));
  }
}
