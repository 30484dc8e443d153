import { type TaskQueueProtocol, UnsupportedError } from "@lexigram/contracts";

/** Makes a queue one that keeps no results, and perhaps cannot be asked for a job. */
export function resultless(queue: TaskQueueProtocol, lookup: boolean): TaskQueueProtocol {
  const refused = (): never => {
    throw new UnsupportedError({ subject: "the queue", capability: "results" });
  };
  return Object.defineProperties(queue, {
    capabilities: { value: { ...queue.capabilities, results: false, lookup } },
    results: { value: refused },
    onSettled: { value: refused },
    ...(lookup ? {} : { getJob: { value: refused } }),
  });
}
