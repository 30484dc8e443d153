/** `starting` and `unknown` say that nothing is known yet; neither counts as ready. */
export type HealthStatus = "healthy" | "degraded" | "unhealthy" | "unknown" | "starting";

/** What a check answers for: may the process stay alive, may it take traffic, has it come up. */
export type HealthCategory = "liveness" | "readiness" | "startup";

/** What one component says of itself. Must hold no secrets: it is shown to whoever may ask for health. */
export interface HealthCheckResult {
  readonly component: string;
  readonly status: HealthStatus;
  readonly message?: string;
  /** What the check cost, in milliseconds. */
  readonly durationMs?: number;
  /** Epoch milliseconds. */
  readonly checkedAt?: number;
  readonly category?: HealthCategory;
  readonly details?: Readonly<Record<string, unknown>>;
}

const SEVERITY: readonly HealthStatus[] = ["healthy", "starting", "unknown", "degraded", "unhealthy"];

/** The worst of several statuses; `unknown` of none. */
export function worstHealth(statuses: Iterable<HealthStatus>): HealthStatus {
  let worst = -1;
  for (const status of statuses) worst = Math.max(worst, SEVERITY.indexOf(status));
  return SEVERITY[worst] ?? "unknown";
}
