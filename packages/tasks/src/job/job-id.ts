import type { JobId, Random } from "@lexigram/contracts";

const DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz".split("");
/** Every text of two base-36 digits, so that most ids cost one concatenation; `toString(36)` takes as long as storing a job. */
const PAIRS: readonly string[] = DIGITS.flatMap((a) => DIGITS.map((b) => a + b));
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
  #head: string;
  #next = 0;

  constructor(random: Random) {
    this.prefix = randomName(random);
    this.#head = `${this.prefix}0`;
  }

  next(): JobId {
    if (this.#next === PAIRS.length) {
      this.#next = 0;
      this.#head = this.prefix + (++this.#block).toString(36);
    }
    return this.#head + (PAIRS[this.#next++] as string);
  }
}
