// The one window to the client library. A client made here connects once: it neither reconnects, nor queues, nor sends
// anything again by itself. What comes after its end is the link's business, which makes another.
import {
  Cluster,
  type ClusterNode,
  type ClusterOptions,
  type Command,
  Redis,
  type RedisOptions,
} from "ioredis";
import type { Call } from "./call.ts";
import { shownError } from "./refusals.ts";

/** Where the server is, and how to reach it. */
export type RedisTarget =
  | { readonly kind: "url"; readonly url: string }
  | { readonly kind: "sentinel"; readonly options: RedisOptions }
  | { readonly kind: "cluster"; readonly nodes: readonly ClusterNode[]; readonly options: ClusterOptions }
  | { readonly kind: "client"; readonly client: Redis | Cluster };

/** What a link is for. A `replica` is asked for what may be a little old. */
export type LinkRole = "commands" | "subscriber" | "replica";

/** One server behind a client: a client of a cluster has several. */
export interface ServerNode {
  readonly address: string;
  ping(): Promise<unknown>;
  info(): Promise<string>;
  /** The settings of these names; a server may refuse to tell. */
  settings(...names: string[]): Promise<ReadonlyMap<string, string>>;
  /** Breaks the socket; what was under way on it is answered with an error at once. */
  drop(): void;
}

/** A client from its making to its end, once. */
export interface RedisClient {
  readonly cluster: boolean;
  /** Whether one of its nodes can be dropped, so that the others go on. */
  readonly divisible: boolean;
  /** Resolves when calls may be sent. */
  connect(): Promise<void>;
  /** Calls of one turn go out in one packet where they go to one server. */
  send(call: Call): void;
  /** Servers with an open socket. */
  nodes(): readonly ServerNode[];
  /** The servers that jobs may be stored on. */
  primaries(): readonly ServerNode[];
  subscribe(channels: readonly string[]): Promise<void>;
  unsubscribe(channel: string): Promise<void>;
  /** Looks again which node holds which slots. */
  lookAround(): void;
  /** Closes what was made here; of a client of the caller's it lets go. Idempotent. */
  destroy(): void;
}

export interface ClientEvents {
  /** The link is gone. May be told more than once. */
  readonly lost: (error: Error) => void;
  readonly message: (channel: string, text: string) => void;
}

/** Bytes that are not kept until the end of a turn. */
const LARGE_BYTES = 16_384;
const HANDSHAKE_MS = 3_000;
const gone = new Error("the connection was closed");

const ONCE = {
  lazyConnect: true,
  retryStrategy: () => null,
  enableReadyCheck: false,
  enableOfflineQueue: false,
  autoResubscribe: false,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
  connectTimeout: HANDSHAKE_MS,
  disconnectTimeout: 100,
  sentinelRetryStrategy: () => null,
  sentinelCommandTimeout: HANDSHAKE_MS,
  disableClientInfo: true,
  enableAutoPipelining: false,
  keyPrefix: "",
  stringNumbers: false,
  replyMapping: "legacy",
} as const satisfies RedisOptions;

function nodeOf(redis: Redis): ServerNode {
  const { host = "localhost", port = 6379, path } = redis.options;
  return {
    address: path ?? `${host}:${port}`,
    ping: () => redis.ping(),
    info: () => redis.info(),
    async settings(...names) {
      const found = new Map<string, string>();
      for (const name of names) {
        const [, value] = await redis.config("GET", name);
        if (value !== undefined) found.set(name, value);
      }
      return found;
    },
    drop: () => drop(redis),
  };
}

function drop(redis: Redis): void {
  redis.disconnect();
  // Absent until the first attempt to connect, whatever its type says.
  (redis.stream as typeof redis.stream | undefined)?.destroy();
}

/** What both kinds of client have in common. */
abstract class Incarnation<C extends Redis | Cluster> {
  protected readonly client: C;
  protected readonly borrowed: boolean;
  readonly #events: ClientEvents;
  #lastError: Error | undefined;
  #over = false;

  constructor(client: C, borrowed: boolean, events: ClientEvents) {
    this.client = client;
    this.borrowed = borrowed;
    this.#events = events;
    const emitter = client as Redis;
    emitter.on("error", this.#onError);
    emitter.on("close", this.#onEnd);
    emitter.on("end", this.#onEnd);
    emitter.on("message", this.#onMessage);
  }

  readonly #onError = (error: Error): void => {
    this.#lastError = error;
  };
  readonly #onEnd = (): void => this.#events.lost(shownError(this.#lastError ?? gone));
  readonly #onMessage = (channel: string, text: string): void => this.#events.message(channel, text);

  async connect(): Promise<void> {
    const client = this.client as Redis;
    if (this.borrowed && client.status !== "wait") await ready(client);
    else
      try {
        await client.connect();
      } catch (error) {
        // The rejection only says that the connection closed; what closed it was told by an event.
        throw shownError(this.#lastError ?? error);
      }
  }

  send(call: Call): void {
    // What the library reads of a command is what a call has; its class has private members besides.
    this.client.sendCommand(call as unknown as Command);
  }

  destroy(): void {
    if (this.#over) return;
    this.#over = true;
    const emitter = this.client as Redis;
    emitter.off("close", this.#onEnd);
    emitter.off("end", this.#onEnd);
    emitter.off("message", this.#onMessage);
    if (this.borrowed) emitter.off("error", this.#onError);
    else this.end();
  }

  protected abstract end(): void;
}

/** Waits for a client of the caller's, which is on its way or never will be. */
function ready(client: Redis): Promise<void> {
  if (client.status === "ready") return Promise.resolve();
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      client.off("ready", settle);
      client.off("close", settle);
      client.off("end", settle);
      if (client.status === "ready") resolve();
      else reject(gone);
    };
    if (client.status === "end") reject(gone);
    for (const event of ["ready", "close", "end"]) client.on(event, settle);
  });
}

class SingleClient extends Incarnation<Redis> implements RedisClient {
  readonly cluster = false;
  readonly divisible = false;

  #corked: Redis["stream"] | undefined;

  // A system call costs more than all else of a call, so those of one turn share theirs.
  readonly #uncork = (): void => {
    this.#corked?.uncork();
    this.#corked = undefined;
  };

  override send(call: Call): void {
    if (this.#corked === undefined) {
      this.#corked = this.client.stream;
      this.#corked.cork();
      process.nextTick(this.#uncork);
    }
    super.send(call);
    // The server reads what is large while the next call is made.
    if (this.#corked !== undefined && this.#corked.writableLength >= LARGE_BYTES) this.#uncork();
  }
  nodes(): readonly ServerNode[] {
    return [nodeOf(this.client)];
  }
  primaries(): readonly ServerNode[] {
    return this.nodes();
  }
  async subscribe(channels: readonly string[]): Promise<void> {
    await this.client.subscribe(...channels);
  }
  async unsubscribe(channel: string): Promise<void> {
    await this.client.unsubscribe(channel);
  }
  lookAround(): void {}
  protected end(): void {
    drop(this.client);
  }
}

class ClusterClient extends Incarnation<Cluster> implements RedisClient {
  readonly cluster = true;

  get divisible(): boolean {
    return !this.borrowed;
  }

  nodes(): readonly ServerNode[] {
    return this.client
      .nodes()
      .filter((node) => node.status === "ready")
      .map(nodeOf);
  }
  primaries(): readonly ServerNode[] {
    return this.client.nodes("master").map(nodeOf);
  }
  subscribe(): Promise<void> {
    return Promise.reject(new Error("a cluster is heard through one of its nodes"));
  }
  unsubscribe(): Promise<void> {
    return this.subscribe();
  }
  lookAround(): void {
    this.client.refreshSlotsCache();
  }
  /** Settings that reach one of the nodes, another one each time. */
  nodeClient(random: () => number, options: ReturnType<typeof named>): Redis {
    const nodes = this.client.nodes();
    const node = nodes[Math.floor(random() * nodes.length)];
    if (node === undefined) throw new Error("no node of the cluster is known yet");
    return node.duplicate(options);
  }
  protected end(): void {
    const nodes = this.client.nodes();
    this.client.disconnect();
    for (const node of nodes) drop(node);
  }
}

const named = (role: LinkRole) => ({ ...ONCE, connectionName: `lexigram-${role}` });

function clusterOptions(options: ClusterOptions, role: LinkRole, readFromReplicas: boolean) {
  return {
    ...options,
    lazyConnect: true,
    clusterRetryStrategy: () => null,
    keyPrefix: "",
    enableAutoPipelining: false,
    scaleReads: readFromReplicas ? "slave" : "master",
    redisOptions: { ...options.redisOptions, ...named(role) },
  } satisfies ClusterOptions;
}

/** By what it says, so that a client of another copy of the library is known too. */
function ofCluster(client: Redis | Cluster): client is Cluster {
  return client.isCluster;
}

/** Whether a client of the caller's may carry our calls: its replies must come as we read them. */
function lendable(client: Redis | Cluster): boolean {
  const options: Partial<RedisOptions> =
    client instanceof Cluster ? (client.options.redisOptions ?? {}) : client.options;
  return options.stringNumbers !== true && options.replyMapping !== "resp3";
}

export interface MakeOptions {
  readonly target: RedisTarget;
  readonly role: LinkRole;
  /** The first client of its link: a client of the caller's is used while it lasts, and replaced by copies of it. */
  readonly first: boolean;
  readonly readFromReplicas: boolean;
  readonly random: () => number;
  /** The client through which the nodes of a cluster are known. */
  readonly through: RedisClient | undefined;
  readonly events: ClientEvents;
}

/** Makes a client that has not connected yet. @throws Error when a cluster's nodes are not known yet. */
export function makeClient(options: MakeOptions): RedisClient {
  const { target, role, events } = options;
  if (role === "subscriber" && isCluster(target)) {
    if (!(options.through instanceof ClusterClient)) throw new Error("no node of the cluster is known yet");
    return new SingleClient(options.through.nodeClient(options.random, named(role)), false, events);
  }
  switch (target.kind) {
    case "url":
      return new SingleClient(new Redis(target.url, named(role)), false, events);
    case "sentinel":
      return new SingleClient(
        new Redis({
          ...target.options,
          ...named(role),
          role: role === "replica" ? "slave" : "master",
        } as const),
        false,
        events,
      );
    case "cluster": {
      const made = clusterOptions(target.options, role, options.readFromReplicas);
      return new ClusterClient(new Cluster([...target.nodes], made), false, events);
    }
    case "client": {
      const { client } = target;
      const lends = options.first && role === "commands" && lendable(client);
      if (ofCluster(client)) {
        // Where the caller's own client reads from is the caller's choice.
        const borrow = lends && !options.readFromReplicas;
        const made = clusterOptions(client.options, role, options.readFromReplicas);
        return new ClusterClient(borrow ? client : client.duplicate([], made), borrow, events);
      }
      return new SingleClient(lends ? client : client.duplicate(named(role)), lends, events);
    }
  }
}

/** Whether it leads to a cluster. */
function isCluster(target: RedisTarget): boolean {
  return target.kind === "cluster" || (target.kind === "client" && ofCluster(target.client));
}
