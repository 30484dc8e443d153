/** What a run reads of the store beside its jobs. */
export interface Gauge {
  /** Microseconds of CPU that the server has used; absent where there is none. */
  cpuUs?(): Promise<number>;
  /** Bytes that the server has written to its log; absent where they are not counted. */
  walBytes?(): Promise<number>;
  /**
   * Row versions that were deleted or replaced since {@link empty}, which a vacuum must clear away or has; absent where
   * there are none. To be asked once the system is closed.
   */
  deadRows?(): Promise<number>;
  /** Begins to read as of now, and goes on until what it answers is called; absent where no row is kept for that. */
  snapshot?(): Promise<() => Promise<void>>;
  /** Row versions that no vacuum has cleared away, as the server counts them. */
  heldRows?(): Promise<number>;
  /** Bytes that what is kept takes up; absent where that cannot be told. */
  usedBytes?(): Promise<number>;
  /** Forgets everything. */
  empty(): Promise<void>;
  /** Ends its connection, where it has one that would be missed. */
  close?(): Promise<void>;
}

export const memoryGauge: Gauge = {
  usedBytes: async () => {
    const collect = globalThis.gc;
    if (collect === undefined) throw new Error("run with --expose-gc");
    collect();
    return process.memoryUsage().heapUsed;
  },
  empty: async () => {},
};
