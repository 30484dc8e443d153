import { milliseconds } from "@lexigram/contracts";
import type { ConfigIssue } from "@lexigram/kernel";
import { type BackendEntry, DEFAULT_AMQP_URL, DEFAULT_REDIS_URL } from "./backend-entries.ts";
import type { TaskConfig } from "./task-config.ts";
import type { BackendSelection } from "./task-config-options.ts";

type Found = Omit<ConfigIssue, "field"> & { readonly field: string };

const warning = (field: string, message: string, suggestion: string): Found => ({
  field: `tasks.${field}`,
  message,
  severity: "warning",
  suggestion,
});

const error = (field: string, message: string, suggestion: string): Found => ({
  ...warning(field, message, suggestion),
  severity: "error",
});

/** Whether two addresses differ in nothing but a last slash or the number of Redis' first database. */
const same = (url: unknown, standard: string): boolean => {
  const bare = (address: string): string => address.toLowerCase().replace(/\/0?$/, "");
  return typeof url === "string" && bare(url) === bare(standard);
};

const ADDRESSES = { redisUrl: ["redis"], amqpUrl: ["rabbitmq", "amqp"], postgresDsn: ["postgres"] } as const;
const FIRST_PARTY = ["memory", "redis", "rabbitmq", "amqp", "postgres"];

function* ofAddresses(entry: BackendEntry, given: BackendSelection, field: string): Iterable<Found> {
  if (entry.backend !== undefined) {
    for (const key of [...Object.keys(ADDRESSES), "extra"] as (keyof BackendSelection)[])
      if (given[key] !== undefined)
        yield warning(
          `${field}.${key}`,
          "has no effect: the backend was made in code",
          "remove it, or give the type as well, which takes the place of that backend",
        );
    return;
  }
  if (!FIRST_PARTY.includes(entry.type)) return;
  for (const [key, types] of Object.entries(ADDRESSES))
    if (
      given[key as keyof typeof ADDRESSES] !== undefined &&
      !(types as readonly string[]).includes(entry.type)
    )
      yield warning(
        `${field}.${key}`,
        `is not read by a backend of type "${entry.type}"`,
        `remove it, or set the type to "${types[0]}"`,
      );
}

function* inProduction(entry: BackendEntry, field: string): Iterable<Found> {
  if (entry.type === "memory")
    yield warning(
      field,
      "jobs are kept in memory: they are gone when the process ends, and no other process sees them",
      "configure a backend of type redis, postgres or rabbitmq",
    );
  if (same(entry.settings["redisUrl"], DEFAULT_REDIS_URL))
    yield error(
      `${field}.redisUrl`,
      "is the default address of a development machine",
      "set the address of the server",
    );
  if (same(entry.settings["amqpUrl"], DEFAULT_AMQP_URL))
    yield error(
      `${field}.amqpUrl`,
      "is the default address of a development machine",
      "set the address of the server",
    );
}

function* ofTimeouts(config: TaskConfig): Iterable<Found> {
  const { worker = {}, timeout = {} } = config.options;
  for (const key of ["defaultTimeout", "maxTimeout", "enforceTimeout"] as const) {
    const [above, below] = [timeout[key], worker[key]];
    if (above === undefined || below === undefined) continue;
    const plain = (value: typeof above): unknown =>
      typeof value === "boolean" ? value : milliseconds(value);
    if (plain(above) !== plain(below))
      yield warning(
        `worker.${key}`,
        `has no effect: tasks.timeout.${key} says otherwise and wins`,
        "keep one of the two",
      );
  }
  if (config.worker.defaultTimeoutMs > config.worker.maxTimeoutMs)
    yield warning(
      "worker.defaultTimeout",
      "is longer than maxTimeout, which caps it",
      "lower defaultTimeout or raise maxTimeout",
    );
}

/** See `TaskConfig.validateForEnvironment`. */
export function environmentIssues(config: TaskConfig, production: boolean): ConfigIssue[] {
  const { backend, backends } = config.options;
  const listed = backends !== undefined && backends.length > 0;
  const issues: ConfigIssue[] = [...ofTimeouts(config)];
  if (listed && backend?.queueName !== undefined)
    issues.push(
      warning(
        "backend.queueName",
        "has no effect beside backends",
        "give each entry of backends its own queueName",
      ),
    );
  else if (listed && backend !== undefined && config.queues.every((entry) => entry.backend !== undefined))
    issues.push(
      warning(
        "backend",
        "has no effect: the backends of all queues were made in code",
        "remove it, or give entries of backends with the names of the queues",
      ),
    );
  for (const [i, entry] of config.queues.entries()) {
    const field = listed ? `backends.${i}` : "backend";
    issues.push(...ofAddresses(entry, (listed ? backends[i] : backend) ?? {}, field));
    if (production) issues.push(...inProduction(entry, field));
  }
  return issues;
}
