import { nearest, TaskConfigError } from "@lexigram/contracts";
import type { SharedLimit } from "../limit/shared-limits.ts";
import { bucketFrom } from "./queue-policy-options.ts";
import type { TaskConfigOptions } from "./task-config-options.ts";

/** The name of the limit that `rateLimit` sets over all queues. */
const GLOBAL_LIMIT = "tasks";
const DEFAULT_RATE = 100;

/**
 * The limits over several queues.
 *
 * @param queues names of the queues there are.
 * @throws TaskConfigError for one that limits nothing, and one that names a queue which is not there.
 */
export function sharedLimits(options: TaskConfigOptions, queues: readonly string[]): SharedLimit[] {
  const found: SharedLimit[] = [];
  const { enabled = false, rate = DEFAULT_RATE, ...rest } = options.rateLimit ?? {};
  if (enabled)
    found.push({
      name: GLOBAL_LIMIT,
      queues: undefined,
      rate: bucketFrom({ rate, ...rest }),
      concurrency: undefined,
    });
  for (const [name, limit] of Object.entries(options.limits ?? {})) {
    const path = `tasks.limits.${name}`;
    if (limit.rate === undefined && limit.concurrency === undefined)
      throw new TaskConfigError(
        `${path} limits nothing`,
        { path },
        { hint: "give it a concurrency, a rate, or both" },
      );
    if (name === GLOBAL_LIMIT && enabled)
      throw new TaskConfigError(
        `${path} has the name of the limit that rateLimit sets`,
        { path },
        { hint: "give it another name" },
      );
    const unknown = limit.queues?.find((queue) => !queues.includes(queue));
    if (unknown !== undefined) {
      const near = nearest(unknown, queues);
      throw new TaskConfigError(
        `${path}.queues names no queue: there is no "${unknown}"`,
        { path: `${path}.queues` },
        { hint: near === undefined ? `queues: ${queues.join(", ")}` : `did you mean "${near}"?` },
      );
    }
    found.push({
      name,
      queues: limit.queues,
      rate: limit.rate === undefined ? undefined : bucketFrom(limit.rate),
      concurrency: limit.concurrency,
    });
  }
  return found;
}
