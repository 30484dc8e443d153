import { nearest, ScheduleInvalidError, shown } from "@lexigram/contracts";
import { DAY_MS, dayNumber } from "./civil-day.ts";

/** The moment at which the clocks of a zone are changed. */
export interface ClockChange {
  /** Epoch milliseconds. */
  readonly at: number;
  /** Local time less UTC, in milliseconds, until then and from then on. */
  readonly before: number;
  readonly after: number;
}

/** Changes are looked for in pieces of this length, when they are needed. */
const PIECE_MS = 32 * DAY_MS;
/** No zone has changed its clocks twice within this time and back again. */
const STEP_MS = DAY_MS / 2;
const MOST_PIECES = 2_000;
const NUMBERS = /\d+/g;

const known = new Map<string, TimeZone>();

/** The local time of an IANA zone, as this machine's data has it. */
export class TimeZone {
  readonly name: string;
  /** Absent: UTC, which never changes. */
  readonly #format: Intl.DateTimeFormat | undefined;
  readonly #pieces = new Map<number, readonly ClockChange[]>();

  /** @throws ScheduleInvalidError for a zone that nobody knows, with the nearest one. */
  static of(name: string): TimeZone {
    const seen = known.get(name);
    if (seen !== undefined) return seen;
    const zone = new TimeZone(name);
    known.set(name, zone);
    return zone;
  }

  private constructor(name: string) {
    this.name = name;
    this.#format = name === "UTC" ? undefined : formatOf(name);
  }

  /** Local time less UTC, in milliseconds. */
  offsetAt(instant: number): number {
    if (this.#format === undefined) return 0;
    const numbers = this.#format.format(instant).match(NUMBERS) ?? [];
    const [month = 0, day = 0, year = 0, hour = 0, minute = 0, second = 0] = numbers.map(Number);
    const local = dayNumber(year, month, day) * DAY_MS + ((hour * 60 + minute) * 60 + second) * 1_000;
    return local - Math.floor(instant / 1_000) * 1_000;
  }

  /** The changes from one instant to another, in order. */
  changes(from: number, to: number): readonly ClockChange[] {
    if (this.#format === undefined) return [];
    const first = Math.floor(from / PIECE_MS);
    const last = Math.floor(to / PIECE_MS);
    const found: ClockChange[] = [];
    for (let piece = first; piece <= last; piece++)
      for (const change of this.#piece(piece)) if (change.at >= from && change.at <= to) found.push(change);
    return found;
  }

  #piece(number: number): readonly ClockChange[] {
    const seen = this.#pieces.get(number);
    if (seen !== undefined) return seen;
    if (this.#pieces.size >= MOST_PIECES) this.#pieces.clear();
    const found: ClockChange[] = [];
    const end = (number + 1) * PIECE_MS;
    let at = number * PIECE_MS;
    let before = this.offsetAt(at);
    while (at < end) {
      const next = at + STEP_MS;
      const after = this.offsetAt(next);
      while (before !== after) {
        const change = this.#changeBetween(at, next, before);
        found.push(change);
        at = change.at;
        before = change.after;
      }
      at = next;
    }
    // A change at the very beginning of a piece is found by the one before, whose last step ends there.
    this.#pieces.set(number, found);
    return found;
  }

  /** The first change after `from`, at which `before` holds; another offset holds at `to`. */
  #changeBetween(from: number, to: number, before: number): ClockChange {
    let [low, high] = [from / 1_000, to / 1_000];
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      if (this.offsetAt(middle * 1_000) === before) low = middle;
      else high = middle;
    }
    const at = high * 1_000;
    return { at, before, after: this.offsetAt(at) };
  }
}

function formatOf(name: string): Intl.DateTimeFormat {
  try {
    return new Intl.DateTimeFormat("en-US", {
      timeZone: name,
      calendar: "gregory",
      numberingSystem: "latn",
      hourCycle: "h23",
      year: "numeric",
      month: "2-digit",
      day: "2-digit",
      hour: "2-digit",
      minute: "2-digit",
      second: "2-digit",
    });
  } catch (cause) {
    const near = nearest(name, Intl.supportedValuesOf("timeZone"));
    throw new ScheduleInvalidError(
      `there is no time zone ${shown(name)}`,
      { rule: String(name), field: "timezone", ...(near === undefined ? {} : { nearest: near }) },
      { cause },
    );
  }
}
