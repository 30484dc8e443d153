import {
  type DeadLetterReason,
  type JobId,
  RemoteTaskError,
  type SerializedError,
  type TaskEventName,
  type TaskEvents,
} from "@lexigram/contracts";
import type { TaskRelay } from "../events/task-emitter.ts";
import type { TaskRuntime } from "../lifecycle/task-runtime.ts";
import { eventLoopTurn } from "./event-loop-turn.ts";
import type { TestClock } from "./test-clock.ts";

export interface DrainOptions {
  /**
   * Also run delayed jobs and retries, by moving the clock to where they are due; a handler that keeps waiting reaches
   * its time limit. Default false.
   */
  readonly followDelays?: boolean;
  /** Throw when a job fails for good. Default false: the report tells. */
  readonly throwOnFailure?: boolean;
}

/** A job that failed for good while a test drained. */
export interface DrainFailure {
  readonly jobId: JobId;
  readonly task: string;
  readonly reason: DeadLetterReason;
  readonly error: SerializedError;
}

/** What ran. */
export interface DrainReport {
  readonly completed: number;
  /** Jobs that failed for good; each is listed in `failures`. */
  readonly failed: number;
  /** Attempts that failed and will be repeated. */
  readonly retried: number;
  readonly cancelled: number;
  readonly failures: readonly DrainFailure[];
  /** What did not run: due but held back by a limit or a pause, delayed, or waiting for other jobs. */
  readonly left: { readonly pending: number; readonly scheduled: number; readonly waiting: number };
}

/** Counts what happens to jobs, and lets one wait for the next end of an attempt. */
class Tally implements TaskRelay {
  completed = 0;
  retried = 0;
  cancelled = 0;
  readonly failures: DrainFailure[] = [];
  #waiting: (() => void)[] = [];

  wants(event: TaskEventName): boolean {
    return event.startsWith("task.");
  }

  tell<E extends TaskEventName>(event: E, payload: TaskEvents[E]): void {
    if (event === "task.completed") this.completed++;
    else if (event === "task.retried") this.retried++;
    else if (event === "task.cancelled") this.cancelled++;
    else if (event === "task.dead") {
      const { jobId, taskName: task, reason, error } = payload as TaskEvents["task.dead"];
      this.failures.push({ jobId, task, reason, error });
    }
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  /** The next thing that happens to a job. */
  next(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}

interface Standing {
  pending: number;
  running: number;
  scheduled: number;
  waiting: number;
}

async function standingOf(runtime: TaskRuntime): Promise<Standing> {
  const standing = { pending: 0, running: 0, scheduled: 0, waiting: 0 };
  for (const { queue, consume } of runtime.queues.all()) {
    if (!consume) continue;
    const { counts } = await queue.stats();
    for (const state of ["pending", "running", "scheduled", "waiting"] as const)
      standing[state] += counts[state];
  }
  return standing;
}

/** Turns of the event loop that running handlers get for what they do outside, before the clock overtakes them. */
const OUTSIDE_TURNS = 20_000;

/** Moves the clock from timer to timer until something happens to a job; false when no timer is left. */
async function moveOn(clock: TestClock, tally: Tally, running: number): Promise<boolean> {
  let happened = false;
  void tally.next().then(() => (happened = true));
  for (let turns = 0; running > 0 && !happened && turns < OUTSIDE_TURNS; turns++) await eventLoopTurn();
  while (!happened) {
    const ms = clock.nextTimerInMs;
    if (ms === undefined) return false;
    await clock.advance(ms);
  }
  return true;
}

/**
 * Runs workers until no job is ready any more, those that running jobs enqueue included. A handler that waits for the
 * clock, or for the outside world, is waited for.
 *
 * @throws RemoteTaskError for the first job that failed for good, with `throwOnFailure`.
 */
export async function drain(
  runtime: TaskRuntime,
  clock: TestClock,
  options: DrainOptions = {},
): Promise<DrainReport> {
  const { pool, emitter } = runtime;
  const tally = new Tally();
  using _relay = emitter.relay(tally);
  const started = !pool.running;
  if (started) await pool.start();
  let standing: Standing;
  try {
    standing = await run(runtime, clock, tally, options.followDelays ?? false);
  } finally {
    if (started) await pool.stop();
  }
  const [first] = tally.failures;
  if (first !== undefined && options.throwOnFailure === true)
    throw new RemoteTaskError({ jobId: first.jobId, error: first.error });
  const { completed, retried, cancelled, failures } = tally;
  const { pending, scheduled, waiting } = standing;
  return {
    completed,
    failed: failures.length,
    retried,
    cancelled,
    failures,
    left: { pending, scheduled, waiting },
  };
}

async function run(
  runtime: TaskRuntime,
  clock: TestClock,
  tally: Tally,
  followDelays: boolean,
): Promise<Standing> {
  for (;;) {
    await clock.settle();
    const standing = await standingOf(runtime);
    if (followDelays && standing.pending + standing.running + standing.scheduled > 0) {
      if (await moveOn(clock, tally, standing.running)) continue;
      return standing;
    }
    if (standing.running === 0) return standing;
    await tally.next();
  }
}
