import {
  type Clock,
  type HealthCategory,
  type HealthCheckResult,
  type HealthStatus,
  redact,
  worstHealth,
} from "@lexigram/contracts";

/** What a check reports; the registry fills in what is missing. */
export type HealthCheck = () => HealthReport | Promise<HealthReport>;
export type HealthReport = Partial<HealthCheckResult> & { readonly status: HealthStatus };

export interface HealthCheckOptions {
  /** Milliseconds until a silent check counts as unhealthy. Default: what the caller of `run` says, 5,000. */
  readonly timeoutMs?: number;
  /** Whether the whole is unhealthy with it; otherwise it is degraded. Default true. */
  readonly critical?: boolean;
  /** Default `"readiness"`. */
  readonly category?: HealthCategory;
}

/** The health of everything that was asked. */
export interface AggregateHealth {
  /** The worst of all; `unknown` of none. */
  readonly status: HealthStatus;
  readonly checks: readonly HealthCheckResult[];
  readonly durationMs: number;
  /** Epoch milliseconds. */
  readonly checkedAt: number;
}

interface Registered extends HealthCheckOptions {
  readonly name: string;
  readonly check: HealthCheck;
}

export const DEFAULT_HEALTH_TIMEOUT_MS = 5_000;

/** The checks of one application. Safe to run at any time, several at once as well. */
export class HealthRegistry {
  readonly #checks = new Set<Registered>();
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @returns takes the check back. */
  add(name: string, check: HealthCheck, options: HealthCheckOptions = {}): () => void {
    const registered: Registered = { ...options, name, check };
    this.#checks.add(registered);
    return () => void this.#checks.delete(registered);
  }

  /**
   * Runs the checks, all at once. One that throws or stays silent is unhealthy; this never rejects.
   *
   * @param category only checks of this category; all when it is left out.
   * @param timeoutMs for checks without a timeout of their own.
   */
  async run(
    category?: HealthCategory,
    timeoutMs: number = DEFAULT_HEALTH_TIMEOUT_MS,
  ): Promise<AggregateHealth> {
    const started = this.#clock.monotonic();
    const checkedAt = this.#clock.now();
    const asked = [...this.#checks].filter((one) => category === undefined || categoryOf(one) === category);
    const checks = await Promise.all(asked.map((one) => this.#ask(one, timeoutMs)));
    const status = worstHealth(checks.map((result, index) => weigh(result.status, asked[index]!)));
    return { status, checks, durationMs: this.#clock.monotonic() - started, checkedAt };
  }

  async #ask(registered: Registered, timeoutMs: number): Promise<HealthCheckResult> {
    const started = this.#clock.monotonic();
    const checkedAt = this.#clock.now();
    const report = await this.#report(registered.check, registered.timeoutMs ?? timeoutMs);
    return {
      component: registered.name,
      category: categoryOf(registered),
      checkedAt,
      durationMs: this.#clock.monotonic() - started,
      ...report,
    };
  }

  #report(check: HealthCheck, timeoutMs: number): Promise<HealthReport> {
    return new Promise((resolve) => {
      const timer = this.#clock.setTimer(
        () => resolve({ status: "unhealthy", message: `no answer within ${timeoutMs} ms` }),
        timeoutMs,
        { keepAlive: false },
      );
      const settle = (report: HealthReport): void => {
        timer.cancel();
        resolve(report);
      };
      settleWith(check, settle);
    });
  }
}

function settleWith(check: HealthCheck, settle: (report: HealthReport) => void): void {
  const failed = (error: unknown): void =>
    settle({ status: "unhealthy", message: redact(error instanceof Error ? error.message : String(error)) });
  try {
    Promise.resolve(check()).then(settle, failed);
  } catch (error) {
    failed(error);
  }
}

const categoryOf = (registered: Registered): HealthCategory => registered.category ?? "readiness";

function weigh(status: HealthStatus, { critical }: Registered): HealthStatus {
  return status === "unhealthy" && critical === false ? "degraded" : status;
}
