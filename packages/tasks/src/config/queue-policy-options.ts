import {
  type Bucket,
  type Duration,
  milliseconds,
  type QueuePolicy,
  type Retention,
} from "@lexigram/contracts";
import { bucketOf, type RateOptions } from "../limit/rate.ts";

/** How long terminal jobs are kept: by age and by count, whichever is reached first. 0 keeps none. */
export type RetentionOptions = 0 | { readonly age?: Duration; readonly count?: number };

export interface LimitOptions {
  /** Attempts that run at once over all processes, at most. */
  readonly concurrency?: number;
  readonly rate?: RateOptions;
}

/** Rules that the store judges over all processes. */
export interface QueuePolicyOptions extends LimitOptions {
  /** Limits of single tasks, by name. */
  readonly perTask?: Readonly<Record<string, LimitOptions>>;
  /** Rules for each key of keyed jobs by itself. */
  readonly perKey?: LimitOptions & {
    /** `"fifo"`: a job starts only when every earlier one of its key has ended. Default `"any"`. */
    readonly order?: "fifo" | "any";
    /** Take turns between the keys of a priority level. Default false. */
    readonly fair?: boolean;
    /** With `"fifo"`: whether a dead letter lets its key go on (default) or holds it. */
    readonly onFailure?: "continue" | "block";
  };
}

/** A limit over several queues. */
export interface SharedLimitOptions extends LimitOptions {
  /** Names of queues of the application. Default: all. */
  readonly queues?: readonly string[];
}

/** A retention with the parts that are not given taken from another. */
export function retentionOf(options: RetentionOptions, defaults: Exclude<Retention, 0>): Retention {
  if (options === 0) return 0;
  return {
    ageMs: options.age === undefined ? defaults.ageMs : milliseconds(options.age),
    count: options.count ?? defaults.count,
  };
}

/** A rate of the configuration, whose schema has checked it. */
export function bucketFrom(options: RateOptions): Bucket {
  return bucketOf(options, options.per === undefined ? 1_000 : milliseconds(options.per));
}

function limitOf(options: LimitOptions): { concurrency?: number; rate?: Bucket } {
  return {
    ...(options.concurrency === undefined ? {} : { concurrency: options.concurrency }),
    ...(options.rate === undefined ? {} : { rate: bucketFrom(options.rate) }),
  };
}

/** The rules as the store takes them. */
export function policyOf(options: QueuePolicyOptions): QueuePolicy {
  const { perTask, perKey } = options;
  return {
    ...limitOf(options),
    ...(perTask === undefined
      ? {}
      : {
          perTask: Object.fromEntries(Object.entries(perTask).map(([task, limit]) => [task, limitOf(limit)])),
        }),
    ...(perKey === undefined
      ? {}
      : {
          perKey: {
            ...limitOf(perKey),
            ...(perKey.order === undefined ? {} : { order: perKey.order }),
            ...(perKey.fair === undefined ? {} : { fair: perKey.fair }),
            ...(perKey.onFailure === undefined ? {} : { onFailure: perKey.onFailure }),
          },
        }),
  };
}
