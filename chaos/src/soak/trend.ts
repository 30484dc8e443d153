/** One look at something that must not grow: when, in milliseconds, and how much. */
export interface Sample {
  readonly at: number;
  readonly value: number;
}

/** What becomes of it over a run. */
export interface Trend {
  readonly first: number;
  readonly last: number;
  readonly most: number;
  /** By the straight line that fits best, over an hour. */
  readonly perHour: number;
  /** By the same line, over the part that is judged. */
  readonly growth: number;
  /** How much it may grow meanwhile. */
  readonly allowed: number;
  readonly holds: boolean;
}

/** The part at the beginning in which caches fill, code is compiled and retention has nothing to drop. */
const WARM_UP = 0.25;
/** What counts as level, whatever it is a part of. */
const LEVEL = 0.05;

const HOUR = 3_600_000;

/**
 * Fits a straight line to what was seen after the warm-up.
 *
 * @param noise how much it goes up and down by itself.
 * @throws RangeError for fewer than two looks.
 */
export function trendOf(samples: readonly Sample[], noise: number): Trend {
  const judged = samples.slice(
    Math.min(Math.floor(samples.length * WARM_UP), Math.max(0, samples.length - 2)),
  );
  const [first, last] = [judged[0], judged.at(-1)];
  if (first === undefined || last === undefined || first === last)
    throw new RangeError("a trend needs two looks at least");
  const mean = (of: (sample: Sample) => number): number =>
    judged.reduce((sum, sample) => sum + of(sample), 0) / judged.length;
  const [at, value] = [mean((sample) => sample.at), mean((sample) => sample.value)];
  const spread = mean((sample) => (sample.at - at) ** 2);
  const slope = spread === 0 ? 0 : mean((sample) => (sample.at - at) * (sample.value - value)) / spread;
  const growth = slope * (last.at - first.at);
  const allowed = Math.max(noise, value * LEVEL);
  return {
    first: first.value,
    last: last.value,
    most: Math.max(...samples.map((sample) => sample.value)),
    perHour: slope * HOUR,
    growth,
    allowed,
    holds: growth <= allowed,
  };
}
