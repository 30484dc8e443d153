import { isDeepStrictEqual } from "node:util";
import {
  type Clock,
  type Duration,
  milliseconds,
  type Random,
  refuseUnknownOptions,
  requireOptions,
  serviceOption,
  type StateStoreProtocol,
  systemClock,
  systemRandom,
  TaskConfigError,
  WorkflowError,
} from "@lexigram/contracts";
import type { HandlerRegistry } from "../define/handler-registry.ts";
import type { QueueSet } from "../dispatch/queue-set.ts";
import type { TaskDispatcher } from "../dispatch/task-dispatcher.ts";
import { CodecRegistry } from "../job/codec-registry.ts";
import { randomName } from "../job/job-id.ts";
import type { TaskContext } from "../worker/task-context.ts";
import { given } from "./plan-place.ts";
import { asJson, partsOf } from "./plan.ts";
import { Workflow } from "./workflow.ts";
import { requireQueues } from "./workflow-abilities.ts";
import {
  asPayload,
  once,
  runName,
  tickId,
  WORKFLOW_SPEC,
  WORKFLOW_TASK,
  type WorkflowJob,
} from "./workflow-jobs.ts";
import { planPart } from "./workflow-part.ts";
import { type StoredPlan, WorkflowRecords } from "./workflow-records.ts";
import { WorkflowRun } from "./workflow-run.ts";
import { type WorkflowServices, WorkflowWorker } from "./workflow-worker.ts";
import { checkWorkflowId, WorkflowStateStore, type WorkflowSummary } from "./workflow-state-store.ts";

export interface TaskWorkflowsOptions {
  readonly dispatcher: TaskDispatcher;
  readonly queues: QueueSet;
  /** Of the workers that carry workflows on in this process. Absent: others do. */
  readonly registry?: HandlerRegistry;
  /** Default: that of the primary queue. */
  readonly state?: StateStoreProtocol;
  readonly codecs?: CodecRegistry;
  readonly clock?: Clock;
  readonly random?: Random;
  /** Whether jobs run where they are enqueued; then nothing can be started. Default false. */
  readonly eager?: boolean;
}

const OPTION_KEYS = ["dispatcher", "queues", "registry", "state", "codecs", "clock", "random", "eager"];

export interface StartOptions {
  /** 1 to 64 letters, digits, or `._:-`. A second start under it changes nothing; after `delete` it begins anew. Default: made up. */
  readonly workflowId?: string;
  /** The queue, by its name in the application, of the jobs that begin it and carry on what is inside it. Default `"default"`. */
  readonly queue?: string;
  /** How long its end is kept. Default `"7d"`. */
  readonly retention?: Duration;
}

const RETENTION = "7d";

/**
 * Workflows that live on queues: their steps are jobs, and what comes next is stored, so they go on in whatever process
 * works on those queues, also when all others are gone. Injected by its class; all methods may run concurrently.
 */
export class TaskWorkflows {
  /** The states of all workflows. */
  readonly store: WorkflowStateStore;
  readonly #services: WorkflowServices;
  /** A state that was given is its giver's business. */
  readonly #judged: StateStoreProtocol | undefined;
  readonly #random: Random;
  readonly #eager: boolean;

  /** @throws TaskConfigError for an option that is unknown or no such service. */
  constructor(options: TaskWorkflowsOptions) {
    refuseUnknownOptions("TaskWorkflows", options, OPTION_KEYS);
    const { dispatcher, queues, registry, codecs = new CodecRegistry(), random = systemRandom } = options;
    const clock = serviceOption("TaskWorkflows", "clock", "clock", options.clock ?? systemClock);
    const state = options.state ?? queues.primary.state;
    this.#judged = options.state === undefined ? state : undefined;
    this.store = new WorkflowStateStore(state);
    this.#random = random;
    this.#eager = options.eager ?? false;
    const records = new WorkflowRecords(state);
    this.#services = { dispatcher, queues, codecs, clock, store: this.store, records };
    const worker = new WorkflowWorker(this.#services);
    registry?.registerBuiltIn({
      ...WORKFLOW_SPEC,
      kind: "function",
      run: (job: unknown, context: TaskContext) => worker.run(job as WorkflowJob, context),
    });
  }

  /**
   * Starts a workflow whose steps are tasks. Resolves when it is stored and its first job is enqueued; from then on it
   * goes on by itself. What it is given, and what its steps give, is kept as JSON.
   *
   * @throws TaskValidationError for a step that is a function; TaskConfigError for options that are unknown or out of
   *   range; UnsupportedError when a queue has no dependencies or results, or its store keeps no state;
   *   QueueNotFoundError; WorkflowError when another workflow has its id; QueueUnavailableError when a store cannot be
   *   reached.
   */
  async start<I, O>(
    workflow: Workflow<I, O>,
    input?: I,
    options: StartOptions = {},
  ): Promise<WorkflowRun<O>> {
    requireOptions("start", options);
    refuseUnknownOptions("start", options, ["workflowId", "queue", "retention"]);
    if (!(workflow instanceof Workflow))
      throw new TaskConfigError(
        "start needs a workflow",
        { path: "workflow" },
        { hint: "make one with chain, group, chord or branch; a single task is enqueued by the dispatcher" },
      );
    const id = checkWorkflowId(options.workflowId ?? randomName(this.#random));
    const { queue: home = "default", retention = RETENTION } = options;
    const plan = workflow[planPart]();
    const queues = new Set([home]);
    for (const part of partsOf(plan)) if (part.kind === "task") queues.add(part.queue);
    requireQueues([...queues], this.#services.queues, this.#judged, this.#eager);
    const value = input === undefined ? undefined : asJson(input);
    const wanted: StoredPlan = { plan, input: given(value), home, retentionMs: milliseconds(retention) };
    const run = await this.#begin(id, workflow, wanted);
    const job: WorkflowJob = { op: "tick", run, ...WorkflowWorker.firstInput(wanted.input) };
    const [first] = await this.#services.dispatcher.enqueueMany([
      { task: WORKFLOW_TASK, input: asPayload(job), options: once(tickId(run, "", 0, 0), home) },
    ]);
    // A duplicate is what an earlier start of the same id has enqueued.
    if (!first.ok && first.error.code !== "LEX_ERR_TASK_DUPLICATE") throw first.error;
    return this.run<O>(id);
  }

  /** A workflow that was started before, here or elsewhere. Nothing is asked of the store yet. */
  run<O = unknown>(workflowId: string): WorkflowRun<O> {
    return new WorkflowRun<O>(checkWorkflowId(workflowId), this.#services);
  }

  /** Those that have not ended, in the order of their ids. */
  listActive(): Promise<WorkflowSummary[]> {
    return this.store.listActive();
  }

  /**
   * Removes what is kept of a workflow that has ended.
   *
   * @returns whether there was one.
   * @throws WorkflowError when it has not ended: cancel it first.
   */
  async delete(workflowId: string): Promise<boolean> {
    const state = await this.store.loadState(workflowId);
    if (state === undefined) return false;
    if (state.status === "pending" || state.status === "running")
      throw new WorkflowError(
        `workflow "${workflowId}" has not ended`,
        { workflowId },
        { hint: "cancel it first: workflows.run(id).cancel()" },
      );
    if (state.run !== undefined) await this.#services.records.sweep(state.run);
    return this.store.deleteState(workflowId);
  }

  /** Stores a workflow, or finds it stored. @returns how its run is called. */
  async #begin(id: string, { kind, name }: Workflow<never, unknown>, wanted: StoredPlan): Promise<string> {
    const { records, clock } = this.#services;
    const now = clock.now();
    const known =
      (await this.store.loadState(id)) ??
      (
        await this.store.begin({
          v: 1,
          workflowId: id,
          kind,
          name,
          status: "pending",
          startedAt: now,
          updatedAt: now,
          steps: {},
          home: wanted.home,
          run: runName(id, randomName(this.#random)),
        })
      ).state;
    const { run } = known;
    if (run === undefined || known.kind !== kind || known.name !== name || known.home !== wanted.home)
      throw taken(id, known.name);
    // Nothing runs before its plan is there; who began it may have died in between.
    if (known.status === "pending") {
      const plan = await records.putPlan(run, wanted);
      if (!isDeepStrictEqual(plan, asJson(wanted))) throw taken(id, name);
    }
    return run;
  }
}

const taken = (workflowId: string, name: string): WorkflowError =>
  new WorkflowError(
    `the id "${workflowId}" is taken by workflow "${name}"`,
    { workflowId },
    { hint: "give each workflow an id of its own, or leave workflowId out" },
  );
