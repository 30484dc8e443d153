// The memory that the event loop and the keeper's thread share. The loop writes down what it holds as it goes, which wakes
// nobody; the thread reads it once the loop stands still. All that both look at are whole numbers of 32 bits, because those
// are never half written, and instants are milliseconds of `sharedTime` in 32 bits, which go round: only differences count.

/** Numbers of the whole board. */
export const Head = {
  /** Counts signs of life of the loop. */
  Beats: 0,
  /** The lease whose handler has the loop, counted from 1; 0: none that is known. */
  Current: 1,
  /** Whether the thread sees that the loop stands still. */
  Blocked: 2,
  /** Whether it has stopped to renew, because the blocking attempt is past its limit. */
  GivenUp: 3,
  /** Renewals that a store refused or did not answer, since the loop last turned. */
  Failed: 4,
  Length: 8,
} as const;

/** Numbers of one lease. */
export const Field = {
  /** Odd while the place is taken; another one at every change of hands. */
  Turn: 0,
  Queue: 1,
  Task: 2,
  /** Bytes of its receipt. */
  Length: 3,
  /** Letters at the end of its receipt that are the job's id; 0: it is not part of it. */
  IdLength: 4,
  /** When the loop last sent a claim or a renewal of it. */
  SentAt: 5,
  /** Whether it runs: 0 no, 1 with a limit, 2 without one. */
  Runs: 6,
  /** The end of its time limit and grace. */
  Until: 7,
  /** When the thread last sent a renewal that was granted, and of whose turn. */
  KeptAt: 8,
  KeptTurn: 9,
  Width: 10,
} as const;

/** Leases of one page. */
export const PAGE_LEASES = 256;
/** Bytes of a receipt, at most. */
export const RECEIPT_BYTES = 1_024;
const NUMBERS_BYTES = PAGE_LEASES * Field.Width * 4;

/** Pages are added while more leases are held, and never taken away. */
export interface LeasePage {
  readonly memory: SharedArrayBuffer;
  readonly numbers: Int32Array;
  readonly texts: Buffer;
}

/** @param memory what another thread made. Default: a new one, all places free. */
export function leasePage(
  memory: SharedArrayBuffer = new SharedArrayBuffer(NUMBERS_BYTES + PAGE_LEASES * RECEIPT_BYTES),
): LeasePage {
  return {
    memory,
    numbers: new Int32Array(memory, 0, PAGE_LEASES * Field.Width),
    texts: Buffer.from(memory, NUMBERS_BYTES),
  };
}

/** An instant in 32 bits. */
export const instant = (ms: number): number => Math.floor(ms) | 0;

/** Milliseconds from one instant to another that is less than 24 days away. */
export const between = (from: number, to: number): number => (to - from) | 0;

/** What is further away counts as no limit: 20 days. */
export const LONGEST_LIMIT_MS = 20 * 24 * 60 * 60_000;
