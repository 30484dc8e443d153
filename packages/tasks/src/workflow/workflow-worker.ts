import type { Clock } from "@lexigram/contracts";
import type { QueueSet } from "../dispatch/queue-set.ts";
import type { TaskDispatcher } from "../dispatch/task-dispatcher.ts";
import type { CodecRegistry } from "../job/codec-registry.ts";
import { DiscardTask } from "../retry/control-flow.ts";
import type { TaskContext } from "../worker/task-context.ts";
import { cancelFrame, collect } from "./children.ts";
import { advance, begin, childrenOf, type Ended, type FrameEnd, type Move } from "./frame.ts";
import { fanOut, queuesOf } from "./fan-out.ts";
import { type FrameNode, type Given, nodeAt } from "./plan-place.ts";
import { asJson } from "./plan.ts";
import { asPayload, endId, once, type WorkflowJob, workflowIdOf, WORKFLOW_TASK } from "./workflow-jobs.ts";
import type { FrameRecord, StoredFrame, StoredPlan, WorkflowRecords } from "./workflow-records.ts";
import { isEnded, type StepResult } from "./workflow-result.ts";
import type { StoredWorkflow, WorkflowStateStore } from "./workflow-state-store.ts";

export interface WorkflowServices {
  readonly dispatcher: TaskDispatcher;
  readonly queues: QueueSet;
  readonly codecs: CodecRegistry;
  readonly clock: Clock;
  readonly store: WorkflowStateStore;
  readonly records: WorkflowRecords;
}

/** What a run came to, as its state keeps it. */
export interface RunOutcome {
  readonly end: FrameEnd;
  /** Steps one after the other; of steps beside each other those that follow them. */
  readonly steps: readonly StepResult[];
  readonly fan?: FrameRecord["fan"];
  readonly totalDurationMs: number;
}

type Tick = Extract<WorkflowJob, { readonly op: "tick" }>;

/**
 * Carries workflows on, one job at a time. A job looks at one frame: notes how its children ended, moves it, and
 * enqueues what is to be done next. The move is stored before anything is enqueued, and all that is enqueued follows
 * from what is stored and has a name of its own, so a job that is run again after its process died does the rest.
 */
export class WorkflowWorker {
  readonly #services: WorkflowServices;

  constructor(services: WorkflowServices) {
    this.#services = services;
  }

  /** The handler of `lexigram.workflow`. */
  async run(job: WorkflowJob, context: TaskContext): Promise<unknown> {
    switch (job.op) {
      case "end":
        return job.end;
      case "refused":
        throw new DiscardTask({ reason: job.reason });
      case "cancel":
        return this.#cancel(job.run);
      default:
        return this.#tick(job, context);
    }
  }

  async #tick(job: Tick, context: TaskContext): Promise<void> {
    const { store, records } = this.#services;
    const root = await store.read(workflowIdOf(job.run));
    if (root?.state.run !== job.run) return;
    const plan = await records.plan(job.run);
    if (plan === undefined) return;
    // The sweep may not have been done.
    if (isEnded(root.state.status)) return job.path === "" ? this.#swept(root, plan) : undefined;
    const node = nodeAt(plan.plan, job.path);
    const frame = await this.#moved(job, node, plan);
    if (frame === undefined) return;
    if (job.path === "" && root.state.status === "pending") await this.#begun(root);
    await this.#issue(job, node, plan, frame, context);
  }

  /** @returns the frame as this job left it; `undefined` when another job is to go on, or others are waited for. */
  async #moved(job: Tick, node: FrameNode, plan: StoredPlan): Promise<FrameRecord | undefined> {
    const { records, clock } = this.#services;
    const { run, path, tick } = job;
    for (;;) {
      let stored = await records.frame(run, path);
      if (stored === undefined && tick > 0) return undefined;
      if (stored !== undefined && stored.record.tick !== tick)
        return stored.record.tick === tick + 1 ? stored.record : undefined;
      let move: Move;
      if (tick === 0) move = begin(node, job.input ?? {}, clock.now());
      else {
        stored = await this.#arrived(job, node, stored as StoredFrame, plan);
        if (stored === undefined) continue;
        const { record } = stored;
        if (Object.keys(record.arrived).length < record.queues.length) return undefined;
        const fan = record.fan === undefined ? [] : await records.kept(record.fan);
        const ends = await this.#ends(node, record, plan, fan);
        move = advance(run, node, record.position, ends, fan, clock.now());
      }
      const next = await this.#recordOf(job, node, plan, move, stored?.record);
      if ((await records.putFrame(run, path, next, stored?.version)) !== undefined) return next;
    }
  }

  /** Notes how the children in the job's queue ended. @returns `undefined` when another job was quicker. */
  async #arrived(
    job: Tick,
    node: FrameNode,
    stored: StoredFrame,
    plan: StoredPlan,
  ): Promise<StoredFrame | undefined> {
    const { records, queues, codecs } = this.#services;
    const { record, version } = stored;
    const { run, path, k, tick } = job;
    if (String(k) in record.arrived) return stored;
    const fan = record.fan === undefined ? [] : await records.kept(record.fan);
    const queue = record.queues[k] as string;
    const children = childrenOf(node, record.position, fan).filter(
      (child) => (child.node.kind === "task" ? child.node.queue : plan.home) === queue,
    );
    const ends = await collect(run, path, children, queues.get(queue).queue, codecs);
    const kept = await records.keep<Ended>(run, `${path}#${tick}.${k}`, ends);
    const arrived = { ...record.arrived, [String(k)]: kept };
    const next: FrameRecord = { ...record, arrived };
    const now = await records.putFrame(run, path, next, version);
    return now === undefined ? undefined : { record: next, version: now };
  }

  /** The ends of all children, in their order. */
  async #ends(
    node: FrameNode,
    record: FrameRecord,
    plan: StoredPlan,
    fan: readonly StepResult[],
  ): Promise<Ended[]> {
    const byQueue = new Map<string, readonly Ended[]>();
    for (const [k, queue] of record.queues.entries())
      byQueue.set(queue, await this.#services.records.kept(record.arrived[String(k)] ?? { items: [] }));
    const taken = new Map<string, number>();
    return childrenOf(node, record.position, fan).map(({ node: child }) => {
      const queue = child.kind === "task" ? child.queue : plan.home;
      const at = taken.get(queue) ?? 0;
      taken.set(queue, at + 1);
      return byQueue.get(queue)?.[at] as Ended;
    });
  }

  async #recordOf(
    job: Tick,
    node: FrameNode,
    plan: StoredPlan,
    { position, fan }: Move,
    before: FrameRecord | undefined,
  ): Promise<FrameRecord> {
    const { records } = this.#services;
    const tick = job.tick + 1;
    const kept = fan === undefined ? before?.fan : await records.keep(job.run, `${job.path}*${tick}`, fan);
    const known = fan ?? (kept === undefined ? [] : await records.kept(kept));
    const notifies = job.notifies ?? before?.notifies;
    return {
      v: 1,
      tick,
      position,
      queues: queuesOf(childrenOf(node, position, known), plan.home),
      arrived: {},
      ...(kept === undefined ? {} : { fan: kept }),
      ...(notifies === undefined ? {} : { notifies }),
    };
  }

  /** Does what follows from where a frame stands; does nothing twice. */
  async #issue(
    job: Tick,
    node: FrameNode,
    plan: StoredPlan,
    record: FrameRecord,
    context: TaskContext,
  ): Promise<void> {
    const { records, store } = this.#services;
    const { run, path } = job;
    const fan = record.fan === undefined ? [] : await records.kept(record.fan);
    if (record.position.end !== undefined) return this.#finish(job, plan, record, fan, context);
    const children = childrenOf(node, record.position, fan);
    const dispatcher = this.#services.dispatcher.within(context);
    await fanOut({ dispatcher, run, path, record, children, home: plan.home, signal: context.signal });
    const root = await store.read(workflowIdOf(run));
    if (root?.state.run !== run || isEnded(root.state.status))
      await cancelFrame(run, path, record, children, this.#services.dispatcher);
  }

  async #finish(
    job: Tick,
    plan: StoredPlan,
    record: FrameRecord,
    fan: readonly StepResult[],
    context: TaskContext,
  ): Promise<void> {
    const { dispatcher, store, clock } = this.#services;
    const { run, path } = job;
    const { position, notifies } = record;
    const end = position.end as FrameEnd;
    if (path !== "") {
      const id = endId(run, path);
      const told: FrameEnd = end;
      await dispatcher.within(context).enqueueMany([
        {
          task: WORKFLOW_TASK,
          input: asPayload({ op: "end", run, end: told }),
          options: once(id, plan.home, notifies === undefined ? {} : { notifies }),
        },
      ]);
      return;
    }
    for (;;) {
      const root = await store.read(workflowIdOf(run));
      if (root?.state.run !== run) return;
      if (isEnded(root.state.status)) return this.#swept(root, plan);
      const now = clock.now();
      const totalDurationMs = Math.max(0, now - root.state.startedAt);
      const { data: _list, ...listless } = end;
      // A list of what all steps gave is in their results.
      const isList = plan.plan.kind === "group" && fan.length > 0;
      const outcome: RunOutcome = {
        end: isList ? listless : end,
        steps: position.steps,
        ...(record.fan === undefined ? {} : { fan: record.fan }),
        totalDurationMs,
      };
      const { status, error } = end;
      const state = {
        ...root.state,
        status,
        updatedAt: now,
        outcome: asJson(outcome),
        ...(error === undefined ? {} : { error }),
      };
      const saved = await store.saveState(state, { ifVersion: root.version, ttlMs: plan.retentionMs });
      if (saved !== undefined) return this.#swept({ state, version: saved }, plan);
    }
  }

  async #begun({ state, version }: StoredWorkflow): Promise<void> {
    const { store, clock } = this.#services;
    // One that was cancelled meanwhile stays so.
    await store.saveState({ ...state, status: "running", updatedAt: clock.now() }, { ifVersion: version });
  }

  async #swept({ state }: StoredWorkflow, plan: StoredPlan): Promise<void> {
    const { records } = this.#services;
    const outcome = state.outcome as unknown as RunOutcome | undefined;
    records.announce(state.workflowId);
    // Jobs that are to be cancelled are found by the frames.
    if (state.status !== "cancelled" && state.run !== undefined)
      await records.sweep(state.run, outcome?.fan, plan.retentionMs);
  }

  async #cancel(run: string): Promise<void> {
    const { records, dispatcher } = this.#services;
    const plan = await records.plan(run);
    if (plan === undefined) return;
    for await (const [path, record] of records.frames(run)) {
      const fan = record.fan === undefined ? [] : await records.kept(record.fan);
      const children = childrenOf(nodeAt(plan.plan, path), record.position, fan);
      await cancelFrame(run, path, record, children, dispatcher);
    }
    await records.sweep(run);
  }

  /** As `begin` of a root's first job would be called. */
  static firstInput(input: Given): Pick<Tick, "tick" | "k" | "path" | "input"> {
    return { tick: 0, k: 0, path: "", input };
  }
}
