/** Milliseconds of the one clock that all threads of a process read alike: each has its own origin of `monotonic`. */
export function sharedTime(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
