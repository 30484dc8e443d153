import { type AnySchema, type StandardSchemaResult, TaskValidationError } from "@lexigram/contracts";

/**
 * Parses an input by a task's schema. Synchronous for schemas that are, so that most jobs cost no promise.
 *
 * @returns what the handler sees, or a promise of it.
 * @throws TaskValidationError naming each field that does not fit (or the promise rejects with it).
 */
export function parseInput(schema: AnySchema, input: unknown, taskName: string): unknown {
  const result = schema["~standard"].validate(input);
  if (!(result instanceof Promise) && result.issues === undefined) return result.value;
  return settled(result, inputSubject(taskName));
}

export const inputSubject = (taskName: string): string => `the input of task "${taskName}"`;

function settled(
  result: StandardSchemaResult<unknown> | Promise<StandardSchemaResult<unknown>>,
  subject: string,
): unknown {
  if (result instanceof Promise) return result.then((late) => settled(late, subject));
  if (result.issues === undefined) return result.value;
  throw new TaskValidationError({
    subject,
    issues: result.issues.map((issue) => ({
      path: (issue.path ?? []).map((part) => String(typeof part === "object" ? part.key : part)).join("."),
      message: issue.message,
    })),
  });
}

/** Parses a result by the contract's `output`, so that a waiter gets what the contract promises. Throws as {@link parseInput}. */
export function parseResult(schema: AnySchema, value: unknown, jobId: string): unknown {
  return settled(schema["~standard"].validate(value), `the result of job "${jobId}"`);
}
