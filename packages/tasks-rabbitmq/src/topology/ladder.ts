/** The shortest wait, and how much later than asked for a wait may end. Milliseconds. */
const SHORTEST_RUNG_MS = 50;
/** The longest one, about 19 days. */
const RUNGS = 26;
const LONGEST_RUNG_MS = SHORTEST_RUNG_MS * 2 ** (RUNGS - 1);

/** Every rung of the ladder, the shortest first. */
export const RUNG_WAITS: readonly number[] = Array.from(
  { length: RUNGS },
  (_, rung) => SHORTEST_RUNG_MS * 2 ** rung,
);

/**
 * The rung on which a message waits next that is to wait for that many milliseconds: the shortest that is long enough,
 * where it is not 50 ms too long, else the longest that is not too long. All messages of a rung wait for the same time, so none
 * of them waits for another.
 */
export function nextRung(leftMs: number): number {
  if (leftMs <= SHORTEST_RUNG_MS) return SHORTEST_RUNG_MS;
  if (leftMs >= LONGEST_RUNG_MS) return LONGEST_RUNG_MS;
  const below = SHORTEST_RUNG_MS * 2 ** Math.floor(Math.log2(leftMs / SHORTEST_RUNG_MS));
  const above = 2 * below;
  if (below >= leftMs) return below;
  return above - leftMs <= SHORTEST_RUNG_MS ? above : below;
}
