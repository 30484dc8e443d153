import { between, Field, Head, instant, type LeasePage, PAGE_LEASES, RECEIPT_BYTES } from "./lease-board.ts";

/** A lease as the thread read it. */
export interface SeenLease {
  readonly place: number;
  /** Whose it was when it was read. */
  readonly turn: number;
  readonly queue: number;
  readonly task: number;
  readonly receipt: string;
  /** Empty when the receipt does not tell. */
  readonly jobId: string;
  /** Milliseconds since a claim or a renewal of it was last sent, by whomever. */
  readonly age: number;
  /** Milliseconds until its handler must have ended; nothing for one that does not run. */
  readonly left: number | undefined;
}

/** The same board as the keeper's thread reads it. Instants are milliseconds of the shared clock. */
export class SeenLeases {
  readonly #head: Int32Array;
  readonly #pages: LeasePage[];

  constructor(head: Int32Array, pages: readonly LeasePage[]) {
    this.#head = head;
    this.#pages = [...pages];
  }

  addPage(page: LeasePage): void {
    this.#pages.push(page);
  }

  get beats(): number {
    return Atomics.load(this.#head, Head.Beats);
  }

  mark(what: "Blocked" | "GivenUp", value: boolean): void {
    Atomics.store(this.#head, Head[what], value ? 1 : 0);
  }

  failed(): void {
    Atomics.add(this.#head, Head.Failed, 1);
  }

  /** The lease whose handler has the loop. */
  current(now: number): SeenLease | undefined {
    const place = Atomics.load(this.#head, Head.Current) - 1;
    return place < 0 ? undefined : this.read(place, now);
  }

  *all(now: number): Generator<SeenLease> {
    for (let place = 0; place < this.#pages.length * PAGE_LEASES; place++) {
      const lease = this.read(place, now);
      if (lease !== undefined) yield lease;
    }
  }

  /** @returns nothing for a place that is free, or changes hands just now. */
  read(place: number, now: number): SeenLease | undefined {
    const index = place % PAGE_LEASES;
    const page = this.#pages[(place - index) / PAGE_LEASES];
    if (page === undefined) return undefined;
    const { numbers, texts } = page;
    const at = index * Field.Width;
    const turn = Atomics.load(numbers, at + Field.Turn);
    if (turn % 2 === 0) return undefined;
    const length = numbers[at + Field.Length]!;
    const begin = index * RECEIPT_BYTES;
    const receipt = texts.toString("utf8", begin, begin + length);
    const idLength = numbers[at + Field.IdLength]!;
    const present = instant(now);
    const runs = Atomics.load(numbers, at + Field.Runs);
    let age = between(Atomics.load(numbers, at + Field.SentAt), present);
    if (Atomics.load(numbers, at + Field.KeptTurn) === turn)
      age = Math.min(age, between(Atomics.load(numbers, at + Field.KeptAt), present));
    const lease: SeenLease = {
      place,
      turn,
      queue: numbers[at + Field.Queue]!,
      task: numbers[at + Field.Task]!,
      receipt,
      jobId: idLength === 0 ? "" : receipt.slice(-idLength),
      age,
      left:
        runs === 0
          ? undefined
          : runs === 2
            ? Infinity
            : between(present, Atomics.load(numbers, at + Field.Until)),
    };
    return Atomics.load(numbers, at + Field.Turn) === turn ? lease : undefined;
  }

  /** A renewal was granted. What has changed hands meanwhile is not concerned. @param sentAt when it was sent. */
  kept({ place, turn }: SeenLease, sentAt: number): void {
    const index = place % PAGE_LEASES;
    const { numbers } = this.#pages[(place - index) / PAGE_LEASES]!;
    const at = index * Field.Width;
    // Whoever reads between the two sees no renewal, never another's.
    Atomics.store(numbers, at + Field.KeptTurn, 0);
    Atomics.store(numbers, at + Field.KeptAt, instant(sentAt));
    Atomics.store(numbers, at + Field.KeptTurn, turn);
  }
}
