// What a schedule is due at, found by looking at every minute: slow, and nothing of it is shared with what it judges.

const MINUTE = 60_000;

/** A minute of local time. */
export interface LocalMinute {
  readonly month: number;
  readonly day: number;
  readonly weekday: number;
  readonly hour: number;
  readonly minute: number;
}

function localMinute(ms: number): LocalMinute {
  const date = new Date(ms);
  return {
    month: date.getUTCMonth() + 1,
    day: date.getUTCDate(),
    weekday: date.getUTCDay(),
    hour: date.getUTCHours(),
    minute: date.getUTCMinutes(),
  };
}

const formats = new Map<string, Intl.DateTimeFormat>();

/** Local time at an instant, in milliseconds as if it were UTC. */
function localAt(zone: string, instant: number): number {
  let format = formats.get(zone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat("sv-SE", {
      timeZone: zone,
      year: "numeric",
      month: "2-digit",
      day: "2-digit",
      hour: "2-digit",
      minute: "2-digit",
    });
    formats.set(zone, format);
  }
  return Date.parse(`${format.format(instant).replace(" ", "T")}:00Z`);
}

/** The minutes from one instant to another, with their local times. */
function minutesOf(zone: string, from: number, to: number): { instant: number; local: number }[] {
  const found: { instant: number; local: number }[] = [];
  const step = 30 * MINUTE;
  for (let start = from; start < to; start += step) {
    const shift = localAt(zone, start) - start;
    const isEven = localAt(zone, start + step) - (start + step) === shift;
    for (let instant = start; instant < start + step; instant += MINUTE)
      found.push({ instant, local: isEven ? instant + shift : localAt(zone, instant) });
  }
  return found;
}

/** The instants, of whole minutes, at which the clocks of a zone are changed. */
export function changesOf(zone: string, from: number, to: number): number[] {
  const found: number[] = [];
  const step = 24 * 60 * MINUTE;
  const shiftAt = (instant: number): number => localAt(zone, instant) - instant;
  let before = shiftAt(from);
  for (let start = from; start < to; start += step) {
    const after = shiftAt(start + step);
    if (after === before) continue;
    let [low, high] = [start / MINUTE, (start + step) / MINUTE];
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      if (shiftAt(middle * MINUTE) === before) low = middle;
      else high = middle;
    }
    found.push(high * MINUTE);
    before = after;
  }
  return found;
}

/** No zone has gone back by as much since 1990. */
const AROUND = 6 * 60 * MINUTE;

/** The minutes around a span of time, seen once for all that is asked about them. The ends are whole half hours. */
export class LocalMinutes {
  readonly #from: number;
  readonly #to: number;
  /** The minutes that there were, each with its instants. */
  readonly #seen = new Map<number, { readonly minute: LocalMinute; readonly instants: number[] }>();
  /** Those that clocks went over, with what they become when they are shifted. */
  readonly #missing: { readonly minute: LocalMinute; readonly instant: number }[] = [];

  constructor(zone: string, from: number, to: number) {
    [this.#from, this.#to] = [from, to];
    let before: { instant: number; local: number } | undefined;
    for (const { instant, local } of minutesOf(zone, from - AROUND, to + AROUND)) {
      const seen = this.#seen.get(local);
      if (seen === undefined) this.#seen.set(local, { minute: localMinute(local), instants: [instant] });
      else seen.instants.push(instant);
      if (before !== undefined)
        for (let gone = before.local + MINUTE; gone < local; gone += MINUTE)
          this.#missing.push({ minute: localMinute(gone), instant: before.instant + gone - before.local });
      before = { instant, local };
    }
  }

  /** The instants at which a condition is due, by a policy for minutes that do not exist or come twice. */
  due(
    holds: (minute: LocalMinute) => boolean,
    policy: { readonly gap: "shift" | "skip"; readonly fold: "first" | "last" | "both" },
  ): number[] {
    const due: number[] = [];
    for (const { minute, instants } of this.#seen.values()) {
      if (!holds(minute)) continue;
      if (policy.fold === "both") due.push(...instants);
      else due.push(policy.fold === "first" ? Math.min(...instants) : Math.max(...instants));
    }
    if (policy.gap === "shift")
      for (const { minute, instant } of this.#missing) if (holds(minute)) due.push(instant);
    return [...new Set(due)]
      .filter((instant) => instant >= this.#from && instant < this.#to)
      .toSorted((a, b) => a - b);
  }
}
