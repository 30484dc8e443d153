import { type AnySchema, type StandardSchemaResult, TaskValidationError } from "@lexigram/contracts";

type Verdict = StandardSchemaResult<unknown>;

/** Of a value that was checked, for messages. */
interface Checked {
  readonly subject: string;
  readonly hint: string;
}

/**
 * Parses an input by a task's schema. Synchronous for schemas that are, so that most jobs cost no promise. A schema
 * judges by what it answers: one that throws takes the input for one that does not fit.
 *
 * @returns what the handler sees, or a promise of it.
 * @throws TaskValidationError naming each field that does not fit (or the promise rejects with it).
 */
export function parseInput(schema: AnySchema, input: unknown, taskName: string): unknown {
  const verdict = judge(schema, input);
  if (verdict instanceof Promise) return verdict.then((late) => accepted(late, inputOf(taskName)));
  return verdict.issues === undefined ? verdict.value : accepted(verdict, inputOf(taskName));
}

export const inputSubject = (taskName: string): string => `the input of task "${taskName}"`;

const inputOf = (taskName: string): Checked => ({
  subject: inputSubject(taskName),
  hint: `pass what the schema of task "${taskName}" takes`,
});

/** Parses a result by the contract's `output`, so that a waiter gets what the contract promises. Throws as {@link parseInput}. */
export async function parseResult(schema: AnySchema, value: unknown, jobId: string): Promise<unknown> {
  return accepted(await judge(schema, value), {
    subject: `the result of job "${jobId}"`,
    hint: "its handler returned what the output of its contract does not take: correct the one or the other",
  });
}

function judge(schema: AnySchema, value: unknown): Verdict | Promise<Verdict> {
  try {
    const verdict: Verdict | Promise<Verdict> = schema["~standard"].validate(value);
    return verdict instanceof Promise ? verdict.then(answered, broken) : answered(verdict);
  } catch (error) {
    return broken(error);
  }
}

/** What a schema without types may answer. */
function answered(verdict: Verdict | null | undefined): Verdict {
  if (typeof verdict === "object" && verdict !== null) return verdict;
  return broken(new TypeError(`it answered with ${verdict === null ? "null" : typeof verdict}`));
}

/** A schema that broke instead of judging. */
class Broken {
  readonly issues = [];
  readonly cause: unknown;

  constructor(cause: unknown) {
    this.cause = cause;
  }
}

const broken = (cause: unknown): Verdict => new Broken(cause);

function accepted(verdict: Verdict, { subject, hint }: Checked): unknown {
  if (verdict instanceof Broken)
    throw new TaskValidationError(
      { subject, issues: [{ path: "", message: "its schema could not judge it" }] },
      {
        cause: verdict.cause,
        hint: "the cause is what the schema threw; a schema answers with issues, whatever it is given",
      },
    );
  if (verdict.issues === undefined) return verdict.value;
  throw new TaskValidationError(
    {
      subject,
      issues: verdict.issues.map((issue) => ({
        path: (issue.path ?? []).map((part) => String(typeof part === "object" ? part.key : part)).join("."),
        message: issue.message,
      })),
    },
    { hint },
  );
}
