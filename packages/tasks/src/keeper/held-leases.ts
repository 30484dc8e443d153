import {
  Field,
  Head,
  instant,
  type LeasePage,
  leasePage,
  LONGEST_LIMIT_MS,
  PAGE_LEASES,
  RECEIPT_BYTES,
} from "./lease-board.ts";

/** A lease as it is written down. */
export interface HeldLease {
  readonly queue: number;
  readonly task: number;
  readonly receipt: string;
  readonly jobId: string;
  /** When it was claimed: milliseconds of the shared clock. */
  readonly sentAt: number;
}

/** Not on the board. */
export const NO_PLACE = -1;

/** The leases of a process on a board, as the event loop writes them. Instants are milliseconds of the shared clock. */
export class HeldLeases {
  readonly head = new Int32Array(new SharedArrayBuffer(Head.Length * 4));
  readonly pages: LeasePage[] = [];
  readonly #onPage: (page: LeasePage) => void;
  /** Free places, those used last on top, so that few are ever touched. */
  readonly #free: number[] = [];

  /** @param onPage told of a page before anything is written there. */
  constructor(onPage: (page: LeasePage) => void) {
    this.#onPage = onPage;
  }

  /** @returns its place; `NO_PLACE` for a receipt that is too long to be written down. */
  add({ queue, task, receipt, jobId, sentAt }: HeldLease): number {
    // A letter takes three bytes at most.
    if (receipt.length * 3 > RECEIPT_BYTES && Buffer.byteLength(receipt) > RECEIPT_BYTES) return NO_PLACE;
    const place = this.#free.pop() ?? this.#newPlace();
    const index = place % PAGE_LEASES;
    const { numbers, texts } = this.pages[(place - index) / PAGE_LEASES]!;
    const at = index * Field.Width;
    numbers[at + Field.Queue] = queue;
    numbers[at + Field.Task] = task;
    numbers[at + Field.Length] = texts.write(receipt, index * RECEIPT_BYTES, RECEIPT_BYTES);
    numbers[at + Field.IdLength] = receipt.endsWith(jobId) ? jobId.length : 0;
    numbers[at + Field.SentAt] = instant(sentAt);
    numbers[at + Field.Runs] = 0;
    Atomics.add(numbers, at + Field.Turn, 1);
    return place;
  }

  remove(place: number): void {
    const index = place % PAGE_LEASES;
    Atomics.add(this.pages[(place - index) / PAGE_LEASES]!.numbers, index * Field.Width + Field.Turn, 1);
    this.#free.push(place);
  }

  /** The loop itself has renewed it. @param sentAt when that was sent. */
  renewed(place: number, sentAt: number): void {
    this.#set(place, Field.SentAt, instant(sentAt));
  }

  /** Its handler runs, and has until then to end; `Infinity`: as long as it takes. */
  runsUntil(place: number, until: number, now: number): void {
    const isFar = until - now > LONGEST_LIMIT_MS;
    if (!isFar) this.#set(place, Field.Until, instant(until));
    this.#set(place, Field.Runs, isFar ? 2 : 1);
  }

  /** When the thread last sent a renewal of it that was granted; nothing when it did not. In 32 bits. */
  keptAt(place: number): number | undefined {
    const index = place % PAGE_LEASES;
    const { numbers } = this.pages[(place - index) / PAGE_LEASES]!;
    const at = index * Field.Width;
    if (Atomics.load(numbers, at + Field.KeptTurn) !== Atomics.load(numbers, at + Field.Turn))
      return undefined;
    return Atomics.load(numbers, at + Field.KeptAt);
  }

  /** Its handler has the loop from here on. @returns who had it before. */
  enter(place: number): number {
    const before = this.head[Head.Current]!;
    Atomics.store(this.head, Head.Current, place + 1);
    return before;
  }

  /** @returns whether the thread saw the loop stand still. */
  leave(before: number): boolean {
    Atomics.store(this.head, Head.Current, before);
    return Atomics.load(this.head, Head.Blocked) !== 0;
  }

  /** The loop turns. @returns what the thread did while it did not. */
  beat(): { readonly givenUp: boolean; readonly failed: number } {
    Atomics.add(this.head, Head.Beats, 1);
    Atomics.store(this.head, Head.Blocked, 0);
    return {
      givenUp: Atomics.exchange(this.head, Head.GivenUp, 0) !== 0,
      failed: Atomics.exchange(this.head, Head.Failed, 0),
    };
  }

  #set(place: number, field: number, value: number): void {
    const index = place % PAGE_LEASES;
    Atomics.store(this.pages[(place - index) / PAGE_LEASES]!.numbers, index * Field.Width + field, value);
  }

  #newPlace(): number {
    const page = leasePage();
    this.#onPage(page);
    const first = this.pages.push(page) * PAGE_LEASES - PAGE_LEASES;
    for (let i = PAGE_LEASES - 1; i > 0; i--) this.#free.push(first + i);
    return first;
  }
}
