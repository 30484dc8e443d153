import { serializeError } from "@lexigram/contracts";
import type { RegisteredTask } from "../define/registered-task.ts";
import type { QueueBinding } from "../dispatch/queue-binding.ts";
import { applyTaskLimits, limitsLost } from "../limit/task-limits.ts";
import { LockManager } from "../lock/lock-manager.ts";
import type { TaskRuntime } from "./task-runtime.ts";

/** A process that died while it wrote is not waited for in vain. */
const RULES_LOCK = { ttl: "5s", waitTimeout: "15s" } as const;

/** Sees to it that queues keep what the tasks of this process say of their limits, also of tasks and queues that come late. */
export class TaskRules {
  readonly #runtime: TaskRuntime;
  readonly #told = new Set<string>();
  #last: Promise<void> = Promise.resolve();

  constructor(runtime: TaskRuntime) {
    this.#runtime = runtime;
    runtime.keep(
      runtime.handlers.onRegister((task) => this.#late(task)),
      runtime.queues.onAdded((binding) => this.#soon(binding)),
    );
  }

  /** Of all queues, at boot. @throws what `applyTaskLimits` throws. */
  async apply(): Promise<void> {
    for (const binding of this.#runtime.queues.all()) await this.#applyTo(binding);
  }

  #late(task: RegisteredTask): void {
    if (task.policy.limits === undefined) return;
    const binding = this.#runtime.queues.all().find((one) => this.#isOf(task, one));
    if (binding !== undefined) this.#soon(binding);
  }

  /** One after the other: each reads rules and writes them. */
  #soon(binding: QueueBinding): void {
    this.#last = this.#last
      .then(() => this.#applyTo(binding))
      .catch((error: unknown) => {
        const fields = { queue: binding.name, error: serializeError(error) };
        this.#runtime.logger.error("the limits of tasks could not be stored with their queue", fields);
      });
  }

  async #applyTo(binding: QueueBinding): Promise<void> {
    const { handlers, emitter, logger } = this.#runtime;
    this.#tellReplaced(binding);
    const tasks = handlers
      .names()
      .map((name) => handlers.require(name))
      .filter((task) => this.#isOf(task, binding));
    if (!tasks.some(({ policy }) => policy.limits !== undefined)) return;
    const { changed, overruled } = await this.#alone(binding, () => applyTaskLimits(binding, tasks));
    if (overruled.length > 0)
      logger.warn("the stored rules of a queue say other limits of tasks than their code, and stay", {
        queue: binding.name,
        tasks: overruled,
        hint: "say what is to hold in the policy of its entry, or store it by setPolicy",
      });
    if (changed) emitter.emit("queue.policy", { queueName: binding.name });
  }

  /** Once: what comes late finds no other rules. */
  #tellReplaced({ name, policy, replacedPolicy }: QueueBinding): void {
    if (policy === undefined || replacedPolicy === undefined || this.#told.has(name)) return;
    this.#told.add(name);
    const { handlers, logger } = this.#runtime;
    const isKnown = (task: string): boolean => handlers.lookup(task)?.policy.limits !== undefined;
    const tasks = limitsLost(replacedPolicy, policy, isKnown);
    if (tasks.length > 0)
      logger.warn(
        "the rules of a queue's entry took the place of stored ones, and limit some tasks no more",
        {
          queue: name,
          tasks,
          hint: "if code that this process does not have limits them, give that process's entry the same policy",
        },
      );
  }

  /** Processes that boot at once and know different tasks read the same rules, and the later would undo the earlier's. */
  async #alone<T>(binding: QueueBinding, work: () => Promise<T>): Promise<T> {
    // A queue that cannot limit refuses, and may have nowhere to keep a lock.
    if (!binding.queue.capabilities.limits) return work();
    const { clock, logger } = this.#runtime;
    const locks = new LockManager({ state: binding.state, clock, logger });
    try {
      return await locks.withLock(`queue-rules:${binding.queue.name}`, work, RULES_LOCK);
    } finally {
      await locks.close();
    }
  }

  #isOf({ policy: { queue } }: RegisteredTask, binding: QueueBinding): boolean {
    if (queue === binding.name) return true;
    return queue === "default" && this.#runtime.queues.get(queue) === binding;
  }
}
