import { AssertionError } from "node:assert";
import { inspect } from "node:util";
import { type JobId, type NewJob, refuseUnless, type TaskQueueProtocol } from "@lexigram/contracts";
import type { TaskInput, TaskRef } from "../define/task-definition.ts";
import type { CodecRegistry } from "../job/codec-registry.ts";
import type { QueueWrapper } from "../lifecycle/queue-opener.ts";
import { differences } from "./partial-match.ts";

/** A job that was accepted since the test began, by whatever way it was enqueued. */
export interface EnqueuedJob {
  readonly id: JobId;
  readonly task: string;
  /** The queue's name in the application. */
  readonly queue: string;
  /** As the caller passed it. */
  readonly input: unknown;
  readonly priority: number;
  /** Milliseconds from acceptance; 0: at once. */
  readonly delayMs: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly key: string | undefined;
}

/** What is expected of a job besides its task and input. */
export interface ExpectedJob {
  readonly queue?: string;
  readonly priority?: number;
  readonly delayMs?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly key?: string;
  readonly id?: JobId;
}

export interface ExpectEnqueuedOptions extends ExpectedJob {
  /** Exactly so many. Default: at least one. */
  readonly count?: number;
}

export type TaskOrName = string | TaskRef<unknown, unknown>;

/** Any part of a value. */
export type PartOf<T> = T extends object ? { readonly [K in keyof T]?: PartOf<T[K]> } : T;
/** A part of what a task's callers pass. */
export type PartOfInput<T extends TaskOrName> =
  T extends TaskRef<unknown, unknown> ? PartOf<TaskInput<T>> : unknown;

function nameOf(task: TaskOrName): string {
  const name: unknown = typeof task === "string" ? task : (task as { readonly name?: unknown } | null)?.name;
  refuseUnless(typeof name === "string", "enqueued jobs", "task", "must be a task, or the name of one");
  return name as string;
}

const MAX_LISTED = 5;

/** What was accepted by the queues of an application, and what a test expects of it. */
export class EnqueuedJobs {
  readonly #accepted: { readonly queue: string; readonly job: NewJob }[] = [];
  #codecs: CodecRegistry | undefined;

  /** Put around a queue, it notes what the queue accepts. */
  readonly wrap: QueueWrapper = (queue, entry) =>
    observed(queue, (jobs) => this.#accepted.push(...jobs.map((job) => ({ queue: entry.name, job }))));

  readWith(codecs: CodecRegistry): void {
    this.#codecs = codecs;
  }

  /** In the order of acceptance. */
  list(task?: TaskOrName): EnqueuedJob[] {
    const name = task === undefined ? undefined : nameOf(task);
    return this.#accepted
      .filter(({ job }) => name === undefined || job.task === name)
      .map(({ queue, job }) => this.#describe(queue, job));
  }

  forget(): void {
    this.#accepted.length = 0;
  }

  /** @throws AssertionError that lists near misses, each with where it differs. */
  expect(task: TaskOrName, input: unknown, options: ExpectEnqueuedOptions): EnqueuedJob[] {
    const { count, ...expected } = options;
    const { matching, missed } = this.#sort(task, input, expected);
    const enough = count === undefined ? matching.length > 0 : matching.length === count;
    if (enough) return matching;
    const name = nameOf(task);
    const wanted = count === undefined ? "a job" : count === 1 ? "exactly 1 job" : `exactly ${count} jobs`;
    throw new AssertionError({
      message: [
        `expected ${wanted} of task "${name}"${described(input, expected)}, found ${matching.length}`,
        ...this.#misses(name, missed),
      ].join("\n"),
      actual: this.list(task),
      expected: { task: name, ...(input === undefined ? {} : { input }), ...expected },
      operator: "expectEnqueued",
    });
  }

  /** @throws AssertionError when there is one. */
  refute(task: TaskOrName, input: unknown, expected: ExpectedJob): void {
    const { matching } = this.#sort(task, input, expected);
    if (matching.length === 0) return;
    throw new AssertionError({
      message: [
        `expected no job of task "${nameOf(task)}"${described(input, expected)}, found ${matching.length}`,
        ...matching.slice(0, MAX_LISTED).map((job) => `  ${summary(job)}`),
      ].join("\n"),
      actual: matching,
      expected: [],
      operator: "refuteEnqueued",
    });
  }

  #sort(
    task: TaskOrName,
    input: unknown,
    expected: ExpectedJob,
  ): { matching: EnqueuedJob[]; missed: { job: EnqueuedJob; why: string[] }[] } {
    const matching: EnqueuedJob[] = [];
    const missed: { job: EnqueuedJob; why: string[] }[] = [];
    for (const job of this.list(task)) {
      const why = [
        ...(input === undefined ? [] : differences(input, job.input)),
        ...Object.entries(expected).flatMap(([field, value]) =>
          value === undefined ? [] : differences(value, job[field as keyof EnqueuedJob], field),
        ),
      ];
      if (why.length === 0) matching.push(job);
      else missed.push({ job, why });
    }
    missed.sort((a, b) => a.why.length - b.why.length);
    return { matching, missed };
  }

  #misses(task: string, missed: readonly { job: EnqueuedJob; why: string[] }[]): string[] {
    if (missed.length > 0)
      return [
        "near misses:",
        ...missed
          .slice(0, MAX_LISTED)
          .flatMap(({ job, why }) => [
            `  ${summary(job)}`,
            ...why.map((difference) => `    - ${difference}`),
          ]),
      ];
    const others = [...new Set(this.list().map((job) => job.task))].filter((other) => other !== task);
    return others.length === 0 ? ["nothing else was enqueued"] : [`enqueued were: ${others.join(", ")}`];
  }

  #describe(queue: string, job: NewJob): EnqueuedJob {
    const envelope = this.#codecs?.decode(job.body);
    return {
      id: job.id,
      task: job.task,
      queue,
      input: envelope?.input,
      priority: job.priority,
      delayMs: job.delayMs ?? 0,
      headers: job.headers,
      key: job.key,
    };
  }
}

const short = (value: unknown): string => inspect(value, { depth: 4, breakLength: Infinity });

const summary = (job: EnqueuedJob): string =>
  `${job.task} in "${job.queue}" (${job.id}): ${short(job.input)}`;

function described(input: unknown, expected: ExpectedJob): string {
  const parts = input === undefined ? [] : [`input ${short(input)}`];
  if (Object.keys(expected).length > 0) parts.push(short(expected));
  return parts.length === 0 ? "" : ` with ${parts.join(" and ")}`;
}

/** The same queue, with somebody told of each job that it accepts. */
function observed(queue: TaskQueueProtocol, accepted: (jobs: NewJob[]) => void): TaskQueueProtocol {
  const enqueue: TaskQueueProtocol["enqueue"] = async (job) => {
    const result = await queue.enqueue(job);
    // Another id: a job that is there already stands for it.
    if (result.ok && result.value === job.id) accepted([job]);
    return result;
  };
  const enqueueMany: TaskQueueProtocol["enqueueMany"] = async (jobs, options) => {
    const results = await queue.enqueueMany(jobs, options);
    accepted(
      jobs.filter((_job, i) => {
        const result = results[i];
        return result?.ok === true && result.value.outcome !== "existing";
      }),
    );
    return results;
  };
  return new Proxy(queue, {
    get(target, member) {
      if (member === "enqueue") return enqueue;
      if (member === "enqueueMany") return enqueueMany;
      const value: unknown = Reflect.get(target, member, target);
      return typeof value === "function" ? (value as (...args: unknown[]) => unknown).bind(target) : value;
    },
  });
}
