import {
  type Duration,
  milliseconds,
  refuseUnknownOptions,
  TaskConfigError,
  told,
} from "@lexigram/contracts";

/** @throws TaskConfigError for what is no object, an unknown option, and a reason that is no text. */
function reasonOf(
  owner: string,
  options: { readonly reason?: string },
  known: readonly string[],
  otherwise: string,
): string {
  refuseUnknownOptions(owner, options, known);
  const { reason = otherwise } = options;
  if (typeof reason === "string") return reason;
  throw new TaskConfigError(
    `reason of ${owner} must be a text, not ${told(reason)}`,
    { path: "reason" },
    { hint: "say in words why, or leave it out" },
  );
}

/**
 * Thrown by a handler: run this job again later, whatever the rules for its errors say.
 *
 * With `countAttempt` (the default) the run uses up an attempt, and the last one sends the job to the dead letters.
 * Without it the run is a deferral, of which a job has `maxDeferrals` (default 100).
 */
export class RetryTask extends Error {
  /** Milliseconds; `undefined`: the task's backoff. */
  readonly delayMs: number | undefined;
  readonly countAttempt: boolean;
  readonly reason: string;

  /** @throws InvalidDurationError for a delay that is none, TaskConfigError for other options that are wrong. */
  constructor(
    options: { readonly delay?: Duration; readonly countAttempt?: boolean; readonly reason?: string } = {},
  ) {
    super(
      reasonOf(
        "RetryTask",
        options,
        ["delay", "countAttempt", "reason"],
        "the handler asked for another attempt",
      ),
    );
    this.name = "RetryTask";
    this.delayMs = options.delay === undefined ? undefined : milliseconds(options.delay);
    this.countAttempt = options.countAttempt ?? true;
    this.reason = this.message;
  }
}

/**
 * Thrown by a handler: this job is not for it. It goes to the dead letters without another attempt; with `requeue`
 * it is put back for another worker instead, after a second at least, and the run counts as an attempt.
 */
export class RejectTask extends Error {
  readonly requeue: boolean;
  /** Milliseconds; `undefined`: the task's backoff. */
  readonly delayMs: number | undefined;
  readonly reason: string;

  /** @throws InvalidDurationError for a delay that is none, TaskConfigError for other options that are wrong. */
  constructor(
    options: { readonly requeue?: boolean; readonly delay?: Duration; readonly reason?: string } = {},
  ) {
    super(reasonOf("RejectTask", options, ["requeue", "delay", "reason"], "the handler rejected it"));
    this.name = "RejectTask";
    this.requeue = options.requeue ?? false;
    this.delayMs = options.delay === undefined ? undefined : milliseconds(options.delay);
    this.reason = this.message;
  }
}

/** Thrown by a handler: forget this job. It ends as cancelled, without a dead letter; a waiter is told. */
export class DiscardTask extends Error {
  readonly reason: string;

  constructor(options: { readonly reason?: string } = {}) {
    super(reasonOf("DiscardTask", options, ["reason"], "the handler discarded it"));
    this.name = "DiscardTask";
    this.reason = this.message;
  }
}
