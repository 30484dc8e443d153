import { TaskValidationError } from "../errors/task-errors.ts";
import type { CallName } from "./task-queue.ts";

const SUBJECT = "call";

/** How a queue refuses a call that comes after a later one of its session. */
export function staleCall({ session, seq }: CallName, later: number): TaskValidationError {
  return new TaskValidationError(
    {
      subject: SUBJECT,
      issues: [
        { path: "seq", message: `${seq} of session "${session}" is older than ${later}, which was applied` },
      ],
    },
    { hint: "seq must rise by one with each call of a session; concurrent calls need sessions of their own" },
  );
}

/** Whether a call was refused so. */
export function isStaleCall(error: unknown): boolean {
  return (
    error instanceof TaskValidationError &&
    error.fields.subject === SUBJECT &&
    error.fields.issues.some(({ path }) => path === "seq")
  );
}
