import {
  DEFAULT_KEEP_COMPLETED,
  DEFAULT_KEEP_FAILED,
  type Duration,
  milliseconds,
  nearest,
  type QueuePolicy,
  type Retention,
  type TaskBackend,
  TaskConfigError,
} from "@lexigram/contracts";
import { type BreakerRule, breakerRule } from "../breaker/breaker-options.ts";
import { hostQueueName } from "../dispatch/host-queues.ts";
import { type Backoff, backoffFields } from "../retry/backoff.ts";
import { policyOf, retentionOf, type RetentionOptions } from "./queue-policy-options.ts";
import type { NamedBackendOptions, TaskConfigOptions } from "./task-config-options.ts";

export const DEFAULT_REDIS_URL = "redis://localhost:6379";
export const DEFAULT_AMQP_URL = "amqp://localhost:5672/";
const DEFAULT_QUEUE_NAME = "tasks";
/** Fields of `extra` that say where Redis is, in the place of a URL. */
const OTHER_REDIS_ADDRESSES = ["client", "cluster", "sentinel"];

/** One queue of the application, checked, with nothing left out. Spans are milliseconds. */
export interface BackendEntry {
  readonly name: string;
  readonly primary: boolean;
  /** Made in code; absent: made from `type` and `settings`. */
  readonly backend: TaskBackend | undefined;
  readonly type: string;
  /** What the factory of its type is given. May hold secrets. */
  readonly settings: Readonly<Record<string, unknown>>;
  readonly queueName: string;
  /** The entry whose backend keeps its state. */
  readonly state: string | undefined;
  /** The entry whose backend keeps what is on its way here. */
  readonly outbox: string | undefined;
  readonly consume: boolean;
  readonly concurrency: number | undefined;
  readonly weight: number;
  readonly timeoutMs: number | null | undefined;
  readonly maxRetries: number | undefined;
  /** What the entry says of the waits between attempts. */
  readonly backoff: Partial<Backoff> | undefined;
  readonly priority: number | undefined;
  /** The rules to set in the store; `undefined` when the entry names none, which leaves those of the store alone. */
  readonly policy: QueuePolicy | undefined;
  readonly breaker: BreakerRule | undefined;
}

/** Retention of queues that say nothing themselves; absent where nothing was configured for all of them. */
export interface RetentionDefaults {
  readonly completed: Exclude<Retention, 0> | undefined;
  readonly failed: Exclude<Retention, 0> | undefined;
}

const refuse = (path: string, message: string, hint?: string): never => {
  throw new TaskConfigError(`${path} ${message}`, { path }, hint === undefined ? {} : { hint });
};

/** The settings that a backend's own type reads, with their defaults. */
function settingsOf(type: string, options: NamedBackendOptions, path: string): Record<string, unknown> {
  const { redisUrl, amqpUrl, postgresDsn, extra } = options;
  switch (type) {
    case "redis":
      if (redisUrl === undefined && OTHER_REDIS_ADDRESSES.some((key) => extra?.[key] !== undefined))
        return { ...extra };
      return { redisUrl: redisUrl ?? DEFAULT_REDIS_URL, ...extra };
    case "rabbitmq":
    case "amqp":
      return { amqpUrl: amqpUrl ?? DEFAULT_AMQP_URL, ...extra };
    case "postgres":
      if (postgresDsn === undefined)
        refuse(
          `${path}.postgresDsn`,
          'is needed by a backend of type "postgres"',
          "give the address of the database, such as postgres://host:5432/name",
        );
      return { postgresDsn, ...extra };
    case "memory":
      return { ...extra };
    default:
      // Somebody else's: whatever was given.
      return Object.fromEntries(
        Object.entries({ redisUrl, amqpUrl, postgresDsn, ...extra }).filter(
          ([, value]) => value !== undefined,
        ),
      );
  }
}

function kept(
  own: RetentionOptions | undefined,
  ofAll: Exclude<Retention, 0> | undefined,
  otherwise: Retention,
): Retention | undefined {
  if (own === undefined) return ofAll;
  return retentionOf(own, ofAll ?? (otherwise as Exclude<Retention, 0>));
}

function policyOfEntry(options: NamedBackendOptions, defaults: RetentionDefaults): QueuePolicy | undefined {
  const keepCompleted = kept(options.keepCompleted, defaults.completed, DEFAULT_KEEP_COMPLETED);
  const keepFailed = kept(options.keepFailed, defaults.failed, DEFAULT_KEEP_FAILED);
  const policy: QueuePolicy = {
    ...(options.policy === undefined ? {} : policyOf(options.policy)),
    ...(options.maxSize === undefined ? {} : { maxSize: options.maxSize }),
    ...(options.aging === undefined ? {} : { agingMs: milliseconds(options.aging) }),
    ...(keepCompleted === undefined ? {} : { keepCompleted }),
    ...(keepFailed === undefined ? {} : { keepFailed }),
  };
  return Object.keys(policy).length === 0 ? undefined : policy;
}

const spanOrNone = (span: Duration | null | undefined): number | null | undefined =>
  span === undefined || span === null ? span : milliseconds(span);

function entryOf(
  options: NamedBackendOptions,
  primary: boolean,
  retention: RetentionDefaults,
  path: string,
): BackendEntry {
  const { backend } = options;
  if (backend !== undefined && options.type !== undefined)
    refuse(`${path}.type`, "and backend both say which store to use", "give one of the two");
  const type = backend?.type ?? options.type ?? "memory";
  return {
    name: options.name,
    primary,
    backend,
    type,
    settings: backend === undefined ? settingsOf(type, options, path) : {},
    queueName:
      options.host === undefined
        ? (options.queueName ?? options.name)
        : hostQueueName(options.queueName ?? options.name, options.host),
    state: options.state,
    outbox: options.outbox,
    consume: options.consume ?? true,
    concurrency: options.concurrency,
    weight: options.weight ?? 1,
    timeoutMs: spanOrNone(options.timeout),
    maxRetries: options.maxRetries,
    backoff: options.retry === undefined ? undefined : backoffFields(options.retry, `${path}.retry`),
    priority: options.priority,
    policy: policyOfEntry(options, retention),
    breaker:
      options.circuitBreaker === undefined
        ? undefined
        : breakerRule(path, "circuitBreaker", options.circuitBreaker),
  };
}

function assertNames(entries: readonly NamedBackendOptions[], path: string): void {
  const names = entries.map(({ name }) => name);
  for (const [i, entry] of entries.entries()) {
    const { name } = entry;
    const first = names.indexOf(name);
    if (first < i)
      refuse(`${path}.${i}.name`, `"${name}" is taken by ${path}.${first}`, "give each queue its own name");
    for (const field of ["state", "outbox"] as const) {
      const other = entry[field];
      if (other === undefined || names.includes(other)) continue;
      const near = nearest(other, names);
      refuse(
        `${path}.${i}.${field}`,
        `names no entry: there is no "${other}"`,
        near === undefined ? `entries: ${names.join(", ")}` : `did you mean "${near}"?`,
      );
    }
    if (entry.outbox === name)
      refuse(`${path}.${i}.outbox`, "is the queue itself", "leave it out, or name an entry of type postgres");
  }
}

/** Where the one primary stands: the entry that says so, else the first. */
function primaryOf(entries: readonly NamedBackendOptions[], path: string): number {
  const primaries = [...entries.keys()].filter((i) => entries[i]?.primary === true);
  if (primaries.length > 1)
    refuse(
      `${path}.${primaries[1]}.primary`,
      `makes a second primary queue: ${path}.${primaries[0]} is one already`,
      "leave primary: true on one entry",
    );
  const [explicit] = primaries;
  if (explicit !== undefined) return explicit;
  const first = entries.findIndex(({ primary }) => primary !== false);
  if (first < 0) refuse(path, "leave no queue to be the primary", "set primary: true on one entry");
  return first;
}

/**
 * The queues of an application: the entries of `backends`, or the one of `backend`.
 *
 * @throws TaskConfigError for names that are taken, a second primary, an unknown `state`, a missing address.
 */
export function backendEntries(options: TaskConfigOptions, retention: RetentionDefaults): BackendEntry[] {
  const { backend, backends } = options;
  if (backends === undefined || backends.length === 0) {
    const name = backend?.queueName ?? DEFAULT_QUEUE_NAME;
    return [entryOf({ ...backend, name }, true, retention, "tasks.backend")];
  }
  const path = "tasks.backends";
  assertNames(backends, path);
  const primary = primaryOf(backends, path);
  const { queueName: _queueName, type, ...address } = backend ?? {};
  return backends.map((entry, i) => {
    const inherited =
      entry.backend === undefined ? { ...address, ...(type === undefined ? {} : { type }) } : {};
    return entryOf({ ...inherited, ...entry }, i === primary, retention, `${path}.${i}`);
  });
}
