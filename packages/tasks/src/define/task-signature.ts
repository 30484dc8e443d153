import { refuseUnless } from "@lexigram/contracts";
import type { EnqueueOptions } from "../dispatch/enqueue-options.ts";
import type { TaskSpec } from "./registered-task.ts";

declare const output: unique symbol;

/**
 * A job that was described and not enqueued: plain data, made by `definition.s(input)` and taken by
 * `dispatcher.enqueue`. A copy that was written as JSON and read again is enqueued by its name.
 */
export class TaskSignature<O = unknown> {
  declare readonly [output]?: O;
  /** The task's name. */
  readonly task: string;
  /** What the caller passed; checked when it is enqueued. */
  readonly input: unknown;
  readonly options: EnqueueOptions;
  readonly #spec: TaskSpec;

  constructor(spec: TaskSpec, input: unknown, options: EnqueueOptions = {}) {
    refuseUnless(typeof spec?.name === "string", "TaskSignature", "spec", "must be that of a task");
    this.task = spec.name;
    this.input = input;
    this.options = options;
    this.#spec = spec;
  }

  /** The checked facts of the task, when the signature was made in this process. */
  static specOf(signature: TaskSignature): TaskSpec {
    return signature.#spec;
  }
}

/** A signature, or a copy of one: any object that names a task. */
export interface JobDescription {
  readonly task: string;
  readonly input?: unknown;
  readonly options?: EnqueueOptions;
}
