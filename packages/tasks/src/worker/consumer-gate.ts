import { LeaseLostError, serializeError } from "@lexigram/contracts";
import type { CircuitBreaker } from "../breaker/circuit-breaker.ts";
import { ClaimGate } from "../limit/claim-gate.ts";
import type { ConsumedQueue } from "./consumed-queue.ts";
import { abortRunning, type RunsAttempts } from "./consumer-ending.ts";
import type { ConsumerParts } from "./consumer-parts.ts";

/** The breaker of a queue, where its entry has one. */
export function breakerOf(binding: ConsumedQueue, { services }: ConsumerParts): CircuitBreaker | undefined {
  const { name, queue, state, breaker } = binding;
  return breaker === undefined ? undefined : services.breakers.ofQueue(name, queue.name, breaker, state);
}

/** What stands before the claims of a queue; nothing for most. */
export function gateOf(
  binding: ConsumedQueue,
  parts: ConsumerParts,
  consumer: RunsAttempts & { readonly breaker: CircuitBreaker | undefined },
  leases: () => number,
): ClaimGate | undefined {
  const { services, activity, host } = parts;
  const { breaker } = consumer;
  const tolls = services.sharedLimits?.of(binding.name);
  if (tolls === undefined && breaker === undefined) return undefined;
  const { clock, logger } = services;
  return new ClaimGate({
    queue: binding.queue,
    clock,
    activity,
    tolls,
    breaker,
    leases,
    onReady: () => host.pump(),
    onError: (error) =>
      logger.warn("what limits the claims of a queue did not answer; nothing is claimed meanwhile", {
        queue: binding.name,
        error: serializeError(error),
      }),
    onLost: () => {
      logger.warn("permits over several queues were lost: what runs is handed back", { queue: binding.name });
      abortRunning(consumer, new LeaseLostError({ queue: binding.name, jobId: "" }));
    },
  });
}
