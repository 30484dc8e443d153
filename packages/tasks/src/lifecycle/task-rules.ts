import { serializeError } from "@lexigram/contracts";
import type { RegisteredTask } from "../define/registered-task.ts";
import type { QueueBinding } from "../dispatch/queue-binding.ts";
import { applyTaskLimits } from "../limit/task-limits.ts";
import type { TaskRuntime } from "./task-runtime.ts";

/** Sees to it that queues keep what the tasks of this process say of their limits, also of tasks and queues that come late. */
export class TaskRules {
  readonly #runtime: TaskRuntime;
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
    const { handlers, emitter } = this.#runtime;
    const tasks = handlers
      .names()
      .map((name) => handlers.require(name))
      .filter((task) => this.#isOf(task, binding));
    const changed = await applyTaskLimits(binding, tasks);
    if (changed !== undefined) emitter.emit("queue.policy", { queueName: binding.name });
  }

  #isOf({ policy: { queue } }: RegisteredTask, binding: QueueBinding): boolean {
    if (queue === binding.name) return true;
    return queue === "default" && this.#runtime.queues.get(queue) === binding;
  }
}
