import { type Duration, spanOption } from "@lexigram/contracts";
import { instantOf } from "./instant.ts";
import type { Recurrence } from "./recurrence.ts";

/** Equal spans of time, whatever clocks show. Milliseconds. */
export interface IntervalData {
  readonly every: number;
  /** One of its instants; earlier ones are not among them. */
  readonly starting: number;
}

/** The instants that are whole spans after a start. */
export class IntervalRecurrence implements Recurrence {
  readonly #data: IntervalData;

  constructor(data: IntervalData) {
    this.#data = data;
  }

  next(after: number): number {
    const { every, starting } = this.#data;
    if (after < starting) return starting;
    return starting + (Math.floor((after - starting) / every) + 1) * every;
  }

  previous(before: number): number | undefined {
    const { every, starting } = this.#data;
    if (before <= starting) return undefined;
    return starting + (Math.ceil((before - starting) / every) - 1) * every;
  }
}

/**
 * @param starting one of the instants; by default the grid of the epoch, so that all processes agree.
 * @throws TaskConfigError for a span below a second, or a start that is no Date.
 */
export function intervalOf(owner: string, span: Duration, starting: Date | undefined): IntervalData {
  const every = spanOption(owner, "every", span, { above: 999 });
  return { every, starting: starting === undefined ? 0 : instantOf(owner, "starting", starting) };
}
