import {
  type AnySchema,
  type Clock,
  err,
  type Headers,
  type JobId,
  type Logger,
  type NewJob,
  ok,
  type ProgressTrackerProtocol,
  type Random,
  type StateStoreProtocol,
  type TaskQueueProtocol,
  TaskValidationError,
  type TransactionHandle,
  unwrap,
} from "@lexigram/contracts";
import type { HandlerRegistry } from "../define/handler-registry.ts";
import { inputSubject, parseInput } from "../define/input-validation.ts";
import type { TaskSpec } from "../define/registered-task.ts";
import type { TaskEmitter } from "../events/task-emitter.ts";
import type { CodecRegistry } from "../job/codec-registry.ts";
import { JobIds } from "../job/job-id.ts";
import { JobExecutionContext } from "../middleware/execution-context.ts";
import type { TaskMiddlewarePipeline } from "../middleware/pipeline.ts";
import type { Activity } from "../worker/activity.ts";
import { refuseCycles } from "./dependency-cycle.ts";
import { runEagerly } from "./eager-run.ts";
import { EnqueueLane, type EnqueueResult, isRefusal } from "./enqueue-lane.ts";
import type { EnqueueOptions } from "./enqueue-options.ts";
import { checkHeaderBytes, checkHeaders, headersOf } from "./job-headers.ts";
import { checkEnqueueOptions, plainJob, policyOf, withOptions } from "./new-job.ts";
import type { OutboxBinding, QueueDefaults } from "./queue-binding.ts";
import { checkRoundTrip } from "./round-trip.ts";
import { QueuedTaskHandle, type TaskHandle } from "./task-handle.ts";

/** A queue as producers need it. */
export interface DispatchTarget {
  readonly name: string;
  readonly queue: TaskQueueProtocol;
  readonly state?: StateStoreProtocol | undefined;
  /** Whether `state` is this process's memory for want of anything else. */
  readonly standIn?: boolean | undefined;
  readonly defaults?: QueueDefaults | undefined;
  readonly outbox?: Pick<OutboxBinding, "outbox"> | undefined;
}

export interface DispatchServices {
  readonly codecs: CodecRegistry;
  readonly clock: Clock;
  readonly random: Random;
  /** What eager handlers write to. */
  readonly logger: Logger;
  readonly registry?: HandlerRegistry | undefined;
  readonly pipeline?: TaskMiddlewarePipeline | undefined;
  readonly emitter?: TaskEmitter | undefined;
  readonly progress?: ProgressTrackerProtocol | undefined;
  readonly activity?: Activity | undefined;
  readonly eager?: boolean | undefined;
  readonly checkRoundTrip?: boolean | undefined;
  /** Milliseconds after which an enqueue that no store confirmed is given up. Default 10,000. */
  readonly enqueueTimeoutMs?: number | undefined;
}

export const DEFAULT_ENQUEUE_TIMEOUT_MS = 10_000;

/** A job that is wanted. */
export interface JobRequest {
  readonly spec: TaskSpec;
  readonly input: unknown;
  readonly options: EnqueueOptions | undefined;
}

/** Jobs of one call that go to the store together. */
interface Group {
  readonly lane: EnqueueLane;
  readonly transaction: TransactionHandle | undefined;
  readonly jobs: NewJob[];
  /** Of each job: where its result belongs, and what its result is parsed with. */
  readonly positions: number[];
  readonly outputs: (AnySchema | undefined)[];
}

/** So that no two objects of a process share a session, even when tests give both the same chance. */
let cores = 0;

/**
 * From a task and an input to a stored job: validation, keys, middleware, body, queue, event. Shared by dispatchers
 * that differ only in the headers they add. What can be done at once is done without a promise, as most jobs wait for
 * nothing but their batch.
 */
export class DispatchCore {
  readonly services: DispatchServices;
  readonly #target: (name: string, host: string | undefined) => DispatchTarget;
  readonly #lanes = new Map<DispatchTarget, EnqueueLane>();
  readonly #ids: JobIds;
  readonly #session: string;
  readonly #now: () => number;
  /** Whether something stands between a job and its queue that may have to be waited for. */
  readonly #detours: boolean;

  /** @param target finds a queue by its name in the application, or the part of it that belongs to a machine. */
  constructor(
    services: DispatchServices,
    target: (name: string, host: string | undefined) => DispatchTarget,
  ) {
    this.services = services;
    this.#target = target;
    this.#ids = new JobIds(services.random);
    this.#session = `${this.#ids.prefix}.${++cores}`;
    this.#now = () => services.clock.now();
    this.#detours = services.eager === true || services.checkRoundTrip === true;
  }

  /**
   * Enqueues one job.
   *
   * @param inherited headers of what caused it.
   * @param asResult whether a refusal resolves as a `Result` or rejects.
   */
  submit(
    spec: TaskSpec,
    input: unknown,
    options: EnqueueOptions | undefined,
    inherited: Headers,
    asResult: boolean,
  ): Promise<unknown> {
    try {
      if (options !== undefined) checkEnqueueOptions(options);
      const parsed = spec.schema === undefined ? input : parseInput(spec.schema, input, spec.name);
      const request: JobRequest = { spec, input, options };
      if (options?.dependsOn !== undefined) refuseCycles([request]);
      if (!(parsed instanceof Promise)) return this.#admit(request, parsed, inherited, asResult);
      return parsed.then(
        (late) => this.#admit(request, late, inherited, asResult),
        (error: unknown) => refused(error, asResult),
      );
    } catch (error) {
      return refused(error, asResult);
    }
  }

  /** Enqueues many jobs: one call per queue for each 1,000 of them. Refusals are results, at the position of their job. */
  async submitMany(requests: readonly JobRequest[], inherited: Headers): Promise<EnqueueResult[]> {
    refuseCycles(requests);
    if (this.#detours || this.services.pipeline?.around("enqueue") !== undefined)
      return Promise.all(
        requests.map(
          ({ spec, input, options }) =>
            this.submit(spec, input, options, inherited, true) as Promise<EnqueueResult>,
        ),
      );
    const results: EnqueueResult[] = [];
    const groups: Group[] = [];
    const late: Promise<void>[] = [];
    for (let i = 0; i < requests.length; i++) {
      const request = requests[i] as JobRequest;
      const { spec, input, options } = request;
      try {
        if (options !== undefined) checkEnqueueOptions(options);
        const parsed = spec.schema === undefined ? input : parseInput(spec.schema, input, spec.name);
        if (!(parsed instanceof Promise)) this.#gather(request, parsed, inherited, i, groups);
        else
          late.push(
            parsed
              .then((value) => this.#gather(request, value, inherited, i, groups))
              .catch((error: unknown) => void (results[i] = refusal(error))),
          );
      } catch (error) {
        results[i] = refusal(error);
      }
    }
    if (late.length > 0) await Promise.all(late);
    // All groups are waited for before one failure is told: what was stored is stored.
    const sent = await Promise.allSettled(groups.map((group) => sendGroup(group, results)));
    for (const outcome of sent) if (outcome.status === "rejected") throw outcome.reason;
    return results;
  }

  /** The handle of a job that was enqueued before, here or elsewhere. */
  reattach(queueName: string, id: JobId): TaskHandle {
    return new QueuedTaskHandle(this.#lane(queueName).source, id, "existing", undefined, undefined);
  }

  #gather(request: JobRequest, parsed: unknown, inherited: Headers, position: number, groups: Group[]): void {
    const { spec, options } = request;
    const lane = this.#lane(options?.queue ?? spec.policy.queue, options?.host);
    const transaction = options?.transaction;
    const job = this.#job(request, parsed, inherited, lane);
    let group = groups.at(-1);
    if (group?.lane !== lane || group.transaction !== transaction) {
      group = groups.find((other) => other.lane === lane && other.transaction === transaction);
      if (group === undefined)
        groups.push((group = { lane, transaction, jobs: [], positions: [], outputs: [] }));
    }
    group.jobs.push(job);
    group.positions.push(position);
    group.outputs.push(spec.output);
  }

  #admit(request: JobRequest, parsed: unknown, inherited: Headers, asResult: boolean): Promise<unknown> {
    try {
      const { spec, options } = request;
      const lane = this.#lane(options?.queue ?? spec.policy.queue, options?.host);
      const job = this.#job(request, parsed, inherited, lane);
      const around = this.services.pipeline?.around("enqueue");
      if (around === undefined && !this.#detours && options?.transaction === undefined)
        return lane.push(job, spec.output, asResult);
      return this.#detour(request, parsed, job, lane, asResult);
    } catch (error) {
      return refused(error, asResult);
    }
  }

  /** The way of jobs that meet middleware, a check of their form, a transaction, or no queue at all. */
  async #detour(
    request: JobRequest,
    parsed: unknown,
    job: NewJob,
    lane: EnqueueLane,
    asResult: boolean,
  ): Promise<unknown> {
    const { spec, input } = request;
    const { codecs, clock, pipeline } = this.services;
    try {
      if (this.services.checkRoundTrip === true)
        await checkRoundTrip(spec, input, parsed, codecs.decode(job.body).input);
      const around = pipeline?.around("enqueue");
      let handle: TaskHandle | undefined;
      if (around === undefined) handle = await this.#store(request, job, lane);
      else {
        const headers = { ...job.headers };
        const open: NewJob = { ...job, headers };
        const context = new JobExecutionContext(
          {
            phase: "enqueue",
            taskName: job.task,
            queueName: lane.source.queueName,
            jobId: job.id,
            input,
            headers,
            newJob: open,
          },
          clock,
        );
        await around(context, async () => {
          checkHeaders(headers);
          checkHeaderBytes(headers, open.body, codecs.maxPayloadBytes);
          handle = await this.#store(request, open, lane);
          return handle;
        });
        context.endTime ??= clock.monotonic();
      }
      if (handle === undefined)
        throw new TaskValidationError(
          {
            subject: inputSubject(spec.name),
            issues: [{ path: "", message: "a middleware did not let it through" }],
          },
          { hint: "a middleware of the enqueue phase calls next(), or throws to refuse a job" },
        );
      return asResult ? ok(handle) : handle;
    } catch (error) {
      return refused(error, asResult);
    }
  }

  async #store(request: JobRequest, job: NewJob, lane: EnqueueLane): Promise<TaskHandle> {
    const { spec, options } = request;
    const { eager, registry, logger } = this.services;
    if (eager === true && registry !== undefined) {
      const labels = { ...spec.policy.labels, ...options?.labels };
      return runEagerly(job, labels, lane.source, registry, logger);
    }
    if (options?.transaction === undefined) return lane.push(job, spec.output, false) as Promise<TaskHandle>;
    const [result] = await lane.pushMany([job], options.transaction);
    return lane.handle(job, unwrap(result as NonNullable<typeof result>), spec.output, options.transaction);
  }

  #job(request: JobRequest, parsed: unknown, inherited: Headers, lane: EnqueueLane): NewJob {
    const { spec, input, options } = request;
    const { codecs } = this.services;
    const subject = inputSubject(spec.name);
    const { queuePriority } = lane;
    if (options === undefined)
      return plainJob(
        spec,
        this.#ids.next(),
        codecs.encode({ v: 1, input }, subject),
        inherited,
        queuePriority,
        parsed,
      );
    const policy = policyOf(options, this.#now);
    const body = codecs.encode(policy === undefined ? { v: 1, input } : { v: 1, input, policy }, subject);
    const headers = headersOf(options, inherited);
    if (headers !== inherited) checkHeaderBytes(headers, body, codecs.maxPayloadBytes);
    const job = plainJob(spec, options.id ?? this.#ids.next(), body, headers, queuePriority, parsed);
    return withOptions(job, options, this.#now);
  }

  #lane(queueName: string, host?: string): EnqueueLane {
    const target = this.#target(queueName, host);
    const known = this.#lanes.get(target);
    if (known !== undefined) return known;
    const { codecs, clock, emitter, progress, activity, enqueueTimeoutMs } = this.services;
    const { name, queue, state, standIn } = target;
    // What a shared store holds is the truth, and all processes can read it.
    const replies = state === undefined || standIn === true ? queue.replies : undefined;
    const lane = new EnqueueLane(
      { queueName: name, queue, state, replies, codecs, clock, emitter, progress },
      target.defaults?.priority,
      {
        clock,
        session: `${this.#session}.${this.#lanes.size}`,
        enqueueTimeoutMs: enqueueTimeoutMs ?? DEFAULT_ENQUEUE_TIMEOUT_MS,
        activity,
        outbox: target.outbox?.outbox,
      },
    );
    this.#lanes.set(target, lane);
    return lane;
  }
}

async function sendGroup(group: Group, results: EnqueueResult[]): Promise<void> {
  const { lane, jobs, positions, outputs } = group;
  const answers = await lane.pushMany(jobs, group.transaction);
  for (let i = 0; i < jobs.length; i++) {
    const answer = answers[i] as NonNullable<(typeof answers)[number]>;
    results[positions[i] as number] = answer.ok
      ? ok(lane.handle(jobs[i] as NewJob, answer.value, outputs[i], group.transaction))
      : answer;
  }
}

/** @throws what is no refusal. */
function refusal(error: unknown): EnqueueResult {
  if (isRefusal(error)) return err(error);
  throw error;
}

async function refused(error: unknown, asResult: boolean): Promise<unknown> {
  if (asResult && isRefusal(error)) return err(error);
  throw error;
}
