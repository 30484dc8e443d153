import type { SerializedError } from "../errors/serialized-error.ts";
import type { Body, DeadLetterReason, JobRecord } from "./job.ts";

declare const receipt: unique symbol;

/**
 * The right to finish one delivery, and its fencing token: fresh for each delivery, opaque to all but the backend
 * that made it.
 */
export type Receipt = string & { readonly [receipt]: true };

/** A job with its lease. */
export interface Delivery {
  readonly job: JobRecord;
  readonly receipt: Receipt;
  /** The attempt this delivery is, counted from 1: how many runs were counted before it, plus one. */
  readonly attempt: number;
  /** How often a started attempt of this job lost its worker. */
  readonly recoveries: number;
  /** How often it was retried without counting an attempt. */
  readonly deferrals: number;
  /** The length of the lease in milliseconds, on the worker's monotonic clock from the moment the claim was sent. */
  readonly leaseMs: number;
  /** Whether the store counts the attempt as started; a delivery claimed ahead is not, until it is named in `started`. */
  readonly started: boolean;
}

/** What became of an attempt. */
export type Settlement = { readonly receipt: Receipt } & (
  | { readonly kind: "complete"; readonly result?: Body }
  | {
      readonly kind: "retry";
      /** Milliseconds from the moment the store applies it. */
      readonly delayMs: number;
      /** False: the run does not use up an attempt; it is counted as a deferral. */
      readonly countAttempt: boolean;
      readonly error: SerializedError;
    }
  /** To the dead letters. `reason` defaults to `failed`. */
  | { readonly kind: "fail"; readonly error: SerializedError; readonly reason?: DeadLetterReason }
  /** Ends as cancelled; `error` tells a waiter why. */
  | { readonly kind: "cancel"; readonly error?: SerializedError }
  /** Handed back as it was: no attempt, no recovery is counted, and it returns to the head of its line. */
  | { readonly kind: "release"; readonly delayMs: number }
);
