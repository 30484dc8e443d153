import { type Clock, type Random, TaskConfigError, type Timer } from "@lexigram/contracts";
import { type Call, type CallOwner, Flight } from "./call.ts";
import type { ClientEvents, RedisClient, ServerNode } from "./ioredis-clients.ts";
import { slotOf } from "./key-slot.ts";
import { fateOf, shownError, unavailable } from "./refusals.ts";

export type LinkState = "idle" | "connecting" | "ready" | "reconnecting" | "closed";

/** Spans in pulses, so that they pass only while the event loop turns: a blocked loop alone breaks no link. */
interface Pulses {
  /** A call's deadline. */
  readonly call: number;
  /** Between two looks at whether the link was heard. */
  readonly look: number;
  /** A probe's deadline. */
  readonly probe: number;
  /** From one sign of life to the next while connecting. */
  readonly connect: number;
}

export interface LinkOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly pulses: Pulses;
  /** Makes the next client. `first` is true once. */
  readonly make: (first: boolean, events: ClientEvents) => RedisClient;
  /**
   * What is done before the link counts as ready. When it rejects, another client is made and tried.
   *
   * @param alive to be called at each sign of life.
   */
  readonly prepare?: (client: RedisClient, alive: () => void) => Promise<void>;
  readonly message?: (channel: string, text: string) => void;
  readonly changed: (state: LinkState, error: Error | undefined) => void;
}

interface Probe {
  readonly node: ServerNode;
  readonly since: number;
}

interface Waiter {
  readonly resolve: (client: RedisClient) => void;
  readonly reject: (error: unknown) => void;
  readonly subject: string;
  readonly timer: Timer;
}

const FIRST_RETRY_MS = 50;
const LONGEST_RETRY_MS = 1_000;

/**
 * One role's link to the server. It has at most one client at a time, and every breach (a lost socket, a probe without
 * an answer, a server that is no longer primary) ends that client for good: another is made, at first after 50 ms, then
 * less often, at least once a second. What was under way is told at once that its fate is unknown.
 */
export class Link implements CallOwner {
  readonly flight = new Flight();
  /** Present while calls may be sent. */
  client: RedisClient | undefined;
  readonly #options: LinkOptions;
  #attempt: RedisClient | undefined;
  #attemptSince = 0;
  #made = 0;
  #failures = 0;
  #readySince = 0;
  #retry: Timer | undefined;
  #lastError: Error | undefined;
  #fatal = false;
  #closed = false;
  #probes = new Set<Probe>();
  #looked = 0;
  #heardThen = 0;
  readonly #waiters = new Set<Waiter>();

  constructor(options: LinkOptions) {
    this.#options = options;
  }

  get state(): LinkState {
    if (this.#closed) return "closed";
    if (this.client !== undefined) return "ready";
    if (this.#made === 0) return "idle";
    return this.#attempt === undefined || this.#failures > 0 ? "reconnecting" : "connecting";
  }

  /** Why it is not ready, as far as is known. */
  get lastError(): Error | undefined {
    return this.#lastError;
  }

  /** Begins to connect, if nothing has yet. */
  open(): void {
    if (this.#made === 0 && !this.#closed) this.#start();
  }

  /**
   * The client, when it is ready within `waitMs`.
   *
   * @throws QueueUnavailableError when it is not, or TaskConfigError at once when waiting cannot help.
   */
  ready(waitMs: number, subject: string): Promise<RedisClient> {
    if (this.client !== undefined) return Promise.resolve(this.client);
    if (this.#fatal) return Promise.reject(this.#failure(subject));
    this.open();
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        resolve,
        reject,
        subject,
        timer: this.#options.clock.setTimer(() => {
          this.#waiters.delete(waiter);
          reject(this.#failure(subject));
        }, waitMs),
      };
      this.#waiters.add(waiter);
    });
  }

  slotOf(keys: readonly string[]): number | undefined {
    return slotOf(keys);
  }

  resend(call: Call): void {
    if (this.client === undefined) call.lose(this.#lastError);
    else this.client.send(call);
  }

  leave(error: Error): void {
    const { client } = this;
    if (client === undefined) return;
    if (client.cluster) client.lookAround();
    else this.#lose(client, shownError(error));
  }

  /** Called by the connection at regular intervals. */
  pulse(): void {
    const { flight } = this;
    const { pulses } = this.#options;
    const now = ++flight.tick;
    if (this.#attempt !== undefined && now - this.#attemptSince > pulses.connect)
      this.#lose(this.#attempt, new Error("the server did not answer while the connection was made"));
    const late = flight.expire(pulses.call, () => new Error("the server did not answer in time"));
    const { client } = this;
    if (client === undefined) return;
    if (now - this.#readySince > pulses.look) this.#failures = 0;
    for (const probe of this.#probes)
      if (now - probe.since > pulses.probe) {
        this.#probes.delete(probe);
        if (client.divisible) probe.node.drop();
        else return this.#lose(client, new Error(`${probe.node.address} did not answer a probe`));
      }
    if (late) this.probe();
    if (now - this.#looked < pulses.look) return;
    this.#looked = now;
    // One node of a cluster says nothing of the others.
    if (client.cluster || flight.heard === this.#heardThen) this.probe();
    this.#heardThen = flight.heard;
  }

  /** Asks whether the server is still there; no answer in time breaks the link. */
  probe(): void {
    const { client } = this;
    if (client === undefined || this.#probes.size > 0) return;
    for (const node of client.nodes()) {
      const probe: Probe = { node, since: this.flight.tick };
      const over = (): boolean => this.#probes.delete(probe);
      this.#probes.add(probe);
      node.ping().then(over, over);
    }
  }

  /** Lets what is under way end by its deadline, then closes the socket. */
  async close(reason: () => Error): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#retry?.cancel();
    for (const waiter of this.#takeWaiters()) waiter.reject(reason());
    await this.flight.drained();
    const client = this.client ?? this.#attempt;
    this.client = this.#attempt = undefined;
    client?.destroy();
    this.#options.changed("closed", undefined);
  }

  #start(): void {
    const { make, prepare, message } = this.#options;
    this.#retry = undefined;
    const first = this.#made++ === 0;
    let client: RedisClient;
    try {
      client = make(first, {
        lost: (error) => this.#lose(client, error),
        message: (channel, text) => {
          this.flight.heard++;
          message?.(channel, text);
        },
      });
    } catch (error) {
      this.#failed(shownError(error));
      return;
    }
    this.#attempt = client;
    const alive = (): void => {
      if (this.#attempt === client) this.#attemptSince = this.flight.tick;
    };
    alive();
    this.#options.changed(this.state, this.#lastError);
    this.#connect(client, alive, prepare).then(
      () => this.#succeeded(client),
      (error: unknown) => this.#lose(client, shownError(error)),
    );
  }

  async #connect(client: RedisClient, alive: () => void, prepare: LinkOptions["prepare"]): Promise<void> {
    await client.connect();
    alive();
    await prepare?.(client, alive);
  }

  #succeeded(client: RedisClient): void {
    if (this.#attempt !== client || this.#closed) return;
    this.#attempt = undefined;
    this.client = client;
    this.#readySince = this.#looked = this.flight.tick;
    this.#heardThen = this.flight.heard;
    this.#lastError = undefined;
    this.#fatal = false;
    this.#options.changed("ready", undefined);
    for (const waiter of this.#takeWaiters()) waiter.resolve(client);
  }

  #lose(client: RedisClient, error: Error): void {
    if (client !== this.client && client !== this.#attempt) return;
    this.client = this.#attempt = undefined;
    this.#probes = new Set();
    client.destroy();
    this.#failed(error);
    this.flight.loseAll(error);
  }

  #failed(error: Error): void {
    this.#lastError = error;
    if (this.#closed) return;
    this.#fatal = error instanceof TaskConfigError || fateOf(error, false)?.retryable === false;
    const spread = 0.75 + this.#options.random() / 4;
    const delay = Math.min(FIRST_RETRY_MS * 2 ** this.#failures++, LONGEST_RETRY_MS) * spread;
    this.#retry = this.#options.clock.setTimer(() => this.#start(), delay, { keepAlive: false });
    this.#options.changed("reconnecting", error);
    if (this.#fatal) for (const waiter of this.#takeWaiters()) waiter.reject(this.#failure(waiter.subject));
  }

  #takeWaiters(): readonly Waiter[] {
    const waiters = [...this.#waiters];
    this.#waiters.clear();
    for (const { timer } of waiters) timer.cancel();
    return waiters;
  }

  #failure(subject: string): Error {
    const error = this.#lastError;
    if (error instanceof TaskConfigError) return error;
    const cause = error ?? new Error("the connection is being made");
    return unavailable(subject, { accepted: "no", retryable: !this.#fatal }, cause);
  }
}
