import { type Clock, type HealthCategory, type HealthCheckResult, worstHealth } from "@lexigram/contracts";
import type { AggregateHealth, HealthRegistry } from "./health.ts";

/** As much of an application as its health depends on. */
export interface HealthSubject {
  readonly name: string;
  readonly state: string;
  readonly healthChecks: HealthRegistry;
}

/** The application's own word first, then its checks, which are asked only while it runs. */
export async function applicationHealth(
  subject: HealthSubject,
  clock: Clock,
  category: HealthCategory | undefined,
  timeoutMs: number,
): Promise<AggregateHealth> {
  const isRunning = subject.state === "running";
  const own: HealthCheckResult = {
    component: subject.name,
    status: isRunning ? "healthy" : "unhealthy",
    message: `the application is ${subject.state}`,
  };
  if (!isRunning) return { status: own.status, checks: [own], durationMs: 0, checkedAt: clock.now() };
  const result = await subject.healthChecks.run(category, timeoutMs);
  const status = result.checks.length === 0 ? own.status : worstHealth([own.status, result.status]);
  return { ...result, status, checks: [own, ...result.checks] };
}
