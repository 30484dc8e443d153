/** Priorities that are delivered alike, the most urgent first. A queue of the server holds each. */
export const BANDS = ["critical", "high", "normal", "low"] as const;

export type Band = (typeof BANDS)[number];

/** The least priority of each band. */
const LEAST: Readonly<Record<Band, number>> = { critical: 20, high: 10, normal: 5, low: 0 };

/** The band of a priority from 0 to 20. */
export function bandOf(priority: number): Band {
  return BANDS.find((band) => priority >= LEAST[band]) ?? "low";
}

/** What the queues of the server are called that make up one queue of jobs. */
export class QueueNames {
  readonly #prefix: string;
  /** Those of the bands, the most urgent first. */
  readonly bands: readonly string[];
  readonly dead: string;
  /** Has a consumer for each session that is at work, and no messages. */
  readonly workers: string;
  /** An exchange that is there when all these queues were made. */
  readonly mark: string;
  /** Whose connection has it makes them. */
  readonly turn: string;

  constructor(namespace: string, name: string) {
    this.#prefix = `${namespace}.${name}`;
    this.bands = BANDS.map((band) => this.band(band));
    this.dead = `${this.#prefix}.dead`;
    this.workers = `${this.#prefix}.workers`;
    this.mark = `${this.#prefix}.declared`;
    this.turn = `${this.#prefix}.declaring`;
  }

  band(band: Band): string {
    return `${this.#prefix}.${band}`;
  }

  /** Where messages wait for that many milliseconds. */
  rung(waitMs: number): string {
    return `${this.#prefix}.wait.${waitMs}`;
  }
}
