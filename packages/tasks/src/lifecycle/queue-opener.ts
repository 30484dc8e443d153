import {
  type BackendServices,
  LexigramError,
  type Logger,
  QueueUnavailableError,
  serializeError,
  type StateStoreProtocol,
  type TaskBackend,
  TaskConfigError,
  type TaskQueueProtocol,
} from "@lexigram/contracts";
import type { BackendEntry } from "../config/backend-entries.ts";
import type { TaskBackendRegistry } from "../dispatch/backend-registry.ts";
import type { QueueBinding } from "../dispatch/queue-binding.ts";

/** Puts something around a queue before anybody sees it. */
export type QueueWrapper = (queue: TaskQueueProtocol, entry: BackendEntry) => TaskQueueProtocol;

export interface QueueOpenerOptions {
  readonly registry: TaskBackendRegistry;
  readonly services: BackendServices;
  readonly wrap?: QueueWrapper | undefined;
}

const MEMORY = "memory";
/** Two names of one type share their connections. */
const SAME_TYPE: Readonly<Record<string, string>> = { amqp: "rabbitmq" };

/**
 * Makes backends and opens queues on them, and closes what it opened. Entries with the same address share one
 * backend.
 */
export class QueueOpener {
  readonly #options: QueueOpenerOptions;
  readonly #byAddress = new Map<string, Promise<TaskBackend>>();
  readonly #byEntry = new Map<string, TaskBackend>();
  /** In the order of opening. */
  readonly #queues: TaskQueueProtocol[] = [];
  readonly #backends = new Set<TaskBackend>();

  constructor(options: QueueOpenerOptions) {
    this.#options = options;
  }

  /**
   * Opens the queues of entries, all at once, and sets the rules that they name.
   *
   * @throws what went wrong first, after everything that this opener has opened was closed: `QueueUnavailableError`
   *   with the entry's name when its store does not answer, `BackendMissingError`, `BackendUnknownError`,
   *   `TaskConfigError`, `UnsupportedError`.
   */
  async open(entries: readonly BackendEntry[]): Promise<QueueBinding[]> {
    try {
      await allOf(entries, async (entry) => void this.#byEntry.set(entry.name, await this.#backendOf(entry)));
      return await allOf(entries, (entry) => this.#openOne(entry));
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /** Queues first, the last opened first; then backends. Everything is tried; what fails is logged. Idempotent. */
  async close(): Promise<void> {
    for (const queue of this.#queues.splice(0).reverse())
      await this.#closeOne(queue, `queue "${queue.name}"`);
    const backends = [...this.#backends].reverse();
    this.#backends.clear();
    this.#byAddress.clear();
    for (const backend of backends) await this.#closeOne(backend, `backend of type "${backend.type}"`);
  }

  get backends(): readonly TaskBackend[] {
    return [...this.#backends];
  }

  #backendOf(entry: BackendEntry): Promise<TaskBackend> {
    if (entry.backend !== undefined) {
      this.#backends.add(entry.backend);
      return Promise.resolve(entry.backend);
    }
    const address = `${SAME_TYPE[entry.type] ?? entry.type} ${JSON.stringify(entry.settings)}`;
    return this.#made(address, () => this.#create(entry));
  }

  #made(address: string, make: () => Promise<TaskBackend>): Promise<TaskBackend> {
    let backend = this.#byAddress.get(address);
    if (backend === undefined) {
      backend = make().then((made) => {
        this.#backends.add(made);
        return made;
      });
      this.#byAddress.set(address, backend);
    }
    return backend;
  }

  async #create(entry: BackendEntry): Promise<TaskBackend> {
    const { registry, services } = this.#options;
    try {
      return await registry.create(entry.type, entry.settings, services);
    } catch (error) {
      throw this.#failed(entry, error);
    }
  }

  async #openOne(entry: BackendEntry): Promise<QueueBinding> {
    const backend = this.#byEntry.get(entry.name)!;
    const { wrap } = this.#options;
    try {
      const opened = backend.queue(entry.queueName);
      this.#queues.push(opened);
      const queue = wrap === undefined ? opened : wrap(opened, entry);
      // The first word with the store: a server that is away is found now, not at the first job.
      await queue.getTaskCount();
      if (entry.policy !== undefined) await queue.setPolicy(entry.policy);
      return bindingOf(entry, queue, backend, await this.#stateOf(entry, backend));
    } catch (error) {
      throw this.#failed(entry, error);
    }
  }

  async #stateOf(entry: BackendEntry, own: TaskBackend): Promise<StateStoreProtocol> {
    if (entry.state !== undefined) {
      const named = this.#byEntry.get(entry.state);
      if (named?.state !== undefined) return named.state;
      const path = `tasks.backends.${entry.name}.state`;
      throw new TaskConfigError(
        named === undefined
          ? `queue "${entry.name}" keeps its state in "${entry.state}", which is no entry`
          : `queue "${entry.name}" keeps its state in "${entry.state}", whose backend of type "${named.type}" keeps none`,
        { path },
        { hint: "name an entry of type redis, postgres or memory" },
      );
    }
    if (own.state !== undefined) return own.state;
    this.#options.services.logger.warn(
      "the backend keeps no state: it is kept in the memory of this process",
      {
        queue: entry.name,
        backend: own.type,
        hint: "name another entry in its state",
      },
    );
    const { registry, services } = this.#options;
    const memory = await this.#made(`${MEMORY} {}`, () => registry.create(MEMORY, {}, services));
    if (memory.state === undefined) throw new TypeError("the memory backend has no state store");
    return memory.state;
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
    const { logger }: { logger: Logger } = this.#options.services;
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
): QueueBinding {
  const { name, primary, consume, concurrency, weight, policy, priority, maxRetries, timeoutMs, backoff } =
    entry;
  return {
    name,
    primary,
    queue,
    backend,
    state,
    defaults: { priority, maxRetries, timeoutMs, backoff },
    consume,
    concurrency,
    weight,
    policy,
  };
}
