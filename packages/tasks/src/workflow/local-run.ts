import {
  type Clock,
  serializeError,
  type SerializedError,
  TaskCancelledError,
  TaskTimeoutError,
  WorkflowError,
} from "@lexigram/contracts";
import { asJson } from "./plan.ts";
import type { StepContext } from "./task-step.ts";
import { type AnyPart, runPart } from "./workflow-part.ts";
import { CANCELLED, type PartOutcome, type StepResult } from "./workflow-result.ts";
import type { WorkflowState, WorkflowStateStore } from "./workflow-state-store.ts";

/** A checkpoint, and where it is kept. */
export interface Checkpoint {
  readonly store: WorkflowStateStore;
  state: WorkflowState;
  version: number;
}

/** One execution of a workflow in this process: its time, its end from outside, and its checkpoint. */
export class LocalRun {
  readonly workflowId: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly #checkpoint: Checkpoint | undefined;
  /** Steps of a group end at once; their checkpoints are written one after the other. */
  #saving: Promise<void> = Promise.resolve();

  constructor(workflowId: string, clock: Clock, signal: AbortSignal, checkpoint: Checkpoint | undefined) {
    this.workflowId = workflowId;
    this.clock = clock;
    this.signal = signal;
    this.#checkpoint = checkpoint;
  }

  /** Runs a part of a workflow as a step of it. */
  async child(part: AnyPart, input: unknown, path: string): Promise<StepResult> {
    const startedAt = this.clock.monotonic();
    const outcome: PartOutcome = this.signal.aborted
      ? { status: "cancelled", error: CANCELLED, steps: [] }
      : await part[runPart](input, this, path);
    return stepResult(part.name, outcome, this.clock.monotonic() - startedAt);
  }

  /**
   * Runs a step unless its checkpoint says that it has succeeded, and notes that it has.
   *
   * @throws WorkflowError when another execution goes on from the same checkpoint.
   */
  async step(
    path: string,
    name: string,
    work: (signal: AbortSignal) => Promise<PartOutcome>,
  ): Promise<PartOutcome> {
    const done = this.#checkpoint?.state.steps[path];
    if (done?.success === true)
      return { status: "completed", steps: [], ...("data" in done ? { data: done.data } : {}) };
    const startedAt = this.clock.monotonic();
    const outcome = await work(this.signal);
    if (outcome.status !== "cancelled")
      await this.#save(path, stepResult(name, outcome, this.clock.monotonic() - startedAt));
    return outcome;
  }

  /** Calls a handler with a signal that its time ends; what comes later than that counts for nothing. */
  async within<T>(
    timeoutMs: number | undefined,
    step: string,
    context: StepContext,
    call: (context: StepContext) => T | Promise<T>,
  ): Promise<T> {
    const stop = new AbortController();
    const onAbort = (): void => stop.abort(this.signal.reason);
    this.signal.addEventListener("abort", onAbort, { once: true });
    const late = (): void =>
      stop.abort(new TaskTimeoutError({ task: step, jobId: this.workflowId, timeoutMs: timeoutMs ?? 0 }));
    const timer = timeoutMs === undefined ? undefined : this.clock.setTimer(late, timeoutMs);
    try {
      this.signal.throwIfAborted();
      const stopped = new Promise<never>((_, reject) => {
        const onStop = (): void => reject(stop.signal.reason as Error);
        stop.signal.addEventListener("abort", onStop, { once: true });
      });
      const running = (async () => call({ ...context, signal: stop.signal }))();
      return await Promise.race([running, stopped]);
    } finally {
      timer?.cancel();
      this.signal.removeEventListener("abort", onAbort);
    }
  }

  /** Writes the end down. */
  async end(outcome: PartOutcome): Promise<void> {
    const checkpoint = this.#checkpoint;
    if (checkpoint === undefined) return;
    await this.#write(checkpoint, { status: outcome.status, ...errorOf(outcome.error) });
  }

  async #save(path: string, result: StepResult): Promise<void> {
    const checkpoint = this.#checkpoint;
    if (checkpoint === undefined) return;
    const saved = this.#saving.then(() => {
      const steps = { ...checkpoint.state.steps, [path]: asJson(result) as unknown as StepResult };
      return this.#write(checkpoint, { steps });
    });
    this.#saving = saved.catch(() => {});
    await saved;
  }

  async #write(checkpoint: Checkpoint, change: Partial<WorkflowState>): Promise<void> {
    const state = { ...checkpoint.state, ...change, updatedAt: this.clock.now() };
    const version = await checkpoint.store.saveState(state, { ifVersion: checkpoint.version });
    if (version === undefined)
      throw new WorkflowError(
        `workflow "${this.workflowId}" is carried on by another execution`,
        { workflowId: this.workflowId },
        { hint: "execute one workflowId in one place at a time" },
      );
    checkpoint.state = state;
    checkpoint.version = version;
  }
}

const errorOf = (error: SerializedError | undefined): { error?: SerializedError } =>
  error === undefined ? {} : { error };

function stepResult(stepName: string, outcome: PartOutcome, durationMs: number): StepResult {
  const success = outcome.status === "completed";
  return {
    stepName,
    success,
    ...("data" in outcome ? { data: outcome.data } : {}),
    ...(success ? {} : { error: outcome.error ?? CANCELLED }),
    durationMs,
  };
}

/** Why an execution was stopped from outside. */
export function stopReason(workflowId: string, signal: AbortSignal): SerializedError {
  const { reason } = signal as { readonly reason: unknown };
  return serializeError(reason ?? new TaskCancelledError({ jobId: workflowId, reason: "it was stopped" }));
}
