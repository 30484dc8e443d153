import type { TaskQueueProtocol } from "@lexigram/contracts";
import type { TaskDispatcher } from "../dispatch/task-dispatcher.ts";
import type { CodecRegistry } from "../job/codec-registry.ts";
import type { Ended, FrameEnd } from "./frame.ts";
import { asJson } from "./plan.ts";
import { type Child, childPath } from "./plan-place.ts";
import { endId, stepId, tickId } from "./workflow-jobs.ts";
import type { FrameRecord } from "./workflow-records.ts";

/** The jobs whose ends are those of the children in a queue. */
export function idsOf(
  run: string,
  path: string,
  children: readonly Child[],
  queue: string,
  home: string,
): string[] {
  return children
    .filter(({ node }) => (node.kind === "task" ? node.queue : home) === queue)
    .map((child) => idOf(run, path, child));
}

const AT_ONCE = 500;
const CANCELS = 50;

/** The job whose end is that of a child. */
function idOf(run: string, path: string, { node, at }: Child): string {
  return node.kind === "task" ? stepId(run, path, at) : endId(run, childPath(path, at));
}

/** How children ended, in their order. All of them have, and their records are kept until the caller's job is over. */
export async function collect(
  run: string,
  path: string,
  children: readonly Child[],
  queue: TaskQueueProtocol,
  codecs: CodecRegistry,
): Promise<Ended[]> {
  const ends: Ended[] = [];
  for (let from = 0; from < children.length; from += AT_ONCE) {
    const some = children.slice(from, from + AT_ONCE);
    const outcomes = await queue.results(some.map((child) => idOf(run, path, child)));
    for (const [i, child] of some.entries()) {
      const outcome = outcomes[i];
      const { status, error, result } = outcome ?? { status: "unknown" };
      if (status !== "completed") {
        ends.push({ ok: false, error: error ?? { name: "Error", message: `its job is ${status}` } });
        continue;
      }
      const value: unknown = codecs.decodeValue(result);
      const data = value === undefined ? undefined : asJson(value);
      if (child.node.kind === "task") ends.push(data === undefined ? { ok: true } : { ok: true, data });
      else ends.push(endedAs(data as unknown as FrameEnd));
    }
  }
  return ends;
}

function endedAs({ status, data, error }: FrameEnd): Ended {
  return {
    ok: status === "completed",
    ...(data === undefined ? {} : { data }),
    ...(error === undefined ? {} : { error }),
  };
}

/**
 * Cancels what a frame waits for: the jobs that would go on, since some of what they wait for will never come, and the
 * children that are single jobs. Workflows inside see to themselves.
 */
export async function cancelFrame(
  run: string,
  path: string,
  { tick, queues }: FrameRecord,
  children: readonly Child[],
  dispatcher: TaskDispatcher,
): Promise<void> {
  const handles = queues.map((queue, k) => dispatcher.handle(queue, tickId(run, path, tick, k)));
  for (const child of children)
    if (child.node.kind === "task") handles.push(dispatcher.handle(child.node.queue, idOf(run, path, child)));
  for (let from = 0; from < handles.length; from += CANCELS)
    await Promise.all(handles.slice(from, from + CANCELS).map((handle) => handle.cancel()));
}
