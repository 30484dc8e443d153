import {
  type Clock,
  err,
  ok,
  requireOptions,
  type Result,
  serviceOption,
  signalOption,
  systemClock,
  systemRandom,
  TaskConfigError,
  WorkflowError,
} from "@lexigram/contracts";
import { randomName } from "../job/job-id.ts";
import { type Checkpoint, LocalRun, stopReason } from "./local-run.ts";
import { checkPartOptions, runPart, WorkflowPart } from "./workflow-part.ts";
import type { PartOutcome, WorkflowResult } from "./workflow-result.ts";
import { checkWorkflowId, type WorkflowState, WorkflowStateStore } from "./workflow-state-store.ts";

/** How workflows of every kind are kept. */
export interface WorkflowOptions {
  /** Tells it apart from others in lists, and inside of another workflow. Default: its kind. */
  readonly name?: string;
  /** With `workflowId`: what succeeded is noted here, and not run again by another execution of that id. */
  readonly stateStore?: WorkflowStateStore;
  /** Default: made up. */
  readonly workflowId?: string;
}

export interface ExecuteOptions extends Pick<WorkflowOptions, "stateStore" | "workflowId"> {
  /** Stops the execution; the step that runs sees it by its own signal. */
  readonly signal?: AbortSignal;
  readonly clock?: Clock;
}

const WORKFLOW_KEYS = ["name", "stateStore", "workflowId"] as const;

/** Steps in an order. Immutable; executed and started any number of times, also at once. */
export abstract class Workflow<I, O> extends WorkflowPart<I, O> {
  abstract readonly kind: "chain" | "group" | "chord" | "branch";
  readonly name: string;
  protected readonly options: WorkflowOptions;

  /** @throws TaskConfigError for an option that is unknown or no such thing. */
  constructor(kind: string, options: WorkflowOptions, keys: readonly string[]) {
    super();
    requireOptions(kind, options);
    checkPartOptions(kind, options, [...keys, ...WORKFLOW_KEYS]);
    this.name = options.name ?? kind;
    if (typeof this.name !== "string" || this.name === "")
      throw new TaskConfigError(`the name of a ${kind} must be a text`, { path: "name" });
    this.options = checkKeeping(kind, options);
  }

  /**
   * Runs all of it in this process. With `workflowId` and `stateStore` it goes on where an earlier execution of that id
   * ended: steps that succeeded are not run again.
   *
   * @returns how it ended, whatever its steps did; a `WorkflowError` when it could not be carried out: a condition threw,
   *   or another execution has its id.
   * @throws TaskConfigError for options that are unknown or no such thing; QueueUnavailableError when the state store
   *   cannot be reached.
   */
  async execute(input?: I, options: ExecuteOptions = {}): Promise<Result<WorkflowResult<O>, WorkflowError>> {
    requireOptions("execute", options);
    checkPartOptions("execute", options, ["stateStore", "workflowId", "signal", "clock"]);
    signalOption("execute", options.signal);
    const { stateStore, workflowId } = checkKeeping("execute", { ...this.options, ...options });
    const clock = serviceOption("execute", "clock", "clock", options.clock ?? systemClock);
    const signal = options.signal ?? new AbortController().signal;
    const id = workflowId ?? randomName(systemRandom);
    const startedAt = clock.monotonic();
    try {
      const run = new LocalRun(id, clock, signal, await this.#checkpoint(stateStore, id, clock));
      let outcome: PartOutcome = await this[runPart](input, run, "");
      if (signal.aborted && outcome.status !== "completed")
        outcome = { ...outcome, status: "cancelled", error: stopReason(id, signal) };
      await run.end(outcome);
      return ok(resultOf<O>(id, outcome, clock.monotonic() - startedAt));
    } catch (error) {
      if (error instanceof WorkflowError) return err(error);
      throw error;
    }
  }

  async #checkpoint(
    store: WorkflowStateStore | undefined,
    workflowId: string,
    clock: Clock,
  ): Promise<Checkpoint | undefined> {
    if (store === undefined) return undefined;
    const now = clock.now();
    const { kind, name } = this;
    const fresh: WorkflowState = {
      v: 1,
      workflowId,
      kind,
      name,
      status: "running",
      startedAt: now,
      updatedAt: now,
      steps: {},
    };
    const { state, version } = await store.begin(fresh);
    if (state.kind !== kind || state.name !== name || state.home !== undefined)
      throw new WorkflowError(
        `the id "${workflowId}" is taken by ${state.kind} "${state.name}"${state.home === undefined ? "" : ", which lives on queues"}`,
        { workflowId },
        { hint: "give each workflow an id of its own" },
      );
    return { store, state: { ...state, status: "running" }, version };
  }
}

function checkKeeping<T extends WorkflowOptions>(subject: string, options: T): T {
  const { workflowId, stateStore } = options;
  if (workflowId !== undefined) checkWorkflowId(workflowId);
  if (stateStore !== undefined && !(stateStore instanceof WorkflowStateStore))
    throw new TaskConfigError(
      `stateStore of ${subject} must be a WorkflowStateStore`,
      { path: "stateStore" },
      { hint: "new WorkflowStateStore(state) over a state store, or new InMemoryWorkflowStateStore()" },
    );
  return options;
}

function resultOf<O>(workflowId: string, outcome: PartOutcome, totalDurationMs: number): WorkflowResult<O> {
  const { status, steps, data, error } = outcome;
  return {
    workflowId,
    status,
    steps,
    finalResult: data as O | undefined,
    totalDurationMs,
    ...(error === undefined ? {} : { error }),
  };
}
