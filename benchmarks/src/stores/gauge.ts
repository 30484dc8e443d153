/** What a run reads of the store beside its jobs. */
export interface Gauge {
  /** Microseconds of CPU that the server has used; absent where there is none. */
  cpuUs?(): Promise<number>;
  /** Bytes that what is kept takes up. */
  usedBytes(): Promise<number>;
  /** Forgets everything. */
  empty(): Promise<void>;
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
