import { TaskConfigError } from "@lexigram/contracts";

const TASK_NAME = /^[^\s\p{Cc}]{1,200}$/u;

/**
 * Checks a task's name: 1 to 200 characters without white space or control characters.
 *
 * @throws TaskConfigError otherwise.
 */
export function checkTaskName(name: unknown): asserts name is string {
  if (typeof name === "string" && TASK_NAME.test(name)) return;
  const shown = typeof name === "string" ? JSON.stringify(name.slice(0, 80)) : typeof name;
  throw new TaskConfigError(
    `a task cannot be named ${shown}`,
    { path: "name" },
    { hint: 'a name has 1 to 200 characters without spaces, such as "email.send"' },
  );
}
