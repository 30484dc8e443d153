import {
  type Clock,
  type Logger,
  nearest,
  type Random,
  TaskConfigError,
  unknownKeys,
} from "@lexigram/contracts";
import type { Cluster, ClusterNode, ClusterOptions, Redis, RedisOptions, SentinelAddress } from "ioredis";
import type { RedisTarget } from "./connection/ioredis-clients.ts";
import type { ConnectionOptions } from "./connection/open-connection.ts";

/** The nodes to ask first, and how to reach them all. */
export interface RedisClusterTarget {
  /** At least one; the others are learnt from it. */
  readonly nodes: readonly ClusterNode[];
  /** As ioredis takes them. Retries and queues of its own are switched off: the backend has its own. */
  readonly options?: ClusterOptions;
}

/** Who tells where the primary is; further fields are ioredis options of the servers, such as `password` or `tls`. */
export interface RedisSentinelTarget extends Omit<RedisOptions, "sentinels" | "name"> {
  readonly sentinels: readonly Partial<SentinelAddress>[];
  /** The group's name as the sentinels know it. */
  readonly name: string;
}

/** Where the server is and how it is asked. Exactly one of `url`, `client`, `cluster` and `sentinel` is given. */
export interface RedisConnectionOptions {
  /** `redis://[user:password@]host[:port][/database]`, or `rediss://` for TLS. Backends of one URL share connections. */
  readonly url?: string;
  /**
   * A client of the caller's, which is never closed here. Calls go through it while its connection lasts; the
   * subscriber, and whatever follows a lost connection, are copies of it.
   */
  readonly client?: Redis | Cluster;
  readonly cluster?: RedisClusterTarget;
  readonly sentinel?: RedisSentinelTarget;
  /**
   * Replicas that must hold what an enqueue or a settlement wrote before it resolves; when fewer confirm it within a
   * second, it rejects with `accepted: "unknown"`. Default 0: none is asked.
   */
  readonly waitReplicas?: number;
  /**
   * `replica` lets a replica of a cluster or of a Sentinel group answer what only looks, which may then be a little
   * old; the primary answers when no replica does. Default `primary`.
   */
  readonly readFrom?: "primary" | "replica";
  /** Milliseconds after which an unanswered call is given up, 50 to 600,000. Default 5,000. */
  readonly callTimeoutMs?: number;
  /** Default: the machine's clock. */
  readonly clock?: Clock;
  /** Is told once what the server's settings risk. Default: nobody is. */
  readonly logger?: Logger;
  /** Default: the machine's. */
  readonly random?: Random;
}

export interface RedisBackendOptions extends RedisConnectionOptions {
  /**
   * What all keys and channels begin with: 1 to 64 letters, digits, `.`, `_`, `-` and `:`, a letter or digit first.
   * Applications that share a server without sharing jobs take one each. Default `lexigram`.
   */
  readonly namespace?: string;
}

const TARGETS = ["url", "client", "cluster", "sentinel"] as const;

const CONNECTION_OPTIONS = [
  ...TARGETS,
  "waitReplicas",
  "readFrom",
  "callTimeoutMs",
  "clock",
  "logger",
  "random",
] as const satisfies readonly (keyof RedisConnectionOptions)[];

const NAMESPACE = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$/;
const DEFAULT_NAMESPACE = "lexigram";
const SHORTEST_CALL_MS = 50;
const LONGEST_CALL_MS = 600_000;
const MOST_REPLICAS = 100;

function refuse(path: string, message: string, hint: string): never {
  throw new TaskConfigError(message, { path }, { hint });
}

/**
 * @param what whose options they are, in errors.
 * @param known options besides those of the connection.
 * @throws TaskConfigError for an option that is neither.
 */
export function refuseUnknown(what: string, options: object, known: readonly string[]): void {
  for (const { key, nearest: near } of unknownKeys(options, known))
    refuse(
      key,
      `${what} has no option "${key}"`,
      near === undefined ? `its options: ${known.join(", ")}` : `did you mean "${near}"?`,
    );
}

/** The address as ioredis takes it. A URL may hold a password, so no error quotes it. */
function urlTarget(url: unknown, path: string): RedisTarget {
  const shape = "use redis://host:port/database, with user:password@ before the host, or rediss:// for TLS";
  if (typeof url !== "string") refuse(path, `${path} is no text`, shape);
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch {
    refuse(path, `${path} is no URL`, shape);
  }
  if (parsed.protocol !== "redis:" && parsed.protocol !== "rediss:")
    refuse(path, `${path} begins with ${parsed.protocol}//, which is not Redis`, shape);
  if (!/^(\/\d*)?$/.test(parsed.pathname))
    refuse(path, `${path} ends in "${parsed.pathname}", which is no database`, shape);
  return { kind: "url", url };
}

function clientTarget(client: unknown): RedisTarget {
  const { duplicate, sendCommand, status, isCluster } = (client ?? {}) as Partial<Redis>;
  if (
    typeof duplicate !== "function" ||
    typeof sendCommand !== "function" ||
    typeof status !== "string" ||
    typeof isCluster !== "boolean"
  )
    refuse("client", "client is no client of ioredis", "give new Redis(...) or new Cluster(...) of ioredis");
  return { kind: "client", client: client as Redis | Cluster };
}

function clusterTarget(cluster: unknown): RedisTarget {
  const hint = "give { nodes: [{ host, port }, ...] }";
  if (typeof cluster !== "object" || cluster === null) refuse("cluster", "cluster is no object", hint);
  refuseUnknown("cluster", cluster, ["nodes", "options"]);
  const { nodes, options = {} } = cluster as Partial<RedisClusterTarget>;
  if (!Array.isArray(nodes) || nodes.length === 0)
    refuse("cluster.nodes", "cluster.nodes names no node", hint);
  return { kind: "cluster", nodes: nodes as ClusterNode[], options };
}

function sentinelTarget(sentinel: unknown): RedisTarget {
  const hint = "give { sentinels: [{ host, port }, ...], name }";
  if (typeof sentinel !== "object" || sentinel === null) refuse("sentinel", "sentinel is no object", hint);
  const { sentinels, name } = sentinel as Partial<RedisSentinelTarget>;
  if (!Array.isArray(sentinels) || sentinels.length === 0)
    refuse("sentinel.sentinels", "sentinel.sentinels names nobody to ask", hint);
  if (typeof name !== "string" || name === "")
    refuse("sentinel.name", "sentinel.name is missing: the group's name as the sentinels know it", hint);
  return { kind: "sentinel", options: sentinel };
}

function targetOf(what: string, options: RedisConnectionOptions, urlPath: string): RedisTarget {
  const given = TARGETS.filter((name) => options[name] !== undefined);
  const [kind, second] = given;
  if (kind === undefined)
    refuse(urlPath, `${what} is not told where the server is`, `give one of ${TARGETS.join(", ")}`);
  if (second !== undefined)
    refuse(second, `${what} is given both ${kind} and ${second}`, "give one of the two");
  switch (kind) {
    case "url":
      return urlTarget(options.url, urlPath);
    case "client":
      return clientTarget(options.client);
    case "cluster":
      return clusterTarget(options.cluster);
    case "sentinel":
      return sentinelTarget(options.sentinel);
  }
}

function wholeBetween(path: string, value: unknown, least: number, most: number): void {
  if (value !== undefined && !(Number.isInteger(value) && Number(value) >= least && Number(value) <= most))
    refuse(path, `${path} is ${JSON.stringify(value)}`, `give a whole number from ${least} to ${most}`);
}

function lent(path: string, value: object | undefined, member: string): void {
  if (value !== undefined && typeof (value as Record<string, unknown> | null)?.[member] !== "function")
    refuse(path, `${path} has no ${member}()`, `give an object that implements the ${path} of contracts`);
}

export interface ConnectionCheck {
  /** Options besides those of the connection. */
  readonly others?: readonly string[];
  /** As which option the URL was given. Default `url`. */
  readonly urlPath?: string;
}

/**
 * Checks what was given and says where to connect to.
 *
 * @param what whose options they are, in errors.
 * @throws TaskConfigError for an unknown option, a bad value, or not exactly one address.
 */
export function connectionOptions(
  what: string,
  options: RedisConnectionOptions,
  { others = [], urlPath = "url" }: ConnectionCheck = {},
): ConnectionOptions {
  refuseUnknown(what, options, [...CONNECTION_OPTIONS, ...others]);
  const { waitReplicas, readFrom, callTimeoutMs, clock, logger, random } = options;
  wholeBetween("waitReplicas", waitReplicas, 0, MOST_REPLICAS);
  wholeBetween("callTimeoutMs", callTimeoutMs, SHORTEST_CALL_MS, LONGEST_CALL_MS);
  if (readFrom !== undefined && readFrom !== "primary" && readFrom !== "replica") {
    const near = nearest(String(readFrom), ["primary", "replica"]);
    refuse(
      "readFrom",
      `readFrom is "${String(readFrom)}"`,
      near === undefined ? 'give "primary" or "replica"' : `did you mean "${near}"?`,
    );
  }
  lent("clock", clock, "setTimer");
  lent("logger", logger, "warn");
  if (random !== undefined && typeof random !== "function")
    refuse("random", "random is no function", "give a function that returns numbers from 0 to 1");
  return {
    target: targetOf(what, options, urlPath),
    ...(waitReplicas === undefined ? {} : { waitReplicas }),
    ...(readFrom === undefined ? {} : { readFrom }),
    ...(callTimeoutMs === undefined ? {} : { callTimeoutMs }),
    ...(clock === undefined ? {} : { clock }),
    ...(logger === undefined ? {} : { logger }),
    ...(random === undefined ? {} : { random }),
  };
}

/** @throws TaskConfigError for a namespace outside the allow-list. */
export function namespaceOf(namespace: unknown = DEFAULT_NAMESPACE): string {
  if (typeof namespace !== "string" || !NAMESPACE.test(namespace))
    refuse(
      "namespace",
      `"${String(namespace)}" is no namespace`,
      "use 1 to 64 letters, digits, and . _ - : , beginning with a letter or digit",
    );
  return namespace;
}
