/**
 * Milliseconds on the machine's monotonic clock. All processes of a machine read the same clock, so moments that
 * different processes wrote down can be put in order.
 */
export const now = (): number => Number(process.hrtime.bigint() / 1_000n) / 1_000;
