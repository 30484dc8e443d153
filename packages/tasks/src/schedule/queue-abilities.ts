import { type QueueCapabilities, UnsupportedError } from "@lexigram/contracts";
import type { QueueSet } from "../dispatch/queue-set.ts";
import type { SchedulePlan } from "./schedule-plan.ts";

export const DEFAULT_QUEUE = "default";

/** The queue of a schedule's jobs, by its name in the application. */
export function queueNameOf({ options }: SchedulePlan): string {
  return options.queue ?? DEFAULT_QUEUE;
}

/**
 * What its queue cannot do would fail at each occurrence.
 *
 * @throws QueueNotFoundError; UnsupportedError.
 */
export function requireAbilities(plan: SchedulePlan, queues: QueueSet): void {
  const { queue } = queues.get(queueNameOf(plan));
  const missing = needed(plan).find((ability) => !queue.capabilities[ability]);
  if (missing === undefined) return;
  throw new UnsupportedError(
    { subject: `queue "${queue.name}"`, capability: missing },
    { hint: `overlap needs lookup and cancel, jitter needs delay: see schedule "${plan.id}"` },
  );
}

function needed({ overlap, jitterMs }: SchedulePlan): (keyof QueueCapabilities)[] {
  return [
    ...(overlap === "allow" ? [] : (["lookup"] as const)),
    ...(overlap === "cancel" ? (["cancel"] as const) : []),
    ...(jitterMs > 0 ? (["delay"] as const) : []),
  ];
}
