import type { DstOptions } from "./dst-policy.ts";
import { refuseUnknownOptions } from "@lexigram/contracts";
import { Schedule } from "./schedule.ts";

export interface CronOptions {
  /** An IANA zone. Default: that of whoever uses it; by itself UTC. */
  readonly timezone?: string;
  readonly dst?: DstOptions;
}

/**
 * A cron expression of 5 fields, or 6 with seconds first: numbers, names, `*`, lists, ranges and steps; `?`, `L`, `5L` and
 * `MON#2` for days; or `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`. When both fields of days say something, one of
 * them is enough.
 */
export class CronExpression extends Schedule {
  readonly expression: string;

  /** @throws ScheduleInvalidError naming the field that is wrong and the nearest value that is not. */
  constructor(expression: string, options: CronOptions = {}) {
    refuseUnknownOptions("CronExpression", options, ["timezone", "dst"]);
    super({ any: [[{ cron: expression }]], ...options });
    this.expression = expression;
    // Refused here, not when it is first asked.
    this.recurrence("UTC");
  }

  /** The ancestor's name for {@link Schedule.next}. */
  getNext(base?: Date): Date | undefined {
    return this.next(base);
  }

  /** The ancestor's name for {@link Schedule.previous}. */
  getPrev(base?: Date): Date | undefined {
    return this.previous(base);
  }

  override toString(): string {
    return this.expression;
  }
}
