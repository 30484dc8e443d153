import {
  type Clock,
  refuseUnknownOptions,
  serviceOption,
  shown,
  signalOption,
  type StateBucket,
  type StateStoreProtocol,
  systemClock,
  TaskConfigError,
} from "@lexigram/contracts";
import { MemoryStateStore } from "../memory/memory-state-store.ts";
import { checkedRate, type RateOptions } from "./rate.ts";
import { WaitingLine } from "./waiting-line.ts";

/** Where a limiter counts. */
export interface LimiterServices {
  /** Shared by all that are to be limited together. Default: the memory of this process. */
  readonly state?: StateStoreProtocol;
  readonly clock?: Clock;
}

export interface AcquireOptions {
  /** Ends the wait; the promise rejects with its reason. */
  readonly signal?: AbortSignal;
}

export interface GlobalRateLimiterOptions extends RateOptions, LimiterServices {
  /** Limiters of one name on one state store are one limit. Default `"global"`. */
  readonly name?: string;
}

export interface QueueRateLimiterOptions extends LimiterServices {
  /** A limit that all queues pass besides their own. It must count in the same state store. */
  readonly global?: GlobalRateLimiter;
}

/** Part of the keys in the state store. */
const PREFIX = "rate-limits:";

interface Services {
  readonly state: StateStoreProtocol;
  readonly clock: Clock;
}

function servicesOf(owner: string, options: LimiterServices): Services {
  const clock = serviceOption(owner, "clock", "clock", options.clock ?? systemClock);
  const state = options.state ?? new MemoryStateStore({ clock });
  return { clock, state: serviceOption(owner, "state", "state store", state) };
}

function nameOption(owner: string, path: string, value: unknown): string {
  if (typeof value === "string" && value !== "" && value.length <= 256) return value;
  throw new TaskConfigError(
    `${path} of ${owner} must be a text of 1 to 256 characters, not ${shown(value)}`,
    { path },
    { hint: "give what is limited a name" },
  );
}

/** One takes from all buckets or from none. */
function lineOver({ state, clock }: Services, buckets: readonly StateBucket[]): WaitingLine {
  return new WaitingLine(clock, async () => {
    const { granted, retryInMs } = await state.takeTokens(buckets, 1);
    return { passed: granted === 1, ...(retryInMs === undefined ? {} : { retryInMs }) };
  });
}

function signalOf(owner: string, options: AcquireOptions): AbortSignal | undefined {
  refuseUnknownOptions(owner, options, ["signal"]);
  signalOption(owner, options.signal);
  return options.signal;
}

/**
 * One limit for whatever a program does: a token bucket in a state store, by the store's time. In any span of length t
 * at most burst + rate · t pass, over all processes whose limiters have the same store and name.
 *
 * Those who wait in this process pass in the order in which they came; which process is next is not laid down.
 */
export class GlobalRateLimiter {
  /** What counts, where; read by limiters that pass it besides their own. */
  readonly bucket: StateBucket;
  readonly services: Services;
  readonly #line: WaitingLine;

  /** @throws TaskConfigError for an option that is unknown or out of range. */
  constructor(options: GlobalRateLimiterOptions) {
    const owner = "GlobalRateLimiter";
    const rate = checkedRate(owner, "", options, ["name", "state", "clock"]);
    const name = nameOption(owner, "name", options.name ?? "global");
    this.services = servicesOf(owner, options);
    this.bucket = { key: `${PREFIX}all:${name}`, ...rate };
    this.#line = lineOver(this.services, [this.bucket]);
  }

  /**
   * Resolves when one may pass. Rejects with the reason of an aborted signal, which leaves the order of the others as it
   * is; with `QueueUnavailableError` when the store cannot be reached.
   */
  async acquire(options: AcquireOptions = {}): Promise<void> {
    return this.#line.pass(signalOf("acquire", options));
  }

  /** @returns whether one may pass at once; nobody passes those who wait in this process. */
  async tryAcquire(): Promise<boolean> {
    return this.#line.tryPass();
  }
}

/**
 * Limits by the name of a queue, or of anything else that a program does: token buckets in a state store, by the
 * store's time. What has no limit passes at once.
 *
 * It is for a program's own calls. How fast workers start jobs is the queue's own rule: `policy.rate` of its entry,
 * `rateLimit` of a task, and `limits` over several queues.
 */
export class QueueRateLimiter {
  readonly #services: Services;
  readonly #global: GlobalRateLimiter | undefined;
  readonly #lines = new Map<string, WaitingLine>();

  /** @throws TaskConfigError for an option that is unknown, and for a `global` that counts elsewhere. */
  constructor(options: QueueRateLimiterOptions = {}) {
    const owner = "QueueRateLimiter";
    refuseUnknownOptions(owner, options, ["state", "clock", "global"]);
    const { global: shared } = options;
    if (shared !== undefined && !(shared instanceof GlobalRateLimiter))
      throw new TaskConfigError(
        `global of ${owner} must be a GlobalRateLimiter`,
        { path: "global" },
        { hint: "pass new GlobalRateLimiter({ rate, state })" },
      );
    this.#global = shared;
    this.#services =
      shared !== undefined && options.state === undefined ? shared.services : servicesOf(owner, options);
    if (shared !== undefined && shared.services.state !== this.#services.state)
      throw new TaskConfigError(
        `global of ${owner} counts in another state store, so what one refuses could not be given back to the other`,
        { path: "global" },
        { hint: "give both the same state, or leave out state here" },
      );
  }

  /**
   * Sets the limit of a queue. One of that name is replaced; who waits for it goes on waiting for the old one.
   *
   * @throws TaskConfigError for a name that is no text, and a rate that is out of range.
   */
  addLimit(queue: string, limit: RateOptions): void {
    nameOption("addLimit", "queue", queue);
    const own = { key: `${PREFIX}queue:${queue}`, ...checkedRate("addLimit", "", limit) };
    const buckets = this.#global === undefined ? [own] : [own, this.#global.bucket];
    this.#lines.set(queue, lineOver(this.#services, buckets));
  }

  /** @returns whether there was a limit. */
  removeLimit(queue: string): boolean {
    return this.#lines.delete(queue);
  }

  /**
   * Resolves when one may pass both the queue's limit and the global one; nothing of either is spent before. As
   * `GlobalRateLimiter.acquire` otherwise.
   */
  async acquire(queue: string, options: AcquireOptions = {}): Promise<void> {
    const signal = signalOf("acquire", options);
    signal?.throwIfAborted();
    const line = this.#lines.get(queue);
    return line === undefined ? this.#global?.acquire(options) : line.pass(signal);
  }

  /** @returns whether one may pass at once, both limits; what one of them refuses costs nothing of the other. */
  async tryAcquire(queue: string): Promise<boolean> {
    const line = this.#lines.get(queue);
    return line === undefined ? (this.#global?.tryAcquire() ?? true) : line.tryPass();
  }
}
