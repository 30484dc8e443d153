import { TaskRegistrationError } from "@lexigram/contracts";
import type { TaskSpec } from "./registered-task.ts";
import type { TaskDispatcher } from "../dispatch/task-dispatcher.ts";

/** Which dispatchers serve a task, by what was made when it was defined: one for each running application that lists it. */
const serving = new WeakMap<TaskSpec, Set<TaskDispatcher>>();

/**
 * Lets `definition.delay(...)` find an application. Called when an application boots, for each definition in its
 * scopes; disposing ends it.
 */
export function serveTask(spec: TaskSpec, dispatcher: TaskDispatcher): Disposable {
  const dispatchers = serving.get(spec) ?? new Set();
  serving.set(spec, dispatchers.add(dispatcher));
  return { [Symbol.dispose]: () => void dispatchers.delete(dispatcher) };
}

/** @throws TaskRegistrationError unless exactly one running application lists the task. */
export function servingDispatcher(spec: TaskSpec): TaskDispatcher {
  const dispatchers = serving.get(spec);
  const [first, second] = dispatchers ?? [];
  if (first !== undefined && second === undefined) return first;
  const task = spec.name;
  throw first === undefined
    ? new TaskRegistrationError(
        `no running application lists task "${task}", so delay() has nowhere to go`,
        { task },
        {
          hint: "list it in TasksModule.scope(...) and boot the application first, or enqueue it through a TaskDispatcher",
        },
      )
    : new TaskRegistrationError(
        `${dispatchers?.size} running applications list task "${task}"`,
        { task },
        {
          hint: "delay() cannot choose between them; take the TaskDispatcher of one of them and enqueue through that",
        },
      );
}
