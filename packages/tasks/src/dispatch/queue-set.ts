import {
  arrayOption,
  nearest,
  QueueNotFoundError,
  refuseUnless,
  requireOptions,
  TaskConfigError,
} from "@lexigram/contracts";
import type { QueueBinding } from "./queue-binding.ts";

const PRIMARY = "default";

/** The queues of an application, by name; one of them is the primary. Queues may be added while it runs. */
export class QueueSet {
  readonly #bindings = new Map<string, QueueBinding>();
  readonly #listeners = new Set<(binding: QueueBinding) => void>();
  #primary: QueueBinding;

  /**
   * The primary is the binding that says so, else the first.
   *
   * @throws TaskConfigError without a binding, for a name given twice, and for two primaries.
   */
  constructor(bindings: readonly QueueBinding[]) {
    arrayOption("QueueSet", "bindings", bindings);
    for (const binding of bindings) requireOptions("QueueSet", binding);
    const [first] = bindings;
    if (first === undefined)
      throw new TaskConfigError(
        "an application needs a queue",
        { path: "backends" },
        { hint: "list one in backends, or leave backends out for one in memory" },
      );
    const primaries = bindings.filter(({ primary }) => primary);
    if (primaries.length > 1) {
      const names = primaries.map(({ name }) => `"${name}"`).join(" and ");
      throw new TaskConfigError(
        `two queues are primary: ${names}`,
        { path: "backends" },
        {
          hint: "mark one of them; without a mark it is the first",
        },
      );
    }
    this.#primary = primaries[0] ?? first;
    for (const binding of bindings) this.#put(binding);
  }

  /** The queue that answers to the unnamed token and to `"default"`. */
  get primary(): QueueBinding {
    return this.#primary;
  }

  /**
   * The queue of a name; `"default"` is the primary unless a queue has that name.
   *
   * @throws QueueNotFoundError listing the names there are.
   */
  get(name: string): QueueBinding {
    const binding = this.#bindings.get(name);
    if (binding !== undefined) return binding;
    if (name === PRIMARY) return this.#primary;
    refuseUnless(typeof name === "string", "queue", "name", "must be the name of a queue");
    const known = [...this.#bindings.keys()];
    const near = nearest(name, known);
    const hint = near && `did you mean "${near}"? queues of this application: ${known.join(", ")}`;
    throw new QueueNotFoundError({ queue: name, known }, near === undefined ? undefined : { hint });
  }

  all(): readonly QueueBinding[] {
    return [...this.#bindings.values()];
  }

  /**
   * Adds a queue; jobs can be enqueued at once, and workers hear of it.
   *
   * @throws TaskConfigError when the name is taken, or it claims to be a second primary.
   */
  add(binding: QueueBinding): void {
    requireOptions("QueueSet.add", binding);
    if (binding.primary)
      throw new TaskConfigError(
        `queue "${binding.name}" cannot be primary: "${this.#primary.name}" is`,
        { path: "primary" },
        { hint: "add it without primary; the first one stays" },
      );
    this.#put(binding);
    for (const listener of this.#listeners) listener(binding);
  }

  onAdded(listener: (binding: QueueBinding) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  #put(binding: QueueBinding): void {
    refuseUnless(typeof binding.name === "string", "QueueSet", "name", "must be the name of a queue");
    if (this.#bindings.has(binding.name))
      throw new TaskConfigError(
        `two queues are named "${binding.name}"`,
        { path: "name" },
        { hint: "give one of them another name" },
      );
    this.#bindings.set(binding.name, binding);
  }
}
