import { ClosedError, type Clock, type Random, TaskConfigError, type Timer } from "@lexigram/contracts";
import type { ChannelModel } from "amqplib";
import { connectAmqp, dropSocket, serverProperties } from "./amqp-clients.ts";
import type { AmqpTarget } from "./amqp-target.ts";
import { inTime } from "./deadline.ts";
import { isRefusedEntry, unavailable } from "./refusals.ts";

/** What a connection is for. One that publishes is not read while the server has an alarm, so acknowledgements go apart. */
export type LinkRole = "publishing" | "consuming" | "application";

export type LinkState = "idle" | "connecting" | "ready" | "blocked" | "reconnecting" | "closed";

const FIRST_PAUSE_MS = 25;
const LONGEST_PAUSE_MS = 1_000;
/** What a call waits for a connection that is not there, before it fails. */
const LINK_WAIT_MS = 3_000;
const CLOSES_WITHIN_MS = 1_000;

export interface LinkParts {
  readonly target: AmqpTarget;
  readonly role: LinkRole;
  readonly clock: Clock;
  readonly random: Random;
  /** Seconds; 0: none. */
  readonly heartbeat: number;
  readonly connectTimeoutMs: number;
  /** Looks at the server before anybody uses the connection; what it throws ends it. */
  readonly check: (properties: Readonly<Record<string, unknown>>) => void;
  readonly changed: (state: LinkState, error: Error | undefined) => void;
}

interface Waiter {
  readonly resolve: (model: ChannelModel) => void;
  readonly reject: (error: Error) => void;
}

/**
 * One connection to the server, and the one after it: whatever ends it, another is made, with growing pauses. It connects
 * when it is first used.
 */
export class Link {
  readonly role: LinkRole;
  readonly #parts: LinkParts;
  readonly #waiters = new Set<Waiter>();
  readonly #blockedListeners = new Set<() => void>();
  #model: ChannelModel | undefined;
  #state: LinkState = "idle";
  #generation = 0;
  #tries = 0;
  #pause: Timer | undefined;
  #lastError: Error | undefined;
  #blockedBy: string | undefined;

  constructor(parts: LinkParts) {
    this.role = parts.role;
    this.#parts = parts;
  }

  get state(): LinkState {
    return this.#state;
  }

  /** Why the server reads nothing from this connection; absent while it does. */
  get blockedBy(): string | undefined {
    return this.#blockedBy;
  }

  /** Rises with each connection that was made. */
  get generation(): number {
    return this.#generation;
  }

  get lastError(): Error | undefined {
    return this.#lastError;
  }

  /** Calls back whenever the server begins to read nothing from this connection. @returns how to end that. */
  onBlocked(listener: () => void): () => void {
    this.#blockedListeners.add(listener);
    return () => this.#blockedListeners.delete(listener);
  }

  /**
   * The connection, when there is one or within 3 seconds.
   *
   * @throws QueueUnavailableError, ClosedError.
   */
  async ready(subject: string): Promise<ChannelModel> {
    if (this.#model !== undefined) return this.#model;
    if (this.#state === "closed") throw new ClosedError({ resource: "rabbitmq connection" });
    if (this.#state === "idle") void this.#connect();
    let waiter: Waiter | undefined;
    const comes = new Promise<ChannelModel>((resolve, reject) => {
      waiter = { resolve, reject };
      this.#waiters.add(waiter);
    });
    try {
      return await inTime(comes, LINK_WAIT_MS, this.#parts.clock, "a connection");
    } catch (error) {
      if (error instanceof ClosedError || error instanceof TaskConfigError) throw error;
      throw unavailable(subject, this.#lastError ?? error);
    } finally {
      this.#waiters.delete(waiter!);
    }
  }

  /** Ends the present connection, which does not answer, and makes another. */
  drop(model: ChannelModel, error: Error): void {
    if (model !== this.#model) return;
    dropSocket(model);
    this.#lost(model, error);
  }

  async close(): Promise<void> {
    const model = this.#model;
    this.#model = undefined;
    this.#become("closed");
    this.#pause?.cancel();
    const error = new ClosedError({ resource: "rabbitmq connection" });
    for (const waiter of this.#waiters) waiter.reject(error);
    if (model === undefined) return;
    try {
      await inTime(model.close(), CLOSES_WITHIN_MS, this.#parts.clock, "the end of a connection");
    } catch {
      dropSocket(model);
    }
  }

  async #connect(): Promise<void> {
    const { target, role, heartbeat, connectTimeoutMs, clock, check } = this.#parts;
    this.#become(this.#generation === 0 ? "connecting" : "reconnecting");
    const connecting = connectAmqp(target, {
      timeoutMs: connectTimeoutMs,
      heartbeat,
      name: `lexigram ${role} ${process.pid}`,
    });
    let model: ChannelModel | undefined;
    try {
      model = await inTime(connecting, connectTimeoutMs, clock, "the opening of a connection");
      // Whatever a connection says without a listener ends the process.
      model.on("error", (error: Error) => this.#lost(model!, error));
      model.on("close", (error?: Error) =>
        this.#lost(model!, error ?? new Error("the connection was closed")),
      );
      model.on("blocked", (reason: string) => this.#blocked(model!, reason));
      model.on("unblocked", () => this.#unblocked(model!));
      check(serverProperties(model));
    } catch (error) {
      connecting.then(dropSocket, () => {});
      this.#failed(error as Error);
      return;
    }
    if (this.state === "closed") {
      dropSocket(model);
      return;
    }
    this.#model = model;
    this.#generation++;
    this.#tries = 0;
    this.#blockedBy = undefined;
    this.#lastError = undefined;
    this.#become("ready");
    for (const waiter of this.#waiters) waiter.resolve(model);
  }

  #failed(error: Error): void {
    if (this.#state === "closed") return;
    this.#lastError = error;
    const { clock, random } = this.#parts;
    const longest = Math.min(FIRST_PAUSE_MS * 2 ** Math.min(this.#tries++, 16), LONGEST_PAUSE_MS);
    this.#become("reconnecting", error);
    if (isRefusedEntry(error) || error instanceof TaskConfigError)
      for (const waiter of this.#waiters) waiter.reject(error);
    this.#pause = clock.setTimer(() => void this.#connect(), longest * (0.5 + 0.5 * random()), {
      // Who waits for a connection has a timer of its own.
      keepAlive: false,
    });
  }

  #lost(model: ChannelModel, error: Error): void {
    if (model !== this.#model) return;
    this.#model = undefined;
    this.#blockedBy = undefined;
    this.#failed(error);
  }

  #blocked(model: ChannelModel, reason: string): void {
    if (model !== this.#model) return;
    this.#blockedBy = reason;
    this.#become("blocked");
    for (const listener of this.#blockedListeners) listener();
  }

  #unblocked(model: ChannelModel): void {
    if (model !== this.#model) return;
    this.#blockedBy = undefined;
    this.#become("ready");
  }

  #become(state: LinkState, error?: Error): void {
    if (this.#state === "closed") return;
    this.#state = state;
    this.#parts.changed(state, error);
  }
}
