import { nearest, TaskConfigError } from "@lexigram/contracts";
import type { TaskMiddleware } from "./middleware.ts";

const HOOKS = [
  "beforeExecute",
  "afterExecute",
  "onError",
] as const satisfies readonly (keyof TaskMiddleware)[];
const HINT = `pass a function, or an object with at least one of: ${HOOKS.join(", ")}`;

/** @param what is wrong, for the message. */
export function notMiddleware(what: string, hint = HINT): TaskConfigError {
  return new TaskConfigError(`not a middleware: ${what}`, { path: "middleware" }, { hint });
}

/**
 * Refuses what would never be called.
 *
 * @throws TaskConfigError for what has none of the hooks, or a hook that is no function; of an object literal also for
 * a name that is near to a hook's.
 */
export function checkHooks(middleware: unknown): void {
  if (typeof middleware !== "object" || middleware === null)
    throw notMiddleware(`add() takes an object with hooks, and was given ${kindOf(middleware)}`);
  const given = middleware as Readonly<Record<string, unknown>>;
  let found = 0;
  for (const hook of HOOKS) {
    if (given[hook] === undefined) continue;
    if (typeof given[hook] !== "function") throw notMiddleware(`its ${hook} is ${kindOf(given[hook])}`);
    found++;
  }
  // What a class calls its own methods is its own affair, as long as it has a hook.
  const names = found === 0 ? namesOf(given) : isLiteral(given) ? Object.keys(given) : [];
  for (const name of names) {
    const meant = HOOKS.includes(name as (typeof HOOKS)[number]) ? undefined : nearest(name, HOOKS);
    if (meant !== undefined) throw notMiddleware(`there is no hook "${name}"`, `did you mean "${meant}"?`);
  }
  if (found === 0) throw notMiddleware("it has none of the hooks");
}

function kindOf(value: unknown): string {
  return value === null ? "null" : typeof value;
}

function isLiteral(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** Its own names and those of its classes. */
function namesOf(value: object): string[] {
  const names = Object.getOwnPropertyNames(value);
  const prototype: unknown = Object.getPrototypeOf(value);
  if (typeof prototype !== "object" || prototype === null || prototype === Object.prototype) return names;
  return [...names, ...namesOf(prototype)];
}
