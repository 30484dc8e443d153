import {
  type Clock,
  isTerminal,
  type JobId,
  type JobOutcome,
  type QueueReplies,
  ResultUnavailableError,
  type TaskQueueProtocol,
} from "@lexigram/contracts";
import { type WaitOptions, WaiterHub } from "./waiter-hub.ts";

const POLL_MS = 1_000;

/** By queue object, then by clock: who waits on one queue shares its subscriptions and reads. */
const hubs = new WeakMap<TaskQueueProtocol, WeakMap<Clock, WaiterHub<JobOutcome>>>();

/** As {@link hubs}, of outcomes that come to whoever enqueued the job. */
const replyHubs = new WeakMap<QueueReplies, WeakMap<Clock, WaiterHub<JobOutcome>>>();

/** The one hub for the outcomes of a queue object's jobs. */
export function outcomeHub(queue: TaskQueueProtocol, clock: Clock): WaiterHub<JobOutcome> {
  let byClock = hubs.get(queue);
  if (byClock === undefined) hubs.set(queue, (byClock = new WeakMap()));
  let hub = byClock.get(clock);
  if (hub === undefined) {
    hub = new WaiterHub<JobOutcome>(
      {
        subscribe: (ids, signal) => queue.onSettled(ids, signal),
        read: async (ids) => (await queue.results(ids)).map((outcome) => verdict(queue.name, outcome)),
      },
      { clock, pollMs: POLL_MS },
    );
    byClock.set(clock, hub);
  }
  return hub;
}

/**
 * Waits until a job is terminal and tells how it ended. A wait costs no timer and no subscription of its own;
 * thousands may go on at once.
 *
 * @param options `timeoutMs` in milliseconds, absent: no limit. A store that cannot be reached is asked again each
 *   second until then.
 * @throws ResultTimeoutError when the time is up; the job goes on.
 * @throws ResultUnavailableError when the queue holds no such job, or no longer.
 * @throws UnsupportedError when the queue keeps no results; ClosedError when it is closed.
 * @throws the reason of `signal` when that is aborted.
 */
export function waitForOutcome(
  queue: TaskQueueProtocol,
  id: JobId,
  options: WaitOptions & { readonly clock: Clock },
): Promise<JobOutcome> {
  return outcomeHub(queue, options.clock).wait(id, options);
}

/**
 * Waits for the outcome of a job that this process enqueued and asked to be told of; as {@link waitForOutcome}.
 *
 * @throws ResultUnavailableError at once when no outcome will come: the job was not enqueued here, or the way of its
 *   outcome is gone.
 */
export function waitForReply(
  replies: QueueReplies,
  id: JobId,
  options: WaitOptions & { readonly clock: Clock },
): Promise<JobOutcome> {
  const { clock } = options;
  let byClock = replyHubs.get(replies);
  if (byClock === undefined) replyHubs.set(replies, (byClock = new WeakMap()));
  let hub = byClock.get(clock);
  if (hub === undefined)
    byClock.set(
      clock,
      (hub = new WaiterHub<JobOutcome>(
        {
          subscribe: (ids, signal) => replies.onReply(ids, signal),
          read: (ids) => replies.read(ids),
        },
        { clock, pollMs: POLL_MS },
      )),
    );
  return hub.wait(id, options);
}

function verdict(queue: string, outcome: JobOutcome): JobOutcome | Error | undefined {
  if (outcome.status === "unknown")
    return new ResultUnavailableError(
      { jobId: outcome.id },
      {
        hint: `queue "${queue}" holds no record of this job: check the id and the queue; where records go too soon, give the task a resultTtl or raise keepCompleted of the queue`,
      },
    );
  return isTerminal(outcome.status) ? outcome : undefined;
}
