/** One page of a listing. */
export interface Page<T> {
  readonly items: readonly T[];
  /** Give it back to read on; absent on the last page. Opaque, and only good for the same query. */
  readonly cursor?: string;
}
