import { TaskRegistrationError, type Token, token, tokenName } from "@lexigram/contracts";
import type { HandlerRegistry } from "../define/handler-registry.ts";
import { serveTask } from "../define/running-applications.ts";
import { isDefinition, specOf, type TaskDefinition } from "../define/task-definition.ts";
import { type TaskClass, taskMethodsOf } from "../define/task-methods.ts";
import type { TaskDispatcher } from "../dispatch/task-dispatcher.ts";

/** What one `TasksModule.scope(...)` lists, as the provider finds it. */
export interface TaskScope {
  /** For messages. */
  readonly name: string;
  readonly definitions: readonly TaskDefinition<never, never, unknown>[];
  readonly classes: readonly TaskClass[];
}

export const TaskScope: Token<TaskScope> = token("TaskScope");

/**
 * Sorts what a scope lists.
 *
 * @throws TaskRegistrationError for a contract without a handler, a class without tasks, and what is neither.
 */
export function taskScope(listed: readonly unknown[]): TaskScope {
  const definitions: TaskDefinition<never, never, unknown>[] = [];
  const classes: TaskClass[] = [];
  for (const [index, one] of listed.entries()) {
    if (isDefinition(one)) definitions.push(one as TaskDefinition<never, never, unknown>);
    else classes.push(taskClass(one, index));
  }
  const names = [...classes.map((owner) => tokenName(owner)), ...definitions.map(({ name }) => name)];
  return { name: `TasksModule.scope(${names.join(", ")})`, definitions, classes };
}

function taskClass(one: unknown, index: number): TaskClass {
  const contract = specOf(one);
  if (contract !== undefined)
    throw new TaskRegistrationError(
      `"${contract.name}" is a contract: it has no handler`,
      { task: contract.name },
      {
        hint: "put @handles(contract) on a method and list its class, or register a function for it",
      },
    );
  const isClass = typeof one === "function" && one.prototype !== undefined;
  if (!isClass)
    throw new TaskRegistrationError(
      `entry ${index} of TasksModule.scope is neither a task nor a class`,
      {
        task: typeof one === "function" && one.name !== "" ? one.name : `(entry ${index})`,
      },
      {
        hint: "list what task(options, handler) returned, and classes with @task methods; a missing one is a circular import",
      },
    );
  const owner = one as unknown as TaskClass;
  if (taskMethodsOf(owner).size === 0)
    throw new TaskRegistrationError(
      `class ${tokenName(owner)} has no task`,
      { task: tokenName(owner) },
      {
        hint: "put @task({ name }) on a method, or @handles(contract)",
      },
    );
  return owner;
}

/** @throws TaskRegistrationError when a task is listed twice, or a name is taken. */
export function registerScopes(scopes: readonly TaskScope[], handlers: HandlerRegistry): void {
  const listedIn = new Map<unknown, string>();
  const once = (listed: unknown, what: string, task: string, scope: TaskScope): void => {
    const other = listedIn.get(listed);
    if (other !== undefined)
      throw new TaskRegistrationError(
        `${what} is listed twice: in ${other} and in ${scope.name}`,
        { task },
        { hint: "list it in one scope; who only enqueues it need not list it" },
      );
    listedIn.set(listed, scope.name);
  };
  for (const scope of scopes) {
    for (const definition of scope.definitions) {
      once(definition, `task "${definition.name}"`, definition.name, scope);
      handlers.register(definition);
    }
    for (const owner of scope.classes) {
      once(owner, `class ${tokenName(owner)}`, tokenName(owner), scope);
      handlers.registerClass(owner);
    }
  }
}

/** Lets `delay` of what a scope lists find the application's dispatcher, until disposed. */
export function serveScope({ definitions, classes }: TaskScope, dispatcher: TaskDispatcher): Disposable[] {
  const methods = classes.flatMap((owner) => [...taskMethodsOf(owner).values()]);
  return [...definitions.flatMap((definition) => specOf(definition) ?? []), ...methods].map((spec) =>
    serveTask(spec, dispatcher),
  );
}
