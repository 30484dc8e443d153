import type { QueuePolicy } from "@lexigram/contracts";
import type { ConsumedQueue } from "./consumed-queue.ts";

/**
 * Whether jobs of a queue may be claimed beyond the free slots: not where its rules let the store refuse jobs, so
 * that one held ready would keep another back, nor where the store cannot tell such a delivery from a started one.
 * Never rejects.
 *
 * @param isUnderOthers whether limits over several queues hold for it.
 */
export async function mayClaimAhead(
  { queue, concurrency, policy, breaker }: ConsumedQueue,
  isUnderOthers: boolean,
): Promise<boolean> {
  const { started, limits } = queue.capabilities;
  if (!started || concurrency !== undefined || hasLimits(policy)) return false;
  if (isUnderOthers || breaker !== undefined) return false;
  if (!limits) return true;
  try {
    return !hasLimits(await queue.getPolicy());
  } catch {
    // The exchange will say that the store is away; until it answers, caution costs nothing.
    return false;
  }
}

function hasLimits(policy: QueuePolicy | undefined): boolean {
  if (policy === undefined) return false;
  const { concurrency, rate, perTask, perKey } = policy;
  if (concurrency !== undefined || rate !== undefined || perTask !== undefined) return true;
  return perKey?.concurrency !== undefined || perKey?.rate !== undefined || perKey?.order === "fifo";
}
