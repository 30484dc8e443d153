import {
  type Clock,
  type Logger,
  serializeError,
  type StateStoreProtocol,
  type Timer,
} from "@lexigram/contracts";

export interface PermitParts {
  readonly state: StateStoreProtocol;
  readonly clock: Clock;
  readonly logger: Logger;
  /** In the state store. */
  readonly key: string;
  /** Names this process. */
  readonly holder: string;
  /** Permits over all processes. */
  readonly limit: number;
  /** How long they hold without renewal; renewed at a third. */
  readonly ttlMs: number;
}

/** Who uses permits of a hand. */
export interface PermitUser {
  /** How many it uses, those included that it is about to. */
  used(): number;
  /** They could not be renewed and count as others'. */
  permitsLost?(): void;
}

/** What nobody uses goes back after this. Milliseconds. */
const IDLE_MS = 50;

/** The permits of one limit that this process holds, for all in it that use them. Renewed while there are any. */
export class PermitHand {
  readonly #parts: PermitParts;
  readonly #users = new Set<PermitUser>();
  #held = 0;
  /** Monotonic milliseconds: until then the permits hold, whatever the store will say. */
  #deadline = 0;
  #last: Promise<unknown> = Promise.resolve();
  #renewal: Timer | undefined;
  #trim: Timer | undefined;
  #stopped = false;

  constructor(parts: PermitParts) {
    this.#parts = parts;
  }

  add(user: PermitUser): void {
    this.#users.add(user);
  }

  remove(user: PermitUser): void {
    this.#users.delete(user);
  }

  /** Permits that nobody uses. */
  get free(): number {
    if (this.#held === 0 || this.#parts.clock.monotonic() >= this.#deadline) return 0;
    return this.#held - this.#used;
  }

  /**
   * Asks for as many free ones.
   *
   * @param take called before anybody else can ask, when there are any: uses them.
   * @returns how many there are, at most `n`. @throws what the store throws.
   */
  want(n: number, take?: () => void): Promise<number> {
    return this.#next(async () => {
      if (this.#stopped) return 0;
      if (this.free < n) await this.#acquire(Math.min(this.#used + n, this.#parts.limit));
      const free = Math.max(0, Math.min(n, this.free));
      if (free > 0) take?.();
      return free;
    });
  }

  /** Somebody uses fewer than before: what nobody takes soon goes back. */
  freed(): void {
    if (this.#trim !== undefined || this.#stopped) return;
    this.#trim = this.#parts.clock.setTimer(
      () => {
        this.#trim = undefined;
        void this.#next(() => this.#giveBack());
      },
      IDLE_MS,
      { keepAlive: false },
    );
  }

  /** Gives all of them back. Never rejects. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#trim?.cancel();
    this.#renewal?.cancel();
    await this.#next(async () => {
      if (this.#held === 0) return;
      this.#held = 0;
      await this.#parts.state.release(this.#parts.key, { holder: this.#parts.holder });
    });
  }

  /** Ready for use again. */
  start(): void {
    this.#stopped = false;
  }

  get #used(): number {
    let used = 0;
    for (const user of this.#users) used += user.used();
    return used;
  }

  /** One call at a time. Where the caller cannot be told, it is logged. */
  #next<T>(call: () => Promise<T>): Promise<T> {
    const run = this.#last.then(call);
    this.#last = run.catch((error: unknown) => {
      const { logger, key } = this.#parts;
      logger.warn("the permits of a limit could not be kept", { limit: key, error: serializeError(error) });
    });
    return run;
  }

  async #acquire(n: number): Promise<void> {
    const { state, clock, key, holder, limit, ttlMs } = this.#parts;
    const sentAt = clock.monotonic();
    const held = await state.acquire(key, { holder, limit, n, ttlMs });
    this.#held = held;
    this.#deadline = sentAt + ttlMs;
    this.#renewal ??= clock.setTimer(() => this.#renew(), ttlMs / 3, { keepAlive: false });
  }

  #renew(): void {
    this.#renewal = undefined;
    if (this.#stopped || this.#held === 0) return;
    this.#next(() => this.#acquire(this.#held)).then(
      () => {
        if (this.free < 0) this.#lost();
      },
      () => {
        const { clock, ttlMs } = this.#parts;
        if (clock.monotonic() >= this.#deadline) this.#lost();
        else this.#renewal ??= clock.setTimer(() => this.#renew(), ttlMs / 10, { keepAlive: false });
      },
    );
  }

  #lost(): void {
    if (this.#parts.clock.monotonic() >= this.#deadline) this.#held = 0;
    for (const user of this.#users) user.permitsLost?.();
  }

  async #giveBack(): Promise<void> {
    const n = this.free;
    if (n <= 0 || this.#stopped) return;
    // Nobody may use them while the call is under way.
    this.#held -= n;
    const { state, key, holder } = this.#parts;
    await state.release(key, { holder, n });
  }
}
