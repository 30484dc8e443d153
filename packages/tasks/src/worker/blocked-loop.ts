import type { HealthCheckResult } from "@lexigram/contracts";
import type { BlockReport } from "../keeper/side-keeper.ts";
import type { QueueConsumer } from "./queue-consumer.ts";
import type { WorkerServices } from "./worker-services.ts";
import type { WorkerSettings } from "./worker-settings.ts";

/** Task names in one report, at most. */
const MAX_NAMES = 20;
/** Signs of life after which a process that stood still for too long counts as well again. */
const BEATS_UNTIL_WELL = 6;

const MESSAGES = {
  kept: "the event loop was blocked; leases were renewed meanwhile",
  "given-up": "the event loop was blocked for longer than its attempt may take: leases were given up",
  "at-risk": "the event loop was blocked, so leases may have been lost",
} as const;

/** Tells that the event loop stood still, once it turns again: whose doing it was, and what became of the leases. */
export class BlockedLoop {
  readonly #services: WorkerServices;
  readonly #settings: WorkerSettings;
  /** Tasks whose attempts ended lately and took suspiciously long. */
  readonly #slow = new Set<string>();
  #gaveUp: { readonly blockedMs: number; readonly at: number } | undefined;

  constructor(services: WorkerServices, settings: WorkerSettings) {
    this.#services = services;
    this.#settings = settings;
  }

  /** An attempt ended. */
  ended(taskName: string, durationMs: number): void {
    if (durationMs >= this.#settings.leaseMs / 3 && this.#slow.size < MAX_NAMES) this.#slow.add(taskName);
  }

  /** What ended so far has nothing to do with what comes. */
  forget(): void {
    this.#slow.clear();
  }

  /** @param consumers whose attempts may have had to do with it. */
  report({ blockedMs, culprit, leases }: BlockReport, consumers: readonly QueueConsumer[]): void {
    const { clock, emitter, logger } = this.#services;
    const tasks = new Set(this.#slow);
    for (const consumer of consumers)
      for (const attempt of consumer.attempts()) if (tasks.size < MAX_NAMES) tasks.add(attempt.taskName);
    if (leases === "given-up") this.#gaveUp = { blockedMs, at: clock.monotonic() };
    const facts = { blockedMs, ...culprit, tasks: [...tasks], leases };
    if (this.#settings.onBlocked !== "ignore")
      logger[leases === "given-up" ? "error" : "warn"](MESSAGES[leases], facts);
    emitter.emit("worker.blocked", facts);
  }

  /** Nothing while all is well: for a while after the loop stood still beyond what its attempt was allowed. */
  health(): Pick<HealthCheckResult, "status" | "message"> | undefined {
    const { heartbeatMs } = this.#settings;
    if (this.#gaveUp === undefined) return undefined;
    if (this.#services.clock.monotonic() - this.#gaveUp.at >= BEATS_UNTIL_WELL * heartbeatMs) {
      this.#gaveUp = undefined;
      return undefined;
    }
    const { blockedMs } = this.#gaveUp;
    return {
      status: "unhealthy",
      message: `the event loop was blocked for ${blockedMs} ms, and leases were given up`,
    };
  }
}
