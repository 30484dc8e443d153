import {
  type BackendServices,
  ClosedError,
  LexigramError,
  type QueueOptions,
  type QueuePolicy,
  QueueUnavailableError,
  serializeError,
  type StateStoreProtocol,
  type TaskBackend,
  TaskConfigError,
  type TaskQueueProtocol,
} from "@lexigram/contracts";
import type { BackendEntry } from "../config/backend-entries.ts";
import type { TaskBackendRegistry } from "../dispatch/backend-registry.ts";
import type { OutboxBinding, QueueBinding } from "../dispatch/queue-binding.ts";

/** Puts something around a queue before anybody sees it. */
export type QueueWrapper = (queue: TaskQueueProtocol, entry: BackendEntry) => TaskQueueProtocol;

export interface QueueOpenerOptions {
  readonly registry: TaskBackendRegistry;
  readonly services: BackendServices;
  /** Milliseconds. */
  readonly enqueueTimeoutMs: number;
  readonly wrap?: QueueWrapper | undefined;
}

/** Backends and queues that an application has closed; some were made by the user, who may give them to another. */
const closed = new WeakSet<object>();

const closedBefore = (entry: BackendEntry, cause: ClosedError): TaskConfigError =>
  new TaskConfigError(
    `the backend of queue "${entry.name}" was closed by an application that it was given to before`,
    { path: `tasks.backends.${entry.name}.backend` },
    { hint: "make a backend for each application: call TasksModule.configure in a function", cause },
  );

const MEMORY = "memory";
/** Two names of one type share their connections. */
const SAME_TYPE: Readonly<Record<string, string>> = { amqp: "rabbitmq" };

/** For a week a queue remembers what a relay sent last: calls are remembered for twice this. */
const RELAY_TIMEOUT_MS = 3.5 * 24 * 60 * 60_000;

/** Stores the rules of an entry, if it has some. @returns those that were there before. */
async function replaceRules(
  queue: TaskQueueProtocol,
  { policy }: BackendEntry,
): Promise<QueuePolicy | undefined> {
  if (policy === undefined) return undefined;
  const before = queue.capabilities.limits ? await queue.getPolicy() : undefined;
  await queue.setPolicy(policy);
  return before;
}

/** What one call has opened so far, in the order of opening. */
class Haul {
  readonly queues: TaskQueueProtocol[] = [];
  readonly backends = new Set<TaskBackend>();
}

/**
 * Makes backends and opens queues on them, and closes what it opened. Entries with the same address share one
 * backend.
 */
export class QueueOpener {
  readonly #options: QueueOpenerOptions;
  readonly #byAddress = new Map<string, Promise<TaskBackend>>();
  readonly #byEntry = new Map<string, TaskBackend>();
  readonly #hauls: Haul[] = [];

  constructor(options: QueueOpenerOptions) {
    this.#options = options;
  }

  /**
   * Opens the queues of entries, all at once, and sets the rules that they name.
   *
   * @throws what went wrong first, after everything that this call has opened was closed: `QueueUnavailableError`
   *   with the entry's name when its store does not answer, `BackendMissingError`, `BackendUnknownError`,
   *   `TaskConfigError`, `UnsupportedError`.
   */
  async open(entries: readonly BackendEntry[]): Promise<QueueBinding[]> {
    const haul = new Haul();
    try {
      await allOf(
        entries,
        async (entry) => void this.#byEntry.set(entry.name, await this.#backendOf(entry, haul)),
      );
      const bindings = await allOf(entries, (entry) => this.#openOne(entry, haul));
      this.#hauls.push(haul);
      return bindings;
    } catch (error) {
      for (const { name } of entries) this.#byEntry.delete(name);
      await this.#closeAll(haul);
      throw error;
    }
  }

  /** Queues first, the last opened first; then backends. Everything is tried; what fails is logged. Idempotent. */
  async close(): Promise<void> {
    const all = new Haul();
    for (const { queues, backends } of this.#hauls.splice(0)) {
      all.queues.push(...queues);
      for (const backend of backends) all.backends.add(backend);
    }
    await this.#closeAll(all);
  }

  async #closeAll({ queues, backends }: Haul): Promise<void> {
    for (const one of [...queues, ...backends]) closed.add(one);
    for (const queue of queues.toReversed()) await this.#closeOne(queue, `queue "${queue.name}"`);
    for (const backend of [...backends].toReversed())
      await this.#closeOne(backend, `backend of type "${backend.type}"`);
  }

  #backendOf(entry: BackendEntry, haul: Haul): Promise<TaskBackend> {
    if (entry.backend !== undefined) {
      haul.backends.add(entry.backend);
      return Promise.resolve(entry.backend);
    }
    return this.#made(entry.type, entry.settings, haul).catch((error: unknown) => {
      throw this.#failed(entry, error);
    });
  }

  /** The one backend of a type and address; whoever asks first makes it. */
  #made(type: string, settings: BackendEntry["settings"], haul: Haul): Promise<TaskBackend> {
    const address = `${SAME_TYPE[type] ?? type} ${JSON.stringify(settings)}`;
    const known = this.#byAddress.get(address);
    if (known !== undefined) return known;
    const { registry, services } = this.#options;
    const making = registry.create(type, settings, services).then(
      (backend) => {
        haul.backends.add(backend);
        return backend;
      },
      (error: unknown) => {
        this.#byAddress.delete(address);
        throw error;
      },
    );
    this.#byAddress.set(address, making);
    return making;
  }

  async #openOne(entry: BackendEntry, haul: Haul): Promise<QueueBinding> {
    const backend = this.#byEntry.get(entry.name)!;
    const { wrap, enqueueTimeoutMs } = this.#options;
    let opened: TaskQueueProtocol | undefined;
    const openBeside = (queueName: string): TaskQueueProtocol => {
      opened = backend.queue(queueName, { enqueueTimeoutMs, ...this.#lentState(entry, backend) });
      haul.queues.push(opened);
      return wrap === undefined ? opened : wrap(opened, entry);
    };
    try {
      const queue = openBeside(entry.queueName);
      // The first word with the store: a server that is away is found now, not at the first job.
      await queue.getTaskCount();
      const replacedPolicy = await replaceRules(queue, entry);
      const state = await this.#stateOf(entry, backend, haul);
      const binding = {
        ...bindingOf(entry, queue, backend, state, this.#outboxOf(entry, backend, haul)),
        openBeside,
        ...(replacedPolicy === undefined ? {} : { replacedPolicy }),
      };
      return entry.state === undefined && backend.state === undefined
        ? { ...binding, standIn: true }
        : binding;
    } catch (error) {
      const isOver = closed.has(backend) || (opened !== undefined && closed.has(opened));
      throw isOver && error instanceof ClosedError ? closedBefore(entry, error) : this.#failed(entry, error);
    }
  }

  async #stateOf(entry: BackendEntry, own: TaskBackend, haul: Haul): Promise<StateStoreProtocol> {
    if (entry.state !== undefined) return this.#namedState(entry, entry.state);
    if (own.state !== undefined) return own.state;
    this.#options.services.logger.warn(
      "the backend keeps no state: it is kept in the memory of this process",
      {
        queue: entry.name,
        backend: own.type,
        hint: "name another entry in its state",
      },
    );
    const memory = await this.#made(MEMORY, {}, haul);
    if (memory.state === undefined) throw new TypeError("the memory backend has no state store");
    return memory.state;
  }

  #namedState({ name }: BackendEntry, other: string): StateStoreProtocol {
    const named = this.#byEntry.get(other);
    if (named?.state !== undefined) return named.state;
    throw new TaskConfigError(
      named === undefined
        ? `queue "${name}" keeps its state in "${other}", which is no entry`
        : `queue "${name}" keeps its state in "${other}", whose backend of type "${named.type}" keeps none`,
      { path: `tasks.backends.${name}.state` },
      { hint: "name an entry of type redis, postgres or memory" },
    );
  }

  /** What a queue keeps in the state store of another backend must lie where all processes find it, so that is named. */
  #lentState(entry: BackendEntry, { takesState, type }: TaskBackend): Pick<QueueOptions, "state"> {
    if (takesState !== true) return {};
    if (entry.state !== undefined) return { state: this.#namedState(entry, entry.state) };
    throw new TaskConfigError(
      `queue "${entry.name}" of type "${type}" keeps something in a state store, and its entry names none`,
      { path: `tasks.backends.${entry.name}.state` },
      { hint: "name an entry of type redis, postgres or memory" },
    );
  }

  #outboxOf(entry: BackendEntry, own: TaskBackend, haul: Haul): OutboxBinding | undefined {
    if (entry.outbox === undefined) return undefined;
    const named = this.#byEntry.get(entry.outbox);
    if (named?.outbox === undefined)
      throw new TaskConfigError(
        named === undefined
          ? `queue "${entry.name}" has its outbox in "${entry.outbox}", which is no entry`
          : `queue "${entry.name}" has its outbox in "${entry.outbox}", whose backend of type "${named.type}" has no transactions`,
        { path: `tasks.backends.${entry.name}.outbox` },
        { hint: "name an entry of type postgres" },
      );
    const lent = this.#lentState(entry, own);
    const target = own.queue(entry.queueName, { enqueueTimeoutMs: RELAY_TIMEOUT_MS, ...lent });
    haul.queues.push(target);
    return { outbox: named.outbox(entry.name), target };
  }

  #failed(entry: BackendEntry, error: unknown): unknown {
    const { logger } = this.#options.services;
    logger.error("a backend could not be opened", {
      backend: entry.name,
      type: entry.type,
      error: serializeError(error),
    });
    // Errors about configuration say themselves what they are about.
    if (error instanceof LexigramError && !(error instanceof QueueUnavailableError)) return error;
    const retryable = error instanceof QueueUnavailableError && error.fields.retryable;
    return new QueueUnavailableError(
      { queue: entry.name, retryable, accepted: "no", ids: [] },
      { cause: error },
    );
  }

  async #closeOne(what: { close(): Promise<void> }, name: string): Promise<void> {
    const { logger } = this.#options.services;
    try {
      await what.close();
    } catch (error) {
      logger.error("something could not be closed", { what: name, error: serializeError(error) });
    }
  }
}

/** Like `Promise.all`, but waits for all of them before it rejects, so that nothing is opened behind its back. */
async function allOf<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const outcomes = await Promise.allSettled(items.map(work));
  for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
  return outcomes.map((outcome) => (outcome as PromiseFulfilledResult<R>).value);
}

function bindingOf(
  entry: BackendEntry,
  queue: TaskQueueProtocol,
  backend: TaskBackend,
  state: StateStoreProtocol,
  outbox: OutboxBinding | undefined,
): QueueBinding {
  const { name, primary, consume, concurrency, weight, policy, breaker } = entry;
  const { priority, maxRetries, timeoutMs, backoff } = entry;
  return {
    name,
    primary,
    queue,
    backend,
    state,
    defaults: { priority, maxRetries, timeoutMs, backoff },
    outbox,
    consume,
    concurrency,
    weight,
    policy,
    breaker,
  };
}
