import { describe, expect, expectTypeOf, test } from "vitest";
import * as contracts from "@lexigram/contracts";
import {
  BackendMissingError,
  type LexigramErrorOptions,
  QueueFullError,
  QueueUnavailableError,
  redact,
  TASK_ERROR_CODES,
  TaskError,
  type TaskQueueError,
  TaskValidationError,
} from "@lexigram/contracts";

describe("task errors", () => {
  test("carry code, typed fields, a message and a hint", () => {
    const error = new QueueFullError({ queue: "emails", capacity: 10 });
    expect(error).toMatchObject({
      name: "QueueFullError",
      code: "LEX_ERR_TASK_QUEUE_FULL",
      fields: { queue: "emails", capacity: 10 },
      message: 'queue "emails" is full: it holds 10 unfinished jobs',
    });
    expect(error.hint).toContain("maxSize");
    expect(new BackendMissingError({ type: "redis", package: "@lexigram/tasks-redis" }).hint).toBe(
      "npm install @lexigram/tasks-redis",
    );
  });

  test("are told apart by their code, completely", () => {
    const explain = (error: TaskQueueError): string => {
      switch (error.code) {
        case "LEX_ERR_TASK_QUEUE_FULL":
          expectTypeOf(error).toEqualTypeOf<QueueFullError>();
          return String(error.fields.capacity);
        case "LEX_ERR_TASK_VALIDATION":
          return error.fields.subject;
        case "LEX_ERR_TASK_DUPLICATE":
        case "LEX_ERR_TASK_UNSUPPORTED":
        case "LEX_ERR_TASK_JOB_NOT_FOUND":
        case "LEX_ERR_TASK_NOT_ALLOWED":
          return error.message;
        default:
          return error satisfies never;
      }
    };
    expect(explain(new QueueFullError({ queue: "q", capacity: 7 }))).toBe("7");
  });

  test("name each field that is wrong", () => {
    const error = new TaskValidationError({
      subject: 'input of task "email.send"',
      issues: [
        { path: "to", message: "must be an address" },
        { path: "", message: "has too many keys" },
      ],
    });
    expect(error.message).toBe(
      'input of task "email.send" is invalid: to: must be an address; has too many keys',
    );
  });

  const classes = Object.values(contracts).filter(
    (value): value is typeof QueueFullError =>
      typeof value === "function" && value.prototype instanceof TaskError,
  );
  const make = (c: typeof QueueFullError, options?: LexigramErrorOptions): TaskError => {
    const fields = { issues: [], error: {}, known: [], ids: [], cycle: [], path: "" };
    const takesMessage = [
      "TaskRegistrationError",
      "TaskConfigError",
      "ScheduleInvalidError",
      "WorkflowError",
    ].includes(c.name);
    return Reflect.construct(c, takesMessage ? ["message", fields, options] : [fields, options]);
  };

  test.each(classes.map((c) => [c.name, c] as const))("give a hint: %s", (_, c) => {
    const { hint } = make(c);
    expect(hint).toMatch(/\w+ \w+/);
    expect(hint).not.toMatch(/: *$/);
    expect(make(c, {}).hint).toBe(hint);
    expect(make(c, { hint: undefined }).hint).toBe(hint);
    expect(make(c, { hint: "" }).hint).toBe(hint);
    expect(make(c, { hint: "its own" }).hint).toBe("its own");
  });

  test("hint at the paths of a value that is invalid", () => {
    const hint = (...paths: string[]): string =>
      new TaskValidationError({
        subject: "job",
        issues: paths.map((path) => ({ path, message: "is wrong" })),
      }).hint;
    expect(hint("id", "priority", "id")).toBe("correct id, priority of job");
    expect(hint("")).toBe("correct job as the message says");
    expect(hint("a", "b", "c", "d", "e", "f", "g")).toBe("correct a, b, c, d, e and 2 more of job");
  });

  test("have one class for each code of the closed list", () => {
    const codes: string[] = classes.map((c) => make(c).code);
    expect(codes.toSorted()).toEqual(Object.keys(TASK_ERROR_CODES).toSorted());
    for (const code of codes) expect(code).toMatch(/^LEX_ERR_TASK_[A-Z_]+$/);
  });

  test("hide secrets in message and hint, and keep the cause", () => {
    const cause = new Error("connect");
    const error = new QueueUnavailableError(
      { queue: "amqp://bob:s3cret@host/", retryable: true, accepted: "no", ids: [] },
      { cause, hint: "see redis://:hunter2@host" },
    );
    expect(error.message).not.toContain("s3cret");
    expect(error.hint).toBe("see redis://***@host");
    expect(error.cause).toBe(cause);
  });

  test.each([
    [[], /; what was asked of it may have been done$/],
    [["a"], /; 1 job may have been accepted$/],
    [["a", "b"], /; 2 jobs may have been accepted$/],
  ])("say of which jobs the fate is unknown: %j", (ids, says) => {
    const fields = { queue: "q", retryable: true, ids };
    expect(new QueueUnavailableError({ ...fields, accepted: "unknown" }).message).toMatch(says);
    expect(new QueueUnavailableError({ ...fields, accepted: "no" }).message).toMatch(/is unavailable$/);
  });

  test("turn into JSON without their stack", () => {
    expect(JSON.parse(JSON.stringify(new QueueFullError({ queue: "q", capacity: 1 })))).toEqual({
      name: "QueueFullError",
      code: "LEX_ERR_TASK_QUEUE_FULL",
      message: expect.any(String),
      hint: expect.any(String),
      fields: { queue: "q", capacity: 1 },
    });
  });
});

describe("redact", () => {
  test.each([
    ["redis://user:pass@host:6379/0", "redis://***@host:6379/0"],
    ["postgres://bob@db/x?sslmode=on&password=abc", "postgres://***@db/x?sslmode=on&password=***"],
    ["dial amqp://guest:guest@127.0.0.1: refused", "dial amqp://***@127.0.0.1: refused"],
    ["host=db password=abc user=x", "host=db password=*** user=x"],
    ["nothing secret a=b, me@example.com", "nothing secret a=b, me@example.com"],
  ])("turns %j into %j", (text, safe) => {
    expect(redact(text)).toBe(safe);
  });
});
