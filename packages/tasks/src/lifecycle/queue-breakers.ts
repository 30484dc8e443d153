import type { CircuitBreakers } from "../breaker/circuit-breakers.ts";
import type { QueueBinding } from "../dispatch/queue-binding.ts";

/** Lets the statistics of a queue tell where its breaker stands. */
export function withBreaker(binding: QueueBinding, breakers: CircuitBreakers): void {
  const { name, queue, state, breaker: rule } = binding;
  if (rule === undefined) return;
  const breaker = breakers.ofQueue(name, queue.name, rule, state);
  const stats = queue.stats.bind(queue);
  queue.stats = async () => ({ ...(await stats()), breaker: await breaker.look() });
}
