import type { Duration, Priority } from "@lexigram/contracts";
import type { DstOptions } from "./dst-policy.ts";
import type { Schedule } from "./schedule.ts";

/** When: exactly one of `cron`, `schedule` and `every`. */
export type ScheduleTiming =
  | {
      /** See `CronExpression`. */
      readonly cron: string;
      /** An IANA zone. Default: that of the scheduler. */
      readonly timezone?: string;
      readonly dst?: DstOptions;
      readonly every?: never;
      readonly starting?: never;
      readonly schedule?: never;
    }
  | {
      /** Made of `at`, `every`, `on`, `onDay`, `inMonth`, `between`. */
      readonly schedule: Schedule;
      /** Of a schedule that names none. Default: that of the scheduler. */
      readonly timezone?: string;
      readonly dst?: DstOptions;
      readonly cron?: never;
      readonly every?: never;
      readonly starting?: never;
    }
  | {
      /** Equal spans, at least a second, whatever clocks show. */
      readonly every: Duration;
      /** One of its instants, and the first. Default: whole spans since 1970-01-01T00:00:00Z. */
      readonly starting?: Date;
      readonly cron?: never;
      readonly schedule?: never;
      readonly timezone?: never;
      readonly dst?: never;
    };

/** What happens to occurrences that were not fired in time, as no scheduler ran. */
export interface MisfireOptions {
  /**
   * `skip`: nothing; `once`: the latest is fired, late; `all`: each is fired, the oldest first.
   *
   * An occurrence is late when the next one is due already, or when it is later than the scheduler's `misfireThreshold`.
   */
  readonly run: "skip" | "once" | "all";
  /** Of `all`: so many at most, the latest. Default 100. */
  readonly upTo?: number;
  /** What is later than this is not fired. Default: the scheduler's `misfireWindow`. */
  readonly within?: Duration;
}

/** How a schedule is kept and fired. */
export interface ScheduleSettings {
  /** Its name among all schedules of the store: 1 to 100 characters without spaces. Default: see where it is used. */
  readonly id?: string;
  /** False: it waits to be enabled. Of a schedule that is stored already, what is stored counts. Default true. */
  readonly enabled?: boolean;
  /** Default `"once"`. */
  readonly misfire?: MisfireOptions["run"] | MisfireOptions;
  /**
   * While the job of the occurrence before is not over: enqueue beside it (default), leave the occurrence out, or cancel
   * that job first.
   */
  readonly overlap?: "allow" | "skip" | "cancel";
  /**
   * Puts off each occurrence by up to this long, so that not everything starts at one moment. How long depends on the
   * schedule and the instant alone. Default: nothing.
   */
  readonly jitter?: Duration;
  /** The queue of its jobs, by its name in the application. This and what follows: default the task's. */
  readonly queue?: string;
  readonly priority?: Priority;
  readonly maxRetries?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

export const TIMING_KEYS = ["cron", "every", "starting", "schedule", "timezone", "dst"] as const;
export const SETTING_KEYS = [
  "id",
  "enabled",
  "misfire",
  "overlap",
  "jitter",
  "queue",
  "priority",
  "maxRetries",
  "headers",
] as const satisfies readonly (keyof ScheduleSettings)[];
