import { DuplicateTaskError, JobNotFoundError, QueueFullError } from "@lexigram/contracts";
import type { EnqueueOptions } from "../dispatch/enqueue-options.ts";
import type { TaskDispatcher } from "../dispatch/task-dispatcher.ts";
import { type Child, childPath } from "./plan-place.ts";
import type { TaskNode } from "./plan.ts";
import { asPayload, once, stepId, tickId, WORKFLOW_TASK, type WorkflowJob } from "./workflow-jobs.ts";
import type { FrameRecord } from "./workflow-records.ts";

export interface FanOut {
  readonly dispatcher: TaskDispatcher;
  readonly run: string;
  readonly path: string;
  readonly record: FrameRecord;
  readonly children: readonly Child[];
  readonly home: string;
  readonly signal: AbortSignal;
}

interface Entry {
  readonly task: string;
  readonly input?: unknown;
  readonly options: EnqueueOptions;
}

/** Children of one call, so that what asks the process to stop is heard in between. */
const CHUNK = 1_000;

/** The queues that hold jobs of children, each once. */
export function queuesOf(children: readonly Child[], home: string): string[] {
  return [...new Set(children.map((child) => queueOf(child, home)))].toSorted();
}

const queueOf = ({ node }: Child, home: string): string => (node.kind === "task" ? node.queue : home);

/**
 * Enqueues, for each queue, the job that goes on when all children there have ended, then the children. What is there
 * already, or was, is left alone.
 *
 * @throws QueueFullError when a queue has no room, QueueUnavailableError and what else is to be tried again.
 */
export async function fanOut({
  dispatcher,
  run,
  path,
  record,
  children,
  home,
  signal,
}: FanOut): Promise<void> {
  const { tick, queues } = record;
  for (const [k, queue] of queues.entries()) {
    const own = children.filter((child) => queueOf(child, home) === queue);
    const next = tickId(run, path, tick, k);
    const goesOn = tickEntry({ op: "tick", run, path, tick, k }, next, queue, {
      barrier: { size: own.length },
    });
    await accepted(dispatcher, [goesOn]);
    for (let from = 0; from < own.length; from += CHUNK) {
      signal.throwIfAborted();
      const entries = own.slice(from, from + CHUNK).map((child) => childEntry(run, path, child, queue, next));
      await accepted(dispatcher, entries);
    }
  }
}

function childEntry(run: string, path: string, child: Child, queue: string, notifies: string): Entry {
  const { node, at, input } = child;
  if (node.kind === "task") return stepEntry(node, child, stepId(run, path, at), queue, notifies);
  const own = childPath(path, at);
  const job: WorkflowJob = { op: "tick", run, path: own, tick: 0, k: 0, input, notifies };
  return tickEntry(job, tickId(run, own, 0, 0), queue);
}

function stepEntry(node: TaskNode, child: Child, id: string, queue: string, notifies: string): Entry {
  const { value } = node.input ?? child.input;
  return {
    task: node.task,
    ...(value === undefined ? {} : { input: value }),
    options: once(id, queue, { ...node.options, notifies }),
  };
}

function tickEntry(job: WorkflowJob, id: string, queue: string, more?: EnqueueOptions): Entry {
  return { task: WORKFLOW_TASK, input: asPayload(job), options: once(id, queue, more) };
}

/** A job that is refused for good is stood for by one that says so, since its end is waited for. */
async function accepted(dispatcher: TaskDispatcher, entries: readonly Entry[]): Promise<void> {
  const results = await dispatcher.enqueueMany(entries);
  const standIns: Entry[] = [];
  for (const [i, result] of (results as readonly { ok: boolean; error?: Error }[]).entries()) {
    const { error } = result;
    // Without whom to notify: that job is over, and with it what was waited for.
    if (error === undefined || error instanceof DuplicateTaskError || error instanceof JobNotFoundError)
      continue;
    const { options, task } = entries[i] as Entry;
    if (error instanceof QueueFullError || task === WORKFLOW_TASK) throw error;
    const { id = "", queue = "", notifies } = options;
    const input = asPayload({ op: "refused", run: id, reason: error.message });
    standIns.push({
      task: WORKFLOW_TASK,
      input,
      options: once(id, queue, notifies === undefined ? {} : { notifies }),
    });
  }
  if (standIns.length > 0) await accepted(dispatcher, standIns);
}
