import {
  ClosedError,
  type Clock,
  type Logger,
  QueueUnavailableError,
  type Random,
  silentLogger,
  type Timer,
} from "@lexigram/contracts";
import { ScriptCall, WaitCall } from "./call.ts";
import { type LinkRole, makeClient, type RedisClient, type RedisTarget } from "./ioredis-clients.ts";
import { Link, type LinkState } from "./link.ts";
import type { ChannelListener, ConnectionHealth, RunOptions, ScriptArgument } from "./redis-connection.ts";
import type { RedisScript } from "./redis-script.ts";
import { shownError, unavailable } from "./refusals.ts";
import { checkServer, NotYetError, type ServerReport } from "./server-check.ts";
import { Subscriptions } from "./subscriptions.ts";

const LONGEST_PULSE_MS = 500;
const LOOK_MS = 3_000;
const PROBE_MS = 3_000;
const CONNECT_MS = 3_000;
/** What a call waits for a link that is not there, before it fails. */
const LINK_WAIT_MS = 1_000;
const LOADING_POLL_MS = 100;
const LONGEST_WAIT_FOR_REPLICAS_MS = 1_000;

/** What one connection is shared by: the same server, asked in the same way, on the same clock. */
export interface ConnectionShape {
  readonly target: RedisTarget;
  readonly waitReplicas: number;
  readonly readFrom: "primary" | "replica";
  readonly callTimeoutMs: number;
  readonly clock: Clock;
  readonly random: Random;
}

/** The links to one server or cluster, for all its owners. */
export class Connection {
  readonly shape: ConnectionShape;
  owners = 0;
  readonly #loggers = new Set<Logger>();
  readonly #warned = new Set<string>();
  readonly #commands: Link;
  #subscriber: Link | undefined;
  #replica: Link | undefined;
  readonly #subscriptions: Subscriptions;
  readonly #pulseMs: number;
  #pulse: Timer | undefined;
  #closed = false;
  #servers: readonly ServerReport[] = [];

  constructor(shape: ConnectionShape) {
    this.shape = shape;
    this.#pulseMs = Math.max(5, Math.min(LONGEST_PULSE_MS, shape.callTimeoutMs / 10));
    this.#commands = this.#link("commands", (client, alive) => this.#check(client, alive));
    this.#subscriptions = new Subscriptions(
      () => this.#subscriberLink(),
      () => this.#logger,
    );
  }

  addLogger(logger: Logger): void {
    if (this.#loggers.has(logger)) return;
    this.#loggers.add(logger);
    for (const risk of this.#warned) logger.warn("the Redis server risks accepted jobs", { risk });
  }

  run(
    script: RedisScript,
    keys: readonly string[],
    args: readonly ScriptArgument[],
    options: RunOptions,
  ): Promise<unknown> {
    if (options.durable === true && this.shape.waitReplicas > 0)
      return this.#runDurable(script, keys, args, options.subject);
    const link = this.#commands;
    const { client } = link;
    if (client === undefined) return this.#later(link, script, keys, args, options);
    const call = new ScriptCall(link, script, keys, args, options.subject, false);
    client.send(call);
    return call.promise;
  }

  async #later(
    link: Link,
    script: RedisScript,
    keys: readonly string[],
    args: readonly ScriptArgument[],
    options: RunOptions,
  ): Promise<unknown> {
    const client = await this.#ready(link, options.subject);
    const call = new ScriptCall(link, script, keys, args, options.subject, false);
    client.send(call);
    return call.promise;
  }

  async #runDurable(
    script: RedisScript,
    keys: readonly string[],
    args: readonly ScriptArgument[],
    subject: string,
  ): Promise<unknown> {
    const link = this.#commands;
    const client = link.client ?? (await this.#ready(link, subject));
    const { waitReplicas, callTimeoutMs } = this.shape;
    const timeoutMs = Math.ceil(Math.min(LONGEST_WAIT_FOR_REPLICAS_MS, callTimeoutMs / 2));
    const call = new ScriptCall(link, script, keys, args, subject, false);
    let wait = new WaitCall(link, keys, subject, waitReplicas, timeoutMs);
    client.send(call);
    client.send(wait);
    // Whatever the script's call ends with is told first.
    wait.promise.catch(() => {});
    const reply = await call.promise;
    let held: unknown;
    try {
      held = await wait.promise;
      // The server counts from what the socket wrote last, and a redirected or repeated call went another way.
      if (wait.socket !== call.socket || call.repeated) {
        wait = new WaitCall(link, keys, subject, waitReplicas, timeoutMs);
        (link.client ?? client).send(wait);
        held = await wait.promise;
        if (wait.socket !== call.socket) throw new Error("the socket that wrote it is gone");
      }
    } catch (error) {
      throw unavailable(subject, { accepted: "unknown", retryable: true }, error);
    }
    if (Number(held) >= waitReplicas) return reply;
    throw unavailable(
      subject,
      { accepted: "unknown", retryable: true },
      new Error(`${String(held)} of ${waitReplicas} replicas confirmed it within ${timeoutMs} ms`),
    );
  }

  read(
    script: RedisScript,
    keys: readonly string[],
    args: readonly ScriptArgument[],
    options: RunOptions,
  ): Promise<unknown> {
    const { subject } = options;
    if (this.shape.readFrom === "replica") return this.#readFromReplica(script, keys, args, { subject });
    return this.run(script, keys, args, { subject });
  }

  async #readFromReplica(
    script: RedisScript,
    keys: readonly string[],
    args: readonly ScriptArgument[],
    options: RunOptions,
  ): Promise<unknown> {
    try {
      const link = this.#readLink();
      const client = link.client ?? (await this.#ready(link, options.subject));
      const call = new ScriptCall(link, script, keys, args, options.subject, true);
      client.send(call);
      return await call.promise;
    } catch (error) {
      if (!(error instanceof QueueUnavailableError)) throw error;
      return this.run(script, keys, args, options);
    }
  }

  subscribe(channel: string, listener: ChannelListener, subject: string): Promise<() => void> {
    return this.#subscriptions.subscribe(channel, listener, subject, this.#waitMs);
  }

  async health(): Promise<ConnectionHealth> {
    const link = this.#commands;
    let latencyMs: number | undefined;
    let error: Error | undefined;
    try {
      const client = link.client ?? (await this.#ready(link, "health"));
      const since = this.shape.clock.monotonic();
      const [node] = client.nodes();
      await this.#inTime(node?.ping());
      latencyMs = this.shape.clock.monotonic() - since;
    } catch (caught) {
      error = shownError(link.lastError ?? caught);
    }
    const links: Record<string, LinkState> = { commands: link.state };
    if (this.#subscriber !== undefined) links["subscriber"] = this.#subscriber.state;
    if (this.#replica !== undefined) links["replica"] = this.#replica.state;
    error ??= this.#subscriber?.lastError;
    return {
      links,
      servers: this.#servers,
      ...(latencyMs === undefined ? {} : { latencyMs }),
      ...(error === undefined ? {} : { error }),
    };
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const reason = (): Error => new ClosedError({ resource: "redis connection" });
    const links = [this.#commands, this.#subscriber, this.#replica].filter((link) => link !== undefined);
    await Promise.all(links.map((link) => link.close(reason)));
    this.#pulse?.cancel();
    this.#pulse = undefined;
  }

  get #logger(): Logger {
    const [first = silentLogger] = this.#loggers;
    return first;
  }

  get #waitMs(): number {
    return Math.min(LINK_WAIT_MS, this.shape.callTimeoutMs);
  }

  #ready(link: Link, subject: string): Promise<RedisClient> {
    this.#beat();
    return link.ready(this.#waitMs, subject);
  }

  #readLink(): Link {
    // The client of a cluster knows the replicas of each slot by itself, and a plain URL names one server.
    if (this.shape.target.kind !== "sentinel") return this.#commands;
    this.#replica ??= this.#link("replica");
    return this.#replica;
  }

  #subscriberLink(): Link {
    this.#beat();
    this.#subscriber ??= this.#link("subscriber", (client, alive) =>
      this.#subscriptions.prepare(client, alive),
    );
    return this.#subscriber;
  }

  #link(role: LinkRole, prepare?: (client: RedisClient, alive: () => void) => Promise<void>): Link {
    const { target, random, clock, readFrom, callTimeoutMs } = this.shape;
    const pulses = (ms: number): number => Math.ceil(ms / this.#pulseMs);
    const link: Link = new Link({
      clock,
      random,
      pulses: {
        call: pulses(callTimeoutMs),
        look: pulses(LOOK_MS),
        probe: pulses(PROBE_MS),
        connect: pulses(CONNECT_MS),
      },
      make: (first, events) => {
        if (role !== "commands") this.#commands.open();
        return makeClient({
          target,
          role,
          first,
          random,
          events,
          readFromReplicas: readFrom === "replica",
          through: this.#commands.client,
        });
      },
      ...(prepare === undefined ? {} : { prepare }),
      message: (channel, text) => this.#subscriptions.message(channel, text),
      changed: (state, error) => this.#changed(role, state, error),
    });
    return link;
  }

  #changed(role: LinkRole, state: LinkState, error: Error | undefined): void {
    if (role === "subscriber" && state === "ready") this.#subscriptions.resumed();
    if (state === "reconnecting" && !this.#closed)
      for (const logger of this.#loggers) logger.debug("a link to Redis is made anew", { role, error });
  }

  async #check(client: RedisClient, alive: () => void): Promise<void> {
    const options = { primary: !client.cluster, waitReplicas: this.shape.waitReplicas };
    const reports: ServerReport[] = [];
    for (const node of client.primaries())
      for (;;)
        try {
          reports.push(await checkServer(node, options));
          alive();
          break;
        } catch (error) {
          if (!(error instanceof NotYetError && error.loading) || this.#closed) throw error;
          alive();
          await this.#pause(LOADING_POLL_MS);
        }
    this.#servers = reports;
    for (const { risks, address } of reports)
      for (const risk of risks) {
        if (this.#warned.has(risk)) continue;
        this.#warned.add(risk);
        for (const logger of this.#loggers)
          logger.warn("the Redis server risks accepted jobs", { risk, address });
      }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.shape.clock.setTimer(resolve, ms, { keepAlive: false });
    });
  }

  /** Rejects when the answer takes longer than a probe may. */
  async #inTime(answer: Promise<unknown> | undefined): Promise<void> {
    let timer: Timer | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = this.shape.clock.setTimer(
        () => reject(new Error("the server did not answer a PING")),
        PROBE_MS,
      );
    });
    try {
      await Promise.race([answer ?? Promise.reject(new Error("no server is connected")), late]);
    } finally {
      timer?.cancel();
    }
  }

  /** One timer for the deadlines of all calls and for all probes. It alone keeps no process alive. */
  #beat(): void {
    if (this.#pulse !== undefined || this.#closed) return;
    const beat = (): void => {
      this.#pulse = this.shape.clock.setTimer(beat, this.#pulseMs, { keepAlive: false });
      this.#commands.pulse();
      this.#subscriber?.pulse();
      this.#replica?.pulse();
    };
    this.#pulse = this.shape.clock.setTimer(beat, this.#pulseMs, { keepAlive: false });
  }
}
