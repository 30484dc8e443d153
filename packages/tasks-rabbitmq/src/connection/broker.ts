import {
  ClosedError,
  type Clock,
  type Logger,
  type Random,
  silentLogger,
  systemClock,
  systemRandom,
} from "@lexigram/contracts";
import type { Channel, ChannelModel } from "amqplib";
import { connectAmqp } from "./amqp-clients.ts";
import { type AmqpTarget, sameTarget } from "./amqp-target.ts";
import { inTime } from "./deadline.ts";
import { Link, type LinkRole, type LinkState } from "./link.ts";
import { shownError, unavailable } from "./refusals.ts";
import { type ServerReport, serverReportOf } from "./server-check.ts";

export interface BrokerOptions {
  readonly target: AmqpTarget;
  /** Seconds between heartbeats. Default 5; 0: none. */
  readonly heartbeat?: number;
  /** Milliseconds within which a connection must be made. Default 5,000. */
  readonly connectTimeoutMs?: number;
  /** Milliseconds after which an unanswered call is given up. Default 5,000. */
  readonly callTimeoutMs?: number;
  readonly clock?: Clock;
  readonly logger?: Logger;
  readonly random?: Random;
}

/** What connections are shared by: the same server, asked in the same way, on the same clock. */
interface Shape {
  readonly target: AmqpTarget;
  readonly heartbeat: number;
  readonly connectTimeoutMs: number;
  readonly callTimeoutMs: number;
  readonly clock: Clock;
  readonly random: Random;
}

export interface BrokerHealth {
  /** Milliseconds that an answer took; absent when none came. */
  readonly latencyMs?: number;
  readonly links: Readonly<Partial<Record<LinkRole, LinkState>>>;
  readonly server?: ServerReport;
  /** Why the server takes no jobs now. */
  readonly blockedBy?: string;
  readonly error?: Error;
}

const DEFAULT_HEARTBEAT_S = 5;
const DEFAULT_TIMEOUT_MS = 5_000;

/** The connections to one server, for all their owners. */
class Connections {
  readonly shape: Shape;
  readonly loggers = new Set<Logger>();
  readonly #links = new Map<LinkRole, Link>();
  owners = 0;
  server: ServerReport | undefined;

  constructor(shape: Shape) {
    this.shape = shape;
  }

  link(role: LinkRole): Link {
    let link = this.#links.get(role);
    if (link === undefined) {
      link = new Link({
        ...this.shape,
        role,
        check: (properties) => {
          this.server = serverReportOf(properties);
        },
        changed: (state, error) => this.#changed(role, state, error),
      });
      this.#links.set(role, link);
    }
    return link;
  }

  get states(): Partial<Record<LinkRole, LinkState>> {
    return Object.fromEntries([...this.#links].map(([role, { state }]) => [role, state]));
  }

  async close(): Promise<void> {
    await Promise.all([...this.#links.values()].map((link) => link.close()));
  }

  #changed(role: LinkRole, state: LinkState, error: Error | undefined): void {
    const { blockedBy } = this.link(role);
    for (const logger of this.loggers)
      if (state === "blocked")
        logger.warn("RabbitMQ takes no messages: it has an alarm", { role, reason: blockedBy });
      else if (state === "reconnecting" && error !== undefined)
        logger.debug("a connection to RabbitMQ is made anew", { role, error: shownError(error) });
  }
}

/** Open connections of this process. */
const open = new Set<Connections>();

const fits = (a: Shape, b: Shape): boolean =>
  sameTarget(a.target, b.target) &&
  a.heartbeat === b.heartbeat &&
  a.connectTimeoutMs === b.connectTimeoutMs &&
  a.callTimeoutMs === b.callTimeoutMs &&
  a.clock === b.clock &&
  a.random === b.random;

/** One owner's share in the connections to a server, which end with their last owner. */
export class Broker {
  readonly #connections: Connections;
  #closed = false;

  constructor(connections: Connections, logger: Logger) {
    this.#connections = connections;
    connections.owners++;
    connections.loggers.add(logger);
  }

  get clock(): Clock {
    return this.#connections.shape.clock;
  }

  get random(): Random {
    return this.#connections.shape.random;
  }

  get callTimeoutMs(): number {
    return this.#connections.shape.callTimeoutMs;
  }

  /** @throws ClosedError */
  link(role: LinkRole): Link {
    if (this.#closed) throw new ClosedError({ resource: "rabbitmq connection" });
    return this.#connections.link(role);
  }

  /** Lends a channel of its own, on a connection for such work, and closes it when the work is done. */
  async withChannel<T>(work: (channel: Channel) => Promise<T>): Promise<T> {
    const model = await this.link("application").ready("rabbitmq");
    const channel = await this.#inTime(model.createChannel(), "the opening of a channel");
    // What the server says against it reaches the work by its calls.
    channel.on("error", () => {});
    try {
      return await work(channel);
    } finally {
      await channel.close().catch(() => {});
    }
  }

  /** Lends a connection of its own, and closes it when the work is done. */
  async withConnection<T>(work: (connection: ChannelModel) => Promise<T>): Promise<T> {
    if (this.#closed) throw new ClosedError({ resource: "rabbitmq connection" });
    const { target, heartbeat, connectTimeoutMs } = this.#connections.shape;
    const name = `lexigram lent ${process.pid}`;
    const model = await this.#inTime(
      connectAmqp(target, { timeoutMs: connectTimeoutMs, heartbeat, name }),
      "the opening of a connection",
    );
    model.on("error", () => {});
    try {
      return await work(model);
    } finally {
      await model.close().catch(() => {});
    }
  }

  /** Asks the server for a channel. Never rejects. */
  async health(): Promise<BrokerHealth> {
    if (this.#closed) return { links: {}, error: new ClosedError({ resource: "rabbitmq connection" }) };
    const since = this.clock.monotonic();
    let error: Error | undefined;
    try {
      const model = await this.link("consuming").ready("rabbitmq");
      const channel = await this.#inTime(model.createChannel(), "the opening of a channel");
      await this.#inTime(channel.close(), "the end of a channel");
    } catch (failed) {
      error = failed as Error;
    }
    const { server, states } = this.#connections;
    const blockedBy = states.publishing === "blocked" ? this.link("publishing").blockedBy : undefined;
    return {
      links: states,
      ...(server === undefined ? {} : { server }),
      ...(blockedBy === undefined ? {} : { blockedBy }),
      ...(error === undefined ? { latencyMs: this.clock.monotonic() - since } : { error }),
    };
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    if (--this.#connections.owners > 0) return;
    open.delete(this.#connections);
    await this.#connections.close();
  }

  async #inTime<T>(call: Promise<T>, what: string): Promise<T> {
    try {
      return await inTime(call, this.callTimeoutMs, this.clock, what);
    } catch (error) {
      throw unavailable("rabbitmq", error);
    }
  }
}

/**
 * Opens connections to a server, or joins those that this process has to it with the same options. They are made when
 * they are first used: one for what is published, which the server stops reading while it has an alarm, and one for
 * what is consumed.
 */
export function openBroker(options: BrokerOptions): Broker {
  const shape: Shape = {
    target: options.target,
    heartbeat: options.heartbeat ?? DEFAULT_HEARTBEAT_S,
    connectTimeoutMs: options.connectTimeoutMs ?? DEFAULT_TIMEOUT_MS,
    callTimeoutMs: options.callTimeoutMs ?? DEFAULT_TIMEOUT_MS,
    clock: options.clock ?? systemClock,
    random: options.random ?? systemRandom,
  };
  let connections = [...open].find((other) => fits(other.shape, shape));
  if (connections === undefined) open.add((connections = new Connections(shape)));
  return new Broker(connections, options.logger ?? silentLogger);
}
