import { ClosedError, type Clock, type Logger, type Random, type Timer } from "@lexigram/contracts";
import type { ChannelListener, ListenerState } from "./database.ts";
import type { Deadlines } from "./deadlines.ts";
import type { LoneClient, LoneClientEvents } from "./pg-clients.ts";
import { shownError, unavailable } from "./refusals.ts";

const LOOK_MS = 3_000;
const PROBE_MS = 3_000;
const FIRST_RETRY_MS = 50;
const LONGEST_RETRY_MS = 1_000;
const POLL_MS = 1_000;
/** What a new listener waits for the server's confirmation. */
const CONFIRM_MS = 5_000;

export interface ListeningOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly deadlines: Deadlines;
  readonly logger: () => Logger;
  readonly make: (events: LoneClientEvents) => LoneClient;
}

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/**
 * The one connection that hears notifications, and who hears which channel. A lost one is made anew, at first after
 * 50 ms, then less often, at least once a second, and asked for every channel again; then everyone is told that news may
 * have been missed. A connection that was silent for three seconds is probed.
 */
export class Listening {
  readonly #options: ListeningOptions;
  readonly #listeners = new Map<string, Set<ChannelListener>>();
  /** Who waits until the server has confirmed a channel. */
  readonly #waiters = new Map<string, Set<Waiter>>();
  #confirmed = new Set<string>();
  /** The present one, which may still be connecting. */
  #client: LoneClient | undefined;
  /** The same, once it is connected. */
  #live: LoneClient | undefined;
  #state: ListenerState = "connecting";
  #catchingUp: Promise<void> | undefined;
  #wasReady = false;
  #failures = 0;
  #retry: Timer | undefined;
  #heard = 0;
  #error: Error | undefined;
  #started = false;

  constructor(options: ListeningOptions) {
    this.#options = options;
  }

  /** `undefined` while nobody has listened yet. */
  get state(): ListenerState | undefined {
    return this.#started ? this.#state : undefined;
  }

  /** Why it is not ready, as far as is known. */
  get error(): Error | undefined {
    return this.#error;
  }

  /** @throws QueueUnavailableError when the server did not confirm it in time. */
  async listen(
    channel: string,
    listener: ChannelListener,
    subject: string,
    polling: boolean,
  ): Promise<() => void> {
    // A listener of its own for each call, so that one object may listen twice.
    const own: ChannelListener = {
      message: (text) => listener.message(text),
      missed: () => listener.missed?.(),
    };
    let listeners = this.#listeners.get(channel);
    if (listeners === undefined) this.#listeners.set(channel, (listeners = new Set()));
    listeners.add(own);
    this.#start(polling);
    try {
      if (!polling) await this.#confirmation(channel);
    } catch (error) {
      this.#drop(channel, own);
      if (error instanceof ClosedError) throw error;
      throw unavailable(subject, { accepted: "no", retryable: true }, error);
    }
    return () => this.#drop(channel, own);
  }

  /** From now on nothing can be heard, so everyone looks again once a second. */
  poll(): void {
    if (this.#state === "polling" || this.#state === "closed") return;
    this.#state = "polling";
    this.#retry?.cancel();
    this.#end();
    for (const waiters of this.#waiters.values()) for (const waiter of waiters) waiter.resolve();
    this.#waiters.clear();
    this.#tellMissed();
  }

  close(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#retry?.cancel();
    this.#end();
    const error = new ClosedError({ resource: "postgres connection" });
    for (const waiters of this.#waiters.values()) for (const waiter of waiters) waiter.reject(error);
    this.#waiters.clear();
    this.#listeners.clear();
  }

  #start(polling: boolean): void {
    if (this.#started) return;
    this.#started = true;
    const { deadlines } = this.#options;
    let looked = 0;
    let heardThen = 0;
    const [look, polled] = [deadlines.pulses(LOOK_MS), deadlines.pulses(POLL_MS)];
    deadlines.each(() => {
      if (this.#state === "polling") {
        if (deadlines.tick % polled === 0) this.#tellMissed();
        return;
      }
      if (this.#state !== "ready" || deadlines.tick - looked < look) return;
      looked = deadlines.tick;
      if (this.#heard === heardThen && this.#live !== undefined) void this.#ask(this.#live, "SELECT 1");
      heardThen = this.#heard;
    });
    if (polling) this.#state = "polling";
    else this.#connect();
  }

  #confirmation(channel: string): Promise<void> {
    if (this.#confirmed.has(channel) || this.#state === "polling") return Promise.resolve();
    return new Promise((resolve, reject) => {
      let waiters = this.#waiters.get(channel);
      if (waiters === undefined) this.#waiters.set(channel, (waiters = new Set()));
      const own: Waiter = { resolve: () => settle(resolve), reject: (error) => settle(() => reject(error)) };
      const late = this.#options.deadlines.set(CONFIRM_MS, () =>
        own.reject(this.#error ?? new Error("the server did not answer in time")),
      );
      const settle = (then: () => void): void => {
        late();
        waiters.delete(own);
        then();
      };
      waiters.add(own);
      void this.#catchUp();
    });
  }

  #connect(): void {
    this.#retry = undefined;
    let client: LoneClient;
    try {
      client = this.#options.make({
        lost: (error) => this.#lose(client, error),
        message: (channel, text) => {
          this.#heard++;
          for (const listener of this.#listeners.get(channel) ?? []) this.#tell(() => listener.message(text));
        },
      });
    } catch (error) {
      this.#failed(shownError(error));
      return;
    }
    this.#client = client;
    this.#confirmed = new Set();
    client.connect().then(
      () => this.#connected(client),
      (error: unknown) => this.#lose(client, shownError(error)),
    );
  }

  async #connected(client: LoneClient): Promise<void> {
    if (this.#client !== client) return;
    this.#live = client;
    await this.#catchUp();
    if (this.#live !== client) return;
    this.#failures = 0;
    this.#error = undefined;
    this.#state = "ready";
    if (this.#wasReady) this.#tellMissed();
    this.#wasReady = true;
  }

  /** Resolves when the server hears exactly the channels that somebody listens to, or the connection is lost. */
  #catchUp(): Promise<void> {
    this.#catchingUp ??= this.#confirmAll().finally(() => (this.#catchingUp = undefined));
    return this.#catchingUp;
  }

  async #confirmAll(): Promise<void> {
    for (let client = this.#live; client !== undefined; client = this.#live) {
      const missing = [...this.#listeners.keys()].filter((channel) => !this.#confirmed.has(channel));
      const left = [...this.#confirmed].filter((channel) => !this.#listeners.has(channel));
      if (missing.length + left.length === 0) return;
      const text = [
        ...left.map((channel) => `UNLISTEN "${channel}"`),
        ...missing.map((channel) => `LISTEN "${channel}"`),
      ].join("; ");
      if (!(await this.#ask(client, text))) continue;
      for (const channel of left) this.#confirmed.delete(channel);
      for (const channel of missing) {
        this.#confirmed.add(channel);
        for (const waiter of this.#waiters.get(channel) ?? []) waiter.resolve();
        this.#waiters.delete(channel);
      }
    }
  }

  /** @returns whether it was answered in time; the connection is lost when it was not. */
  async #ask(client: LoneClient, text: string): Promise<boolean> {
    const late = this.#options.deadlines.set(PROBE_MS, () =>
      this.#lose(client, new Error("the server did not answer a probe")),
    );
    try {
      await client.query(text);
      this.#heard++;
    } catch (error) {
      this.#lose(client, shownError(error));
    } finally {
      late();
    }
    return this.#live === client;
  }

  #lose(client: LoneClient, error: Error): void {
    if (client !== this.#client) return;
    this.#end();
    this.#failed(error);
  }

  #end(): void {
    this.#client?.destroy();
    this.#client = this.#live = undefined;
  }

  #failed(error: Error): void {
    if (this.#state === "closed" || this.#state === "polling") return;
    this.#error = shownError(error);
    this.#state = "reconnecting";
    const { clock, random, logger } = this.#options;
    logger().debug("the connection that hears notifications is made anew", { error: this.#error });
    const spread = 0.75 + random() / 4;
    const delay = Math.min(FIRST_RETRY_MS * 2 ** this.#failures++, LONGEST_RETRY_MS) * spread;
    this.#retry = clock.setTimer(() => this.#connect(), delay, { keepAlive: false });
  }

  #drop(channel: string, listener: ChannelListener): void {
    const listeners = this.#listeners.get(channel);
    if (listeners === undefined || !listeners.delete(listener) || listeners.size > 0) return;
    this.#listeners.delete(channel);
    if (this.#state === "ready") void this.#catchUp();
  }

  #tellMissed(): void {
    for (const listeners of this.#listeners.values())
      for (const listener of listeners) this.#tell(() => listener.missed?.());
  }

  #tell(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#options.logger().error("a listener of a channel threw", { error });
    }
  }
}
