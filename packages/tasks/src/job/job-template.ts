import {
  type Body,
  type Duration,
  type JobId,
  type JobView,
  type Priority,
  refuseUnknownOptions,
  TaskValidationError,
} from "@lexigram/contracts";
import type { Envelope } from "./envelope.ts";
import { inputOf } from "./payload-input.ts";

export interface JobTemplateFields {
  /** The task's name. */
  readonly name: string;
  /** What the task takes. Not together with `args` or `kwargs`. */
  readonly input?: unknown;
  /** What a task of another language takes: arguments by position. */
  readonly args?: readonly unknown[];
  /** And by name. */
  readonly kwargs?: Readonly<Record<string, unknown>>;
  /** Absent, like the next two: the task's. */
  readonly priority?: Priority;
  readonly maxRetries?: number;
  /** `null`: the worker's longest, and no limit where it enforces none. */
  readonly timeout?: Duration | null;
  readonly dependsOn?: readonly JobId[];
}

/** A job as plain data, which `dispatcher.enqueue` takes. */
export interface TemplateJob {
  readonly task: string;
  readonly input?: unknown;
  readonly options: {
    readonly id?: JobId;
    readonly priority?: Priority;
    readonly maxRetries?: number;
    readonly timeout?: Duration | null;
    readonly dependsOn?: readonly JobId[];
  };
}

export interface FromJobOptions {
  /** Reads the job's body. Default: JSON. */
  readonly decode?: (body: Body) => Envelope;
}

const FIELDS = ["name", "input", "args", "kwargs", "priority", "maxRetries", "timeout", "dependsOn"] as const;

/** A job to be made any number of times. Immutable; nothing is checked against the task before a job is enqueued. */
export class JobTemplate {
  readonly name: string;
  /** What each job is given; of `args` and `kwargs`, both in one object. */
  readonly input: unknown;
  readonly priority: Priority | undefined;
  readonly maxRetries: number | undefined;
  readonly timeout: Duration | null | undefined;
  readonly dependsOn: readonly JobId[];

  /**
   * @throws TaskConfigError for an unknown field; TaskValidationError without a name, or when `input` is given beside
   *   `args` or `kwargs`.
   */
  constructor(fields: JobTemplateFields) {
    refuseUnknownOptions("JobTemplate", fields, FIELDS);
    const { name, input, args, kwargs } = fields;
    if (typeof name !== "string" || name === "") throw invalid("name", "must be the name of a task");
    if (input !== undefined && (args !== undefined || kwargs !== undefined))
      throw invalid("input", "cannot be given together with args or kwargs");
    this.name = name;
    this.input = inputOf({
      v: 1,
      input,
      ...(args === undefined ? {} : { args: [...args] }),
      ...(kwargs === undefined ? {} : { kwargs: { ...kwargs } }),
    });
    this.priority = fields.priority;
    this.maxRetries = fields.maxRetries;
    this.timeout = fields.timeout;
    this.dependsOn = Object.freeze([...(fields.dependsOn ?? [])]);
  }

  /**
   * The template that a stored job could have been made of: its task, its input, its own policy.
   *
   * @throws TaskValidationError when the body is in another encoding than JSON and no `decode` is given.
   */
  static fromJob(job: JobView, options: FromJobOptions = {}): JobTemplate {
    refuseUnknownOptions("fromJob", options, ["decode"]);
    const envelope = (options.decode ?? decodeJson)(job.body);
    const { maxRetries, timeoutMs } = envelope.policy ?? {};
    return new JobTemplate({
      name: job.task,
      input: inputOf(envelope),
      priority: job.priority,
      ...(maxRetries === undefined ? {} : { maxRetries }),
      ...(timeoutMs === undefined ? {} : { timeout: timeoutMs }),
      ...(job.dependsOn === undefined ? {} : { dependsOn: job.dependsOn }),
    });
  }

  /** A job to be enqueued, as fresh data. @param id its id; by default one is made up when it is enqueued. */
  createJob(id?: JobId): TemplateJob {
    const { name: task, input, priority, maxRetries, timeout, dependsOn } = this;
    const options = {
      ...(id === undefined ? {} : { id }),
      ...(priority === undefined ? {} : { priority }),
      ...(maxRetries === undefined ? {} : { maxRetries }),
      ...(timeout === undefined ? {} : { timeout }),
      ...(dependsOn.length === 0 ? {} : { dependsOn: [...dependsOn] }),
    };
    return input === undefined ? { task, options } : { task, input, options };
  }
}

function decodeJson(body: Body): Envelope {
  if (body.encoding === "json" && typeof body.data === "string") return JSON.parse(body.data) as Envelope;
  throw invalid("body", `is in encoding "${body.encoding}", which needs the option decode`);
}

function invalid(path: string, message: string): TaskValidationError {
  return new TaskValidationError({ subject: "a job template", issues: [{ path, message }] });
}
