import { type QueueCapabilities, type StateStoreProtocol, UnsupportedError } from "@lexigram/contracts";
import type { QueueSet } from "../dispatch/queue-set.ts";

const NEEDED = [
  "dependencies",
  "results",
  "lookup",
  "unique",
  "cancel",
] as const satisfies readonly (keyof QueueCapabilities)[];
const MEMORY = "memory";
const HINT =
  "bind the queues of its steps to redis, postgres or memory, or execute the workflow in this process";

/**
 * What a queue cannot do would leave a workflow standing still.
 *
 * @param state where workflows are kept, when that is to be judged.
 * @throws QueueNotFoundError; UnsupportedError naming the queue and what it lacks.
 */
export function requireQueues(
  names: readonly string[],
  queues: QueueSet,
  state: StateStoreProtocol | undefined,
  eager: boolean,
): void {
  if (eager)
    throw new UnsupportedError(
      { subject: "an application whose jobs run where they are enqueued", capability: "dependencies" },
      { hint: "leave out eager, or execute the workflow in this process" },
    );
  for (const name of names) {
    const { queue, backend } = queues.get(name);
    const missing = NEEDED.find((ability) => !queue.capabilities[ability]);
    if (missing !== undefined)
      throw new UnsupportedError({ subject: `queue "${name}"`, capability: missing }, { hint: HINT });
    if (backend.type !== MEMORY && state !== undefined && !outlives(state, queues))
      throw new UnsupportedError(
        {
          subject: `the state of workflows, whose jobs are in queue "${name}" of type ${backend.type},`,
          capability: "state",
        },
        {
          hint: 'keep state where it outlives the process: make a queue on redis or postgres the primary, or name one in "state" of the primary',
        },
      );
  }
}

/** Whether a state is that of a store which is more than this process. */
function outlives(state: StateStoreProtocol, queues: QueueSet): boolean {
  return queues.all().some(({ backend }) => backend.type !== MEMORY && backend.state === state);
}
