import {
  type Duration,
  isTerminal,
  milliseconds,
  QueueUnavailableError,
  refuseUnknownOptions,
  ResultTimeoutError,
  signalOption,
  type Timer,
  WorkflowError,
} from "@lexigram/contracts";
import { idsOf } from "./children.ts";
import { childrenOf } from "./frame.ts";
import { valuesOf } from "./group-outcome.ts";
import { nodeAt } from "./plan-place.ts";
import { asPayload, once, WORKFLOW_TASK } from "./workflow-jobs.ts";
import { CANCELLED, isEnded, type WorkflowResult, type WorkflowStatus } from "./workflow-result.ts";
import type { WorkflowState } from "./workflow-state-store.ts";
import type { StoredPlan, WorkflowRecords } from "./workflow-records.ts";
import type { RunOutcome, WorkflowServices } from "./workflow-worker.ts";

/** How far a workflow has come: the steps of the workflow itself, not of those inside it. */
export interface WorkflowProgress {
  readonly status: WorkflowStatus;
  readonly done: number;
  /** 0: not known yet. */
  readonly total: number;
}

const LOOK_AGAIN_MS = 1_000;

/** One run of a workflow on queues. Holds no resources; all methods may run concurrently, in any process. */
export class WorkflowRun<O = unknown> {
  readonly id: string;
  readonly #services: WorkflowServices;

  constructor(id: string, services: WorkflowServices) {
    this.id = id;
    this.#services = services;
  }

  /** `unknown`: there is no such workflow, or no longer. */
  async status(): Promise<WorkflowStatus | "unknown"> {
    return (await this.state())?.status ?? "unknown";
  }

  /** All that is kept of it; `undefined` when there is no such workflow, or no longer. */
  state(): Promise<WorkflowState | undefined> {
    return this.#services.store.loadState(this.id);
  }

  /**
   * Waits until it has ended. How it ended is in the result: that a step failed throws nothing.
   *
   * @param options `timeout`: how long to wait, default without limit. A store that cannot be reached is asked again each
   *   second until then.
   * @throws ResultTimeoutError when the time is up (the workflow goes on); WorkflowError when there is no such workflow, or
   *   no longer; the reason of `signal` when that is aborted.
   */
  async result(
    options: { readonly timeout?: Duration; readonly signal?: AbortSignal } = {},
  ): Promise<WorkflowResult<O>> {
    refuseUnknownOptions("run.result", options, ["timeout", "signal"]);
    signalOption("run.result", options.signal);
    const timeoutMs = options.timeout === undefined ? undefined : milliseconds(options.timeout);
    const stop = new AbortController();
    const { signal } = options;
    const onAbort = (): void => stop.abort(signal?.reason);
    const late = (): void =>
      stop.abort(new ResultTimeoutError({ jobId: this.id, timeoutMs: timeoutMs ?? 0 }));
    const timer =
      timeoutMs === undefined
        ? undefined
        : this.#services.clock.setTimer(late, timeoutMs, { keepAlive: true });
    if (signal?.aborted === true) onAbort();
    else signal?.addEventListener("abort", onAbort, { once: true });
    try {
      return await this.#awaited(stop.signal);
    } finally {
      timer?.cancel();
      signal?.removeEventListener("abort", onAbort);
      stop.abort();
    }
  }

  /**
   * Cancels it as a whole: it is over at once, jobs that wait are cancelled, handlers that run see it by `ctx.signal`.
   *
   * @returns `"finished"` when it had ended before, `"unknown"` when there is no such workflow.
   */
  async cancel(): Promise<"cancelled" | "finished" | "unknown"> {
    const { store, records, clock } = this.#services;
    for (;;) {
      const stored = await store.read(this.id);
      if (stored === undefined) return "unknown";
      const { state, version } = stored;
      if (state.home === undefined || isEnded(state.status)) {
        // A cancel whose process died before it enqueued is made up for.
        if (state.status === "cancelled") await this.#enqueueCancel(state);
        return "finished";
      }
      const plan = await planOf(records, state);
      const now = clock.now();
      const outcome = {
        end: { status: "cancelled", error: CANCELLED },
        steps: [],
        totalDurationMs: Math.max(0, now - state.startedAt),
      };
      const ended: WorkflowState = {
        ...state,
        status: "cancelled",
        updatedAt: now,
        error: CANCELLED,
        outcome: JSON.parse(JSON.stringify(outcome)),
      };
      const saved = await store.saveState(ended, {
        ifVersion: version,
        ...(plan === undefined ? {} : { ttlMs: plan.retentionMs }),
      });
      if (saved === undefined) continue;
      records.announce(this.id);
      await this.#enqueueCancel(state);
      return "cancelled";
    }
  }

  /**
   * How many of its steps have ended. Asks the queues of a group, a thousand jobs at a time.
   *
   * @throws WorkflowError when there is no such workflow, or no longer.
   */
  async progress(): Promise<WorkflowProgress> {
    const { store, records, queues } = this.#services;
    const root = await store.loadState(this.id);
    if (root === undefined) throw unknown(this.id);
    const { status, run = "" } = root;
    const [plan, frame] = await Promise.all([planOf(records, root), records.frame(run, "")]);
    const outcome = root.outcome as unknown as RunOutcome | undefined;
    if (outcome !== undefined) {
      const fan = outcome.fan === undefined ? [] : await records.kept(outcome.fan);
      const done = outcome.steps.length + fan.length;
      return { status, done, total: done };
    }
    if (plan === undefined || frame === undefined) return { status, done: 0, total: 0 };
    const { position } = frame.record;
    const fan = frame.record.fan === undefined ? [] : await records.kept(frame.record.fan);
    const node = nodeAt(plan.plan, "");
    if (node.kind === "chain") return { status, done: position.steps.length, total: node.steps.length };
    if (node.kind === "branch") return { status, done: 0, total: 1 };
    const after = node.kind === "chord" ? 1 : 0;
    if (position.phase !== "fan") return { status, done: fan.length, total: fan.length + after };
    const children = childrenOf(node, position, fan);
    let done = 0;
    for (const queue of frame.record.queues) {
      const ids = idsOf(run, "", children, queue, plan.home);
      for (let from = 0; from < ids.length; from += 1_000) {
        const outcomes = await queues.get(queue).queue.results(ids.slice(from, from + 1_000));
        for (const { status: its } of outcomes) if (its !== "unknown" && isTerminal(its)) done++;
      }
    }
    return { status, done, total: children.length + after };
  }

  async #enqueueCancel({ home, run }: WorkflowState): Promise<void> {
    if (home === undefined || run === undefined) return;
    await this.#services.dispatcher.enqueueMany([
      {
        task: WORKFLOW_TASK,
        input: asPayload({ op: "cancel", run }),
        options: once(`${run}/!`, home),
      },
    ]);
  }

  async #awaited(signal: AbortSignal): Promise<WorkflowResult<O>> {
    const { records, clock } = this.#services;
    const aborted = new Promise<never>((_, reject) => {
      const onAbort = (): void => reject(signal.reason as Error);
      if (signal.aborted) onAbort();
      else signal.addEventListener("abort", onAbort, { once: true });
    });
    aborted.catch(() => {});
    const news = (await records.ends(this.id, signal))[Symbol.asyncIterator]();
    let next: Promise<unknown> = news.next().catch(() => undefined);
    for (;;) {
      let ended: WorkflowResult<O> | undefined;
      try {
        ended = await this.#ended();
      } catch (error) {
        if (!(error instanceof QueueUnavailableError)) throw error;
      }
      if (ended !== undefined) return ended;
      let timer: Timer | undefined;
      const again = new Promise<void>((resolve) => {
        timer = clock.setTimer(resolve, LOOK_AGAIN_MS);
      });
      try {
        const heard = await Promise.race([next.then(() => true), again.then(() => false), aborted]);
        if (heard) next = new Promise(() => {});
      } finally {
        timer?.cancel();
      }
    }
  }

  async #ended(): Promise<WorkflowResult<O> | undefined> {
    const state = await this.state();
    if (state === undefined) throw unknown(this.id);
    if (!isEnded(state.status)) return undefined;
    const outcome = state.outcome as unknown as RunOutcome | undefined;
    const fan = outcome?.fan === undefined ? [] : await this.#services.records.kept(outcome.fan);
    const { status, error, updatedAt, startedAt } = state;
    const steps = outcome === undefined ? Object.values(state.steps) : [...fan, ...outcome.steps];
    const isList = state.kind === "group" && status === "completed";
    return {
      workflowId: this.id,
      status,
      steps,
      finalResult: (isList ? valuesOf(fan) : outcome?.end.data) as O | undefined,
      totalDurationMs: outcome?.totalDurationMs ?? Math.max(0, updatedAt - startedAt),
      ...(error === undefined ? {} : { error }),
    };
  }
}

async function planOf(records: WorkflowRecords, { run }: WorkflowState): Promise<StoredPlan | undefined> {
  return run === undefined ? undefined : records.plan(run);
}

const unknown = (workflowId: string): WorkflowError =>
  new WorkflowError(
    `there is no workflow "${workflowId}"`,
    { workflowId },
    { hint: "check the id; ends are kept for the retention that start was given" },
  );
