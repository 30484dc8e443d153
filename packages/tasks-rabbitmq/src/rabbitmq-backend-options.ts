import type { ConnectionOptions as TlsOptions } from "node:tls";
import {
  type Clock,
  type Duration,
  type Logger,
  nearest,
  type Random,
  spanOption,
  type StateStoreProtocol,
  TaskConfigError,
  unknownKeys,
} from "@lexigram/contracts";
import { type AmqpTarget, targetOfFields, targetOfUrl } from "./connection/amqp-target.ts";
import type { BrokerOptions } from "./connection/broker.ts";
import type { QueueType } from "./topology/topology.ts";

/** Where the server is and how it is asked. Either `url`, or its fields. */
export interface RabbitMQConnectionOptions {
  /**
   * `amqp://[user:password@]host[:port][/virtual-host]`, or `amqps://` for TLS; `?heartbeat=` (seconds) and
   * `?connection_timeout=` (milliseconds) are read. Backends of one URL share connections.
   */
  readonly url?: string;
  /** Default `localhost`. */
  readonly host?: string;
  /** Default 5672, with `tls` 5671. */
  readonly port?: number;
  /** Default `/`. */
  readonly virtualHost?: string;
  /** Default `guest`. */
  readonly user?: string;
  /** Default `guest`. */
  readonly password?: string;
  /** `true`, or options as Node's TLS takes them, such as `ca`, `cert`, `key`. */
  readonly tls?: boolean | TlsOptions;
  /** The silence after which the server says that it lives, whole seconds; 0: never. A connection that is silent for two is given up. Default 5 seconds. */
  readonly heartbeat?: Duration;
  /** Within which a connection must be made. Default 5 seconds. */
  readonly connectTimeout?: Duration;
  /** Milliseconds after which an unanswered call is given up, 50 to 600,000. Default 5,000. */
  readonly callTimeoutMs?: number;
  /** Default: the machine's clock. */
  readonly clock?: Clock;
  /** Is told when the server takes no messages. Default: nobody is. */
  readonly logger?: Logger;
  /** Default: the machine's. */
  readonly random?: Random;
}

/** How the queues of the server are made that hold the jobs. */
export interface RabbitMQQueueOptions {
  /**
   * What the names of all queues of the server begin with: 1 to 64 letters, digits, `.`, `_`, `-` and `:`, a letter or
   * digit first. Applications that share a virtual host without sharing jobs take one each. Default `lexigram`.
   */
  readonly namespace?: string;
  /**
   * `quorum`: each message lies on most nodes of a cluster before it is confirmed. `classic`: on one node's disk. Queues
   * that are there keep their type. Default `quorum`.
   */
  readonly queueType?: QueueType;
  /** Workers with a higher one are sent messages first. Default 0. */
  readonly consumerPriority?: number;
  /**
   * The server's `consumer_timeout`, which it tells nobody: a delivery that is not acknowledged for so long is taken away
   * with its channel. Tasks whose time limit and grace take more than 80 % of it are refused when an application
   * boots; with a `jobIndex` a delivery that was held for half of it is recorded there, and acknowledged while its
   * attempt runs. At least 1 second; `null` where the server has none. Default 30 minutes, as the server's.
   */
  readonly ackTimeout?: Duration | null;
  /**
   * Where results have no state store, the outcome of a job comes back to the process that enqueued it. One that did not
   * come so long after the enqueue, and the delay, counts as lost: who waits gets `ResultUnavailableError`. At least 1
   * second; `null`: none are asked for, which saves a message for each job. Default 1 hour.
   */
  readonly replyTimeout?: Duration | null;
  /**
   * Keeps an index of the jobs in a state store of another backend, so that `getJob`, `deleteJob`, `cancel`, `count` by
   * status, `pause`, unique ids and keys, `maxRecoveries` and tasks beyond `ackTimeout` work: that store; or `true` for the one that the entry of
   * the queue names in `state`. Everybody who uses the queue must say the same. Each job then costs about six calls of
   * that store, and while it is away the queue is. Default: none.
   */
  readonly jobIndex?: boolean | StateStoreProtocol;
}

export interface RabbitMQBackendOptions extends RabbitMQConnectionOptions, RabbitMQQueueOptions {}

const FIELDS = ["host", "port", "virtualHost", "user", "password"] as const;

const CONNECTION_OPTIONS = [
  "url",
  ...FIELDS,
  "tls",
  "heartbeat",
  "connectTimeout",
  "callTimeoutMs",
  "clock",
  "logger",
  "random",
] as const satisfies readonly (keyof RabbitMQConnectionOptions)[];

export const QUEUE_OPTIONS = [
  "namespace",
  "queueType",
  "consumerPriority",
  "ackTimeout",
  "replyTimeout",
  "jobIndex",
] as const satisfies readonly (keyof RabbitMQQueueOptions)[];

const NAMESPACE = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$/;
const DEFAULT_NAMESPACE = "lexigram";
const QUEUE_TYPES: readonly QueueType[] = ["quorum", "classic"];
const SHORTEST_CALL_MS = 50;
const LONGEST_CALL_MS = 600_000;
const LONGEST_HEARTBEAT_MS = 65_535_000;
const SECOND_MS = 1_000;
const DEFAULT_ACK_TIMEOUT_MS = 1_800_000;
const DEFAULT_REPLY_TIMEOUT_MS = 3_600_000;

function refuse(path: string, message: string, hint: string): never {
  throw new TaskConfigError(message, { path }, { hint });
}

/**
 * @param what whose options they are, in errors.
 * @param known every option there is.
 * @throws TaskConfigError for an option that is not known, with the nearest one.
 */
export function refuseUnknown(what: string, options: object, known: readonly string[]): void {
  for (const { key, nearest: near } of unknownKeys(options, known))
    refuse(
      key,
      `${what} has no option "${key}"`,
      near === undefined ? `its options: ${known.join(", ")}` : `did you mean "${near}"?`,
    );
}

function wholeBetween(path: string, value: unknown, least: number, most: number): void {
  if (value !== undefined && !(Number.isInteger(value) && Number(value) >= least && Number(value) <= most))
    refuse(path, `${path} is ${JSON.stringify(value)}`, `give a whole number from ${least} to ${most}`);
}

function lent(path: string, value: object | undefined, member: string): void {
  if (value !== undefined && typeof (value as Record<string, unknown> | null)?.[member] !== "function")
    refuse(path, `${path} has no ${member}()`, `give an object that implements the ${path} of contracts`);
}

/** A password is a field like the others, so what is wrong with one is told without it. */
function checkFields(what: string, options: RabbitMQConnectionOptions, urlPath: string): void {
  for (const path of ["host", "virtualHost", "user", "password"] as const)
    if (options[path] !== undefined && (typeof options[path] !== "string" || options[path] === ""))
      refuse(path, `${path} is no text`, `give a text, or leave ${path} out`);
  wholeBetween("port", options.port, 1, 65_535);
  const field = FIELDS.find((name) => options[name] !== undefined);
  if (options.url !== undefined && field !== undefined)
    refuse(
      field,
      `${what} is given both ${urlPath} and ${field}`,
      `write it into ${urlPath}, or leave ${urlPath} out`,
    );
  if (options.url === undefined && field === undefined)
    refuse(
      urlPath,
      `${what} is not told where the server is`,
      `give ${urlPath}, or host and what goes with it`,
    );
}

function tlsOf(tls: unknown): TlsOptions | undefined {
  if (tls === undefined || tls === false) return undefined;
  if (tls === true) return {};
  if (typeof tls !== "object" || tls === null || Array.isArray(tls))
    refuse("tls", "tls is no set of options", "give true, or options as Node's TLS takes them");
  return tls;
}

function targetOf(
  what: string,
  options: RabbitMQConnectionOptions,
  urlPath: string,
): { target: AmqpTarget; heartbeat?: number; connectTimeoutMs?: number } {
  checkFields(what, options, urlPath);
  const tls = tlsOf(options.tls);
  if (options.url === undefined) return { target: targetOfFields(options, tls) };
  const { target, settings } = targetOfUrl(options.url, urlPath);
  if (tls !== undefined && target.protocol !== "amqps")
    refuse(
      "tls",
      `${what} is given tls, and ${urlPath} begins with amqp://`,
      `begin ${urlPath} with amqps://`,
    );
  return { target: tls === undefined ? target : { ...target, tls }, ...settings };
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
 * @throws TaskConfigError for an unknown option, a bad value, or an address that is none.
 */
export function connectionOptions(
  what: string,
  options: RabbitMQConnectionOptions,
  { others = [], urlPath = "url" }: ConnectionCheck = {},
): BrokerOptions {
  refuseUnknown(what, options, [...CONNECTION_OPTIONS, ...others]);
  const { callTimeoutMs, clock, logger, random } = options;
  wholeBetween("callTimeoutMs", callTimeoutMs, SHORTEST_CALL_MS, LONGEST_CALL_MS);
  lent("clock", clock, "setTimer");
  lent("logger", logger, "warn");
  if (random !== undefined && typeof random !== "function")
    refuse("random", "random is no function", "give a function that returns numbers from 0 to 1");
  const { target, heartbeat, connectTimeoutMs } = targetOf(what, options, urlPath);
  const heartbeatS =
    options.heartbeat === undefined
      ? heartbeat
      : Math.ceil(
          spanOption(what, "heartbeat", options.heartbeat, { atMost: LONGEST_HEARTBEAT_MS }) / SECOND_MS,
        );
  const connectMs =
    options.connectTimeout === undefined
      ? connectTimeoutMs
      : spanOption(what, "connectTimeout", options.connectTimeout, { above: 0, atMost: LONGEST_CALL_MS });
  return {
    target,
    ...(heartbeatS === undefined ? {} : { heartbeat: heartbeatS }),
    ...(connectMs === undefined ? {} : { connectTimeoutMs: connectMs }),
    ...(callTimeoutMs === undefined ? {} : { callTimeoutMs }),
    ...(clock === undefined ? {} : { clock }),
    ...(logger === undefined ? {} : { logger }),
    ...(random === undefined ? {} : { random }),
  };
}

/** How queues are made, checked. */
export interface CheckedQueueOptions {
  readonly namespace: string;
  readonly type: QueueType;
  readonly consumerPriority?: number;
  /** Absent: a delivery may be held for ever. */
  readonly ackTimeoutMs?: number;
  /** Absent: no outcomes are asked for. */
  readonly replyWithinMs?: number;
  /** Where the index of jobs lies; `true`: in a store that each queue is given. */
  readonly jobIndex?: true | StateStoreProtocol;
}

/** @param what whose options they are, in errors. @throws TaskConfigError for a value outside of what is allowed. */
export function queueOptions(what: string, options: RabbitMQQueueOptions): CheckedQueueOptions {
  const { namespace = DEFAULT_NAMESPACE, queueType = "quorum", consumerPriority } = options;
  const { ackTimeout = DEFAULT_ACK_TIMEOUT_MS, replyTimeout = DEFAULT_REPLY_TIMEOUT_MS } = options;
  const { jobIndex = false } = options;
  if (typeof namespace !== "string" || !NAMESPACE.test(namespace))
    refuse(
      "namespace",
      `"${String(namespace)}" is no namespace`,
      "use 1 to 64 letters, digits, and . _ - : , beginning with a letter or digit",
    );
  if (!QUEUE_TYPES.includes(queueType)) {
    const near = nearest(String(queueType), QUEUE_TYPES);
    refuse(
      "queueType",
      `queueType is "${String(queueType)}"`,
      near === undefined ? 'give "quorum" or "classic"' : `did you mean "${near}"?`,
    );
  }
  if (
    typeof jobIndex !== "boolean" &&
    typeof (jobIndex as Partial<StateStoreProtocol> | null)?.put !== "function"
  )
    refuse("jobIndex", "jobIndex is no state store", "give true, or the state of another backend");
  wholeBetween("consumerPriority", consumerPriority, -1_000, 1_000);
  return {
    namespace,
    type: queueType,
    ...(consumerPriority === undefined ? {} : { consumerPriority }),
    ...(jobIndex === false ? {} : { jobIndex }),
    ...(ackTimeout === null
      ? {}
      : { ackTimeoutMs: spanOption(what, "ackTimeout", ackTimeout, { above: SECOND_MS - 1 }) }),
    ...(replyTimeout === null
      ? {}
      : { replyWithinMs: spanOption(what, "replyTimeout", replyTimeout, { above: SECOND_MS - 1 }) }),
  };
}
