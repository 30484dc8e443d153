import {
  requireOptions,
  type SerializeErrorOptions,
  TaskConfigError,
  unknownKeys,
} from "@lexigram/contracts";
import { type Backoff, DEFAULT_BACKOFF } from "../retry/backoff.ts";

/** What a worker does with a job whose task has no handler here. */
export interface UnknownTaskSettings {
  /** `retry`: put off, so that a newer process may take it; `dead-letter`: given up at once. */
  readonly policy: "retry" | "dead-letter";
  readonly delayMs: number;
  /** How often it is put off before it goes to the dead letters. */
  readonly limit: number;
}

/** How workers of one process behave. All spans are milliseconds. */
export interface WorkerSettings {
  /** Length of a lease; renewed at a third. Jobs of a dead worker start again when it ends. */
  readonly leaseMs: number;
  /** How long a handler may take to stop after its signal was aborted, before its slot is given to another. */
  readonly graceMs: number;
  /** First safety poll of an empty queue; doubles up to 5 s while it stays empty. */
  readonly pollIntervalMs: number;
  /** How long a draining stop waits for running attempts. */
  readonly shutdownTimeoutMs: number;
  /** Time limit of an attempt when neither job, task nor queue names one. */
  readonly defaultTimeoutMs: number;
  /** No attempt may run longer; longer limits are cut, with one warning per task. */
  readonly maxTimeoutMs: number;
  /** Whether `defaultTimeoutMs` holds, and `maxTimeoutMs` also for tasks that ask for no limit. */
  readonly enforceTimeout: boolean;
  readonly maxRetries: number;
  readonly backoff: Backoff;
  /** Jobs claimed beyond the free slots: as many as the measured speed justifies, or a fixed number. */
  readonly prefetch: "auto" | number;
  /** Bytes of bodies claimed at once, at most. */
  readonly maxClaimBytes: number;
  readonly unknownTask: UnknownTaskSettings;
  /** The shortest wait of a job that its handler put back. */
  readonly requeueFloorMs: number;
  /** Between two signs of life. */
  readonly heartbeatMs: number;
  /** Whether a side thread renews leases while the event loop is blocked, where the backend can. */
  readonly keeper: boolean;
  /**
   * `warn`: say when the event loop was blocked for more than a third of the lease; `exit`: and end the process, while
   * it is blocked, once the blocking attempt is past its time limit and grace.
   */
  readonly onBlocked: "warn" | "ignore" | "exit";
  /** Nothing is claimed while the machine's load average of a minute is above this; `null`: no limit. */
  readonly maxLoad: number | null;
  /** Nothing is claimed while the event loop is later than this; `null`: no limit. */
  readonly maxLagMs: number | null;
  /** How long results are kept of queues that keep none themselves, unless their task says otherwise; `null`: for ever. */
  readonly resultTtlMs: number | null;
  /** How errors are turned into data. */
  readonly errors: SerializeErrorOptions;
}

export const DEFAULT_WORKER_SETTINGS: WorkerSettings = {
  leaseMs: 15_000,
  graceMs: 5_000,
  pollIntervalMs: 100,
  shutdownTimeoutMs: 30_000,
  defaultTimeoutMs: 300_000,
  maxTimeoutMs: 3_600_000,
  enforceTimeout: true,
  maxRetries: 3,
  backoff: DEFAULT_BACKOFF,
  prefetch: "auto",
  maxClaimBytes: 4 * 1024 * 1024,
  unknownTask: { policy: "retry", delayMs: 5_000, limit: 100 },
  requeueFloorMs: 1_000,
  heartbeatMs: 5_000,
  keeper: true,
  onBlocked: "warn",
  maxLoad: null,
  maxLagMs: null,
  resultTtlMs: 3_600_000,
  errors: {},
};

/** The longest safety poll of an empty queue. */
export const LONGEST_POLL_MS = 5_000;

const POSITIVE = [
  "leaseMs",
  "pollIntervalMs",
  "defaultTimeoutMs",
  "maxTimeoutMs",
  "maxClaimBytes",
  "heartbeatMs",
] as const;
const NOT_NEGATIVE = ["graceMs", "shutdownTimeoutMs", "requeueFloorMs"] as const;

/**
 * Fills in the defaults.
 *
 * @throws TaskConfigError naming the setting that is unknown or out of range.
 */
export function workerSettings(given: Partial<WorkerSettings> = {}): WorkerSettings {
  requireOptions("settings", given);
  const refuse = (name: string, rule: string, hint?: string): never => {
    throw new TaskConfigError(`worker.${name} ${rule}`, { path: `worker.${name}` }, { hint });
  };
  for (const { key, nearest } of unknownKeys(given, Object.keys(DEFAULT_WORKER_SETTINGS)))
    refuse(key, "is not a setting", nearest === undefined ? undefined : `did you mean ${nearest}?`);
  const settings: WorkerSettings = { ...DEFAULT_WORKER_SETTINGS, ...given };
  for (const name of POSITIVE)
    if (!(settings[name] > 0 && Number.isFinite(settings[name]))) refuse(name, "must be above 0");
  for (const name of NOT_NEGATIVE)
    if (!(settings[name] >= 0 && Number.isFinite(settings[name]))) refuse(name, "must be 0 or more");
  for (const name of ["maxLoad", "maxLagMs"] as const)
    if (settings[name] !== null && !(settings[name] >= 0)) refuse(name, "must be 0 or more, or null");
  if (settings.onBlocked === "exit" && !settings.keeper)
    refuse(
      "onBlocked",
      'is "exit", and nobody can see a blocked event loop without the keeper',
      "set keeper to true",
    );
  const { prefetch, maxRetries, unknownTask, resultTtlMs } = settings;
  if (resultTtlMs !== null && !(resultTtlMs > 0 && Number.isFinite(resultTtlMs)))
    refuse("resultTtlMs", "must be above 0, or null");
  if (!(Number.isInteger(maxRetries) && maxRetries >= 0))
    refuse("maxRetries", "must be a whole number, 0 or more");
  if (prefetch !== "auto" && !(Number.isInteger(prefetch) && prefetch >= 0))
    refuse("prefetch", 'must be "auto" or a whole number, 0 or more');
  if (unknownTask.policy !== "retry" && unknownTask.policy !== "dead-letter")
    refuse("unknownTask.policy", 'must be "retry" or "dead-letter"');
  if (!(unknownTask.delayMs >= 0)) refuse("unknownTask.delayMs", "must be 0 or more");
  if (!(Number.isInteger(unknownTask.limit) && unknownTask.limit >= 0))
    refuse("unknownTask.limit", "must be a whole number, 0 or more");
  return settings;
}
