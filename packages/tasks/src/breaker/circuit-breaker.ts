import {
  type BreakerStatus,
  type Clock,
  ClosedError,
  type JsonValue,
  type Logger,
  serializeError,
  type StateEntry,
  type StateStoreProtocol,
  type Timer,
} from "@lexigram/contracts";
import type { TaskEmitter } from "../events/task-emitter.ts";
import { PermitHand, type PermitUser } from "../limit/permit-hand.ts";
import { DiscardTask, RejectTask, RetryTask } from "../retry/control-flow.ts";
import type { BreakerRule } from "./breaker-options.ts";

export interface BreakerParts {
  readonly scope: "queue" | "task";
  /** Of the queue in the application, or of the task: for events. */
  readonly name: string;
  /** Names it in the state store. */
  readonly id: string;
  readonly rule: BreakerRule;
  readonly state: StateStoreProtocol;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly emitter: TaskEmitter;
  /** Names this process. */
  readonly holder: string;
}

/** What all processes share. Absent: closed, without failures. */
interface BreakerRecord {
  readonly v: 1;
  readonly status: "closed" | "open";
  /** Of attempts in a row. */
  readonly failures: number;
  /** Of probes since it opened. */
  readonly successes: number;
}

/** The right of one attempt to run, for a breaker that wants to know how it ends. */
export interface BreakerPass {
  /** @param error what it failed with; `undefined`: it succeeded. */
  ended(outcome: "succeeded" | "failed" | "neither", error?: unknown): void;
}

const CLOSED: BreakerRecord = { v: 1, status: "closed", failures: 0, successes: 0 };
/** What is older is read again before it is relied on. Milliseconds. */
const FRESH_MS = 1_000;
const RESUBSCRIBE_MS = 5_000;
/** Others that change the record at the same moment. */
const MOST_TRIES = 20;

const steers = (error: unknown): boolean =>
  error instanceof RetryTask || error instanceof RejectTask || error instanceof DiscardTask;

/**
 * Stops trying what keeps failing. Closed, it lets all pass and counts failures in a row; open, it lets nothing pass until
 * its time is over by the store's clock; half-open, it lets a few probes pass, and their outcome closes or opens it.
 * All processes share one record in the state store, hear of changes by a topic, and look again once a second.
 */
export class CircuitBreaker implements PermitUser {
  /** Who may probe: over all processes never more than the rule says. */
  readonly probes: PermitHand;
  readonly name: string;
  readonly scope: "queue" | "task";
  readonly #parts: BreakerParts;
  readonly #key: string;
  #record: BreakerRecord = CLOSED;
  /** Monotonic milliseconds: while it is open. */
  #openUntil = 0;
  #seenAt = -Infinity;
  #announced: BreakerStatus = "closed";
  #probing = 0;
  #last: Promise<unknown> = Promise.resolve();
  #looking: Promise<void> | undefined;
  #listening: AbortController | undefined;
  #timers: (Timer | undefined)[] = [];
  readonly #onChange = new Set<() => void>();

  constructor(parts: BreakerParts) {
    const { state, clock, logger, holder, rule, scope, name, id } = parts;
    this.#parts = parts;
    this.scope = scope;
    this.name = name;
    this.#key = `breaker:${scope}:${id}`;
    const [key, limit, ttlMs] = [`${this.#key}:probes`, rule.probes, Math.max(rule.resetMs, 1_000)];
    this.probes = new PermitHand({ state, clock, logger, holder, key, limit, ttlMs });
    this.probes.add(this);
  }

  /** As this process knows it. */
  get status(): BreakerStatus {
    if (this.#record.status === "closed") return "closed";
    return this.#parts.clock.monotonic() < this.#openUntil ? "open" : "half-open";
  }

  /** Attempts that may begin without asking the store; none where what is known of it is too old. */
  get allowance(): number {
    if (this.#parts.clock.monotonic() - this.#seenAt > FRESH_MS) return 0;
    const { status } = this;
    if (status === "closed") return Infinity;
    return status === "open" ? 0 : Math.max(0, this.probes.free);
  }

  /** Milliseconds until it is worth asking again. */
  get retryInMs(): number {
    const leftMs = this.#openUntil - this.#parts.clock.monotonic();
    return leftMs > 0 ? leftMs : Math.min(1_000, this.#parts.rule.resetMs);
  }

  /** The same, where the compiler would take it for what it was before a wait. */
  #statusNow(): BreakerStatus {
    return this.status;
  }

  /** Begins to hear of changes. */
  start(): void {
    if (this.#listening !== undefined) return;
    this.probes.start();
    const listening = (this.#listening = new AbortController());
    void this.#listen(listening.signal);
  }

  /** Never rejects. */
  async stop(): Promise<void> {
    this.#listening?.abort();
    this.#listening = undefined;
    for (const timer of this.#timers) timer?.cancel();
    await this.#last;
    await this.probes.stop().catch(() => undefined);
  }

  onChange(listener: () => void): Disposable {
    this.#onChange.add(listener);
    return { [Symbol.dispose]: () => void this.#onChange.delete(listener) };
  }

  /** As the store knows it. @throws what the store throws. */
  async look(): Promise<BreakerStatus> {
    await this.#look();
    return this.status;
  }

  /** Asks for attempts to begin. @returns how many of them may. @throws what the store throws. */
  async admit(n: number): Promise<number> {
    if (this.#parts.clock.monotonic() - this.#seenAt > FRESH_MS) await this.#look();
    const { status } = this;
    if (status === "half-open") return this.probes.want(n);
    return status === "closed" ? n : 0;
  }

  /** The pass of one attempt, when its turn was judged before; a probe when the breaker is half-open. */
  enter(): BreakerPass {
    const isProbe = this.status === "half-open";
    if (isProbe) this.#probing++;
    return this.#pass(isProbe);
  }

  #pass(isProbe: boolean): BreakerPass {
    let ended = false;
    return {
      ended: (outcome, error) => {
        if (ended) return;
        ended = true;
        this.#ended(isProbe, outcome, error);
      },
    };
  }

  /** Judges the turn of one attempt. @returns `undefined`: it may not run now. */
  async tryEnter(): Promise<BreakerPass | undefined> {
    if (this.#parts.clock.monotonic() - this.#seenAt > FRESH_MS) await this.#look();
    if (this.status !== "half-open") return this.status === "closed" ? this.enter() : undefined;
    const granted = await this.probes.want(1, () => this.#probing++);
    if (granted === 0) return undefined;
    // Another probe may have ended while this one waited for its turn.
    if (this.#statusNow() === "open") {
      this.#probing--;
      this.probes.freed();
      return undefined;
    }
    return this.#pass(true);
  }

  used(): number {
    return this.#probing;
  }

  #ended(isProbe: boolean, outcome: "succeeded" | "failed" | "neither", error: unknown): void {
    const { rule } = this.#parts;
    if (outcome === "failed" && !this.#counts(error)) outcome = "neither";
    const { failures, status } = this.#record;
    // What succeeds while nothing failed has nothing to tell: the usual case costs no call.
    const hasNews =
      outcome === "failed" || (outcome === "succeeded" && (failures > 0 || isProbe || status === "open"));
    const over = (): void => {
      if (!isProbe) return;
      this.#probing--;
      this.probes.freed();
    };
    if (!hasNews) return over();
    const change = async (): Promise<void> => {
      if (outcome === "failed") await this.#change((now, isOpen) => failed(now, isOpen, isProbe, rule));
      else await this.#change((now, isOpen) => succeeded(now, isOpen, isProbe, rule));
    };
    this.#last = this.#last
      .then(change)
      .catch((thrown: unknown) => {
        if (thrown instanceof ClosedError) return;
        const fields = { breaker: this.name, error: serializeError(thrown) };
        this.#parts.logger.warn("the outcome of an attempt could not be told to its breaker", fields);
      })
      .then(over);
  }

  #counts(error: unknown): boolean {
    const { isFailure } = this.#parts.rule;
    if (isFailure === undefined) return !steers(error);
    try {
      return isFailure(error);
    } catch (thrown) {
      const fields = { breaker: this.name, error: serializeError(thrown) };
      this.#parts.logger.error("isFailure of a breaker threw; the error counts", fields);
      return true;
    }
  }

  /** Reads the record, changes it where nobody else did, and tells the others. */
  async #change(to: (record: BreakerRecord, isOpen: boolean) => BreakerRecord | undefined): Promise<void> {
    const { state, rule } = this.#parts;
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const entry = await this.#look();
      const next = to(this.#record, this.status === "open");
      if (next === undefined) return;
      const opens = next.status === "open" && next.successes === 0;
      // First, so that a process that ends in between leaves a breaker that is not open, rather than one for ever.
      if (opens) await state.put(`${this.#key}:hold`, 1, { ttlMs: rule.resetMs });
      const condition = entry === undefined ? { ifAbsent: true } : { ifVersion: entry.version };
      const ttl = next.status === "open" ? {} : { ttlMs: rule.resetMs * 2 };
      const outcome = await state.put(this.#key, next as unknown as JsonValue, { ...condition, ...ttl });
      if (!outcome.stored) continue;
      await this.#look();
      await state.publish(this.#key, 1);
      return;
    }
  }

  async #look(): Promise<StateEntry | undefined> {
    const { state, clock } = this.#parts;
    const entry = await state.get(this.#key);
    const record = entry === undefined ? CLOSED : (entry.value as unknown as BreakerRecord);
    let openUntil = 0;
    if (record.status === "open") {
      const hold = await state.get(`${this.#key}:hold`);
      if (hold?.expiresInMs !== undefined) openUntil = clock.monotonic() + hold.expiresInMs;
    }
    this.#seenAt = clock.monotonic();
    this.#record = record;
    this.#openUntil = openUntil;
    this.#announce();
    return entry;
  }

  #lookQuietly(): Promise<void> {
    return (this.#looking ??= this.#look()
      .then(
        () => undefined,
        // The claim will say that the store is away.
        () => undefined,
      )
      .finally(() => (this.#looking = undefined)));
  }

  #announce(): void {
    const { clock, emitter } = this.#parts;
    const { status, scope, name } = this;
    if (status !== this.#announced) {
      this.#announced = status;
      const event = {
        closed: "circuit.closed",
        open: "circuit.opened",
        "half-open": "circuit.half-open",
      } as const;
      emitter.emit(event[status], { scope, name, failures: this.#record.failures });
      for (const listener of this.#onChange) listener();
    }
    this.#timers[0]?.cancel();
    this.#timers[0] = undefined;
    if (status !== "open" || this.#listening === undefined) return;
    const leftMs = this.#openUntil - clock.monotonic();
    this.#timers[0] = clock.setTimer(() => this.#announce(), Math.max(1, Math.ceil(leftMs)), {
      keepAlive: false,
    });
  }

  async #listen(signal: AbortSignal): Promise<void> {
    const { state, clock } = this.#parts;
    try {
      const changes = await state.subscribe(this.#key, signal);
      await this.#lookQuietly();
      for await (const _change of changes) await this.#lookQuietly();
    } catch (error) {
      if (error instanceof ClosedError) return;
    }
    if (signal.aborted) return;
    this.#timers[1] = clock.setTimer(() => void this.#listen(signal), RESUBSCRIBE_MS, { keepAlive: false });
  }
}

function failed(
  now: BreakerRecord,
  isOpen: boolean,
  isProbe: boolean,
  rule: BreakerRule,
): BreakerRecord | undefined {
  const failures = now.failures + 1;
  if (now.status === "closed")
    return { v: 1, status: failures >= rule.failures ? "open" : "closed", failures, successes: 0 };
  // What began before it opened says nothing new.
  return isOpen || !isProbe ? undefined : { v: 1, status: "open", failures, successes: 0 };
}

function succeeded(
  now: BreakerRecord,
  isOpen: boolean,
  isProbe: boolean,
  rule: BreakerRule,
): BreakerRecord | undefined {
  if (now.status === "closed") return now.failures === 0 ? undefined : CLOSED;
  if (isOpen || !isProbe) return undefined;
  const successes = now.successes + 1;
  return successes >= rule.probes ? CLOSED : { ...now, successes };
}
