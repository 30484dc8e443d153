import type { Clock, HealthCheckResult } from "@lexigram/contracts";
import type { WorkerEngine } from "./engine.ts";

/** What the workers say of themselves. */
export function engineHealth(engine: WorkerEngine, clock: Clock): HealthCheckResult {
  const away = engine.consumers
    .filter((consumer) => !consumer.availability.available)
    .map(({ name }) => name);
  const facts = { component: "tasks.workers", checkedAt: clock.now() };
  const details = {
    slots: engine.crew.slots,
    running: engine.crew.running,
    zombies: engine.consumers.reduce((total, consumer) => total + consumer.zombies.count, 0),
    unavailable: away,
  };
  if (!engine.running) return { ...facts, status: "starting", message: "the workers do not run", details };
  const { loopHealth } = engine;
  if (loopHealth !== undefined) return { ...facts, ...loopHealth, details };
  if (away.length === 0) return { ...facts, status: "healthy", details };
  return {
    ...facts,
    status: "degraded",
    message: `no answer from the store of: ${away.join(", ")}`,
    details,
  };
}
