/**
 * The value below which a share of the samples lies, interpolated linearly between the two nearest; 0 of none.
 *
 * @param sorted from the smallest to the largest.
 * @param share 0 to 1.
 */
export function percentile(sorted: readonly number[], share: number): number {
  if (sorted.length === 0) return 0;
  const at = (sorted.length - 1) * share;
  const below = Math.floor(at);
  const low = sorted[below] as number;
  const high = sorted[Math.min(below + 1, sorted.length - 1)] as number;
  return low + (high - low) * (at - below);
}
