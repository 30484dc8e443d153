import type { JsonValue, SerializedError } from "@lexigram/contracts";
import { branchOutcome, verdictOf } from "./branch-step.ts";
import { groupOutcome, valuesOf } from "./group-outcome.ts";
import type { BranchNode, ChainNode, ChordNode, GroupNode, PlanNode, TaskNode } from "./plan.ts";
import {
  type Child,
  type FrameNode,
  type Given,
  given,
  laneAt,
  laneInput,
  type LaneNode,
  lanesOf,
  memberOf,
  sizeOf,
} from "./plan-place.ts";
import { chordOutcome } from "./task-chord.ts";
import { noList } from "./task-group.ts";
import type { PartOutcome, StepResult, WorkflowStatus } from "./workflow-result.ts";

/** What a frame waits for: a step, an error handler, all steps beside each other, a callback; a condition, a way. */
type Phase = "step" | "handler" | "fan" | "handlers" | "callback" | "condition" | "way" | "done";

/** How a child ended. */
export interface Ended {
  readonly ok: boolean;
  readonly data?: JsonValue;
  readonly error?: SerializedError;
}

/** How a frame ended, but for its steps. */
export interface FrameEnd {
  readonly status: WorkflowStatus;
  readonly data?: JsonValue;
  readonly error?: SerializedError;
}

/**
 * Where one workflow, or one inside another, stands. Only data: what is to be done next follows from it and the plan,
 * so whoever reads it can go on.
 */
export interface FramePosition {
  readonly phase: Phase;
  /** The number of a step; of a branch 1 or 0. */
  readonly at: number;
  readonly input: Given;
  /** What the next step is given. */
  readonly data: Given;
  readonly steps: readonly StepResult[];
  /** Why the step failed whose handler is waited for. */
  readonly failure?: SerializedError;
  /** Of steps beside each other: those whose handlers are waited for. */
  readonly failed?: readonly number[];
  readonly stageAt: number;
  readonly end?: FrameEnd;
}

/** A move: where it stands now, and how the steps beside each other ended when that is news. */
export interface Move {
  readonly position: FramePosition;
  readonly fan?: readonly StepResult[];
}

export function begin(node: FrameNode, input: Given, now: number): Move {
  const position: FramePosition = { phase: "step", at: 0, input, data: input, steps: [], stageAt: now };
  switch (node.kind) {
    case "chain":
      return { position };
    case "lane":
      return laneSize(node, position) === 0 ? laneEnd(position) : { position };
    case "branch":
      return { position: { ...position, phase: "condition" } };
    default:
      return beginFan(node, position, now);
  }
}

function beginFan(node: GroupNode | ChordNode, position: FramePosition, now: number): Move {
  const group = groupOf(node);
  const refusal = "each" in group.steps ? noList(node.name, position.input.value) : undefined;
  if (refusal !== undefined) return ended(position, { status: "failed", error: refusal, steps: [] }, []);
  const fan: FramePosition = { ...position, phase: "fan" };
  return sizeOf(group, position.input) > 0 ? { position: fan } : afterFan(node, fan, [], now);
}

/** What a frame waits for. @param fan how the steps beside each other ended, where the phase is after that. */
export function childrenOf(
  node: FrameNode,
  position: FramePosition,
  fan: readonly StepResult[],
): readonly Child[] {
  const { phase, at, data, input } = position;
  switch (phase) {
    case "done":
      return [];
    case "fan":
      return membersOf(groupOf(node as GroupNode | ChordNode), input);
    case "handlers": {
      const group = groupOf(node as GroupNode | ChordNode);
      return (position.failed ?? []).map((i) => {
        const { node: member, name } = memberOf(group, i);
        return handlerOf(member as TaskNode, name, `${i}!`, itemOf(group, input, i), fan[i]?.error);
      });
    }
    case "callback":
      return [{ at: "cb", name: callbackOf(node).name, node: callbackOf(node), input: given(valuesOf(fan)) }];
    case "condition": {
      const { condition } = node as BranchNode;
      return [{ at: "c", name: condition.name, node: condition, input }];
    }
    case "way": {
      const way = wayOf(node as BranchNode, at);
      return [{ at: String(at), name: way.name, node: way, input }];
    }
    case "step":
      return [stepOf(node as ChainNode | LaneNode, at, data)];
    default: {
      const { node: failed, name, at: place, input: was } = current(node, position, fan);
      return [handlerOf(failed as TaskNode, name, `${place}!`, was, position.failure)];
    }
  }
}

/** From the ends of all that was waited for to the next thing to wait for, or to the end. */
export function advance(
  workflowId: string,
  node: FrameNode,
  position: FramePosition,
  ends: readonly Ended[],
  fan: readonly StepResult[],
  now: number,
): Move {
  const took = Math.max(0, now - position.stageAt);
  const { phase } = position;
  if (phase === "fan") return fanEnded(node as GroupNode | ChordNode, position, ends, took, now);
  if (phase === "handlers") {
    const handled = [...fan];
    for (const [n, i] of (position.failed ?? []).entries())
      handled[i] = withHandler(handled[i] as StepResult, ends[n] as Ended);
    return afterFan(node as GroupNode | ChordNode, position, handled, now);
  }
  const end = ends[0] as Ended;
  const { name, node: child } = current(node, position, fan);
  if (phase === "handler") {
    const failed: StepResult = {
      stepName: name,
      success: false,
      durationMs: took,
      ...errorOf(position.failure),
    };
    return stepEnded(workflowId, node, position, withHandler(failed, end), fan, now);
  }
  if (!end.ok && phase !== "condition" && child.kind === "task" && child.onError !== undefined)
    return { position: { ...position, phase: "handler", ...failureOf(end.error) } };
  return stepEnded(workflowId, node, position, resultOf(name, end, took), fan, now);
}

function stepEnded(
  workflowId: string,
  node: FrameNode,
  position: FramePosition,
  result: StepResult,
  fan: readonly StepResult[],
  now: number,
): Move {
  const { failure: _failure, ...rest } = position;
  const steps = [...position.steps, result];
  const next: FramePosition = { ...rest, steps, stageAt: now };
  switch (node.kind) {
    case "chain":
      return chainStep(node, next, result);
    case "lane": {
      const at = position.at + 1;
      return at < laneSize(node, next) ? { position: { ...next, phase: "step", at } } : laneEnd(next);
    }
    case "branch": {
      if (position.phase !== "condition") return ended(next, branchOutcome(result));
      try {
        const at = verdictOf(workflowId, node.name, result) ? 1 : 0;
        return { position: { ...next, steps: [], phase: "way", at } };
      } catch (error) {
        const { name, message } = error as Error;
        return ended({ ...next, steps: [] }, { status: "failed", error: { name, message }, steps: [] });
      }
    }
    default:
      return ended(next, chordOutcome(groupOutcome(fan), result));
  }
}

function chainStep(node: ChainNode, position: FramePosition, result: StepResult): Move {
  const hasData = result.success || "data" in result;
  const data = hasData ? given(result.data) : position.data;
  if (!result.success && node.stopOnError)
    return ended(position, {
      status: "failed",
      ...errorOf(result.error),
      ...("data" in result ? { data: result.data } : {}),
      steps: [],
    });
  const at = position.at + 1;
  if (at < node.steps.length) return { position: { ...position, phase: "step", at, data } };
  return ended(position, {
    status: "completed",
    steps: [],
    ...("value" in data ? { data: data.value } : {}),
  });
}

/** A lane never fails: what became of its steps is its result. */
function laneEnd(position: FramePosition): Move {
  return ended(position, { status: "completed", data: position.steps, steps: [] });
}

function fanEnded(
  node: GroupNode | ChordNode,
  position: FramePosition,
  ends: readonly Ended[],
  took: number,
  now: number,
): Move {
  const group = groupOf(node);
  const lanes = lanesOf(group, position.input);
  const size = sizeOf(group, position.input);
  const results: StepResult[] = [];
  for (let i = 0; i < size; i++) {
    const { name } = memberOf(group, i);
    if (lanes === 0) results.push(resultOf(name, ends[i] as Ended, took));
    else {
      const lane = ends[i % lanes] as Ended;
      const own = lane.ok
        ? (lane.data as unknown as readonly StepResult[])[Math.floor(i / lanes)]
        : resultOf(name, lane, took);
      results.push({ ...(own as StepResult), stepName: name });
    }
  }
  const failed: number[] = [];
  // A lane has seen to its own.
  if (lanes === 0)
    for (const [i, { success }] of results.entries()) {
      const { node: member } = memberOf(group, i);
      if (!success && member.kind === "task" && member.onError !== undefined) failed.push(i);
    }
  if (failed.length > 0)
    return { position: { ...position, phase: "handlers", failed, stageAt: now }, fan: results };
  return afterFan(node, position, results, now);
}

function afterFan(
  node: GroupNode | ChordNode,
  position: FramePosition,
  fan: readonly StepResult[],
  now: number,
): Move {
  const { failed: _failed, ...rest } = position;
  const outcome = groupOutcome(fan);
  const isCalled =
    node.kind === "chord" &&
    (outcome.status === "completed" ||
      (outcome.status === "partially_completed" && node.onPartial === "call"));
  if (isCalled) return { position: { ...rest, phase: "callback", stageAt: now }, fan };
  return ended(rest, outcome, fan);
}

function ended(position: FramePosition, outcome: PartOutcome, fan?: readonly StepResult[]): Move {
  const { status, data, error } = outcome;
  const end: FrameEnd = {
    status,
    ...(data === undefined ? {} : { data: data as JsonValue }),
    ...errorOf(error),
  };
  return { position: { ...position, phase: "done", end }, ...(fan === undefined ? {} : { fan }) };
}

/** The child whose end, or whose handler, is waited for; not of steps beside each other. */
function current(node: FrameNode, position: FramePosition, fan: readonly StepResult[]): Child {
  switch (node.kind) {
    case "chain":
    case "lane":
      return stepOf(node, position.at, position.data);
    case "branch": {
      const phase = position.phase === "condition" ? "condition" : "way";
      return childrenOf(node, { ...position, phase }, fan)[0] as Child;
    }
    default:
      return childrenOf(node, { ...position, phase: "callback" }, fan)[0] as Child;
  }
}

function stepOf(node: ChainNode | LaneNode, at: number, data: Given): Child {
  if (node.kind === "chain") {
    const step = node.steps[at] as PlanNode;
    return { at: String(at), name: step.name, node: step, input: data };
  }
  const { of: group, first } = node;
  const i = first + at * (group.maxConcurrency as number);
  const { node: member, name } = memberOf(group, i);
  const input = "each" in group.steps ? given((data.value as readonly JsonValue[])[at]) : data;
  return { at: String(i), name, node: member, input };
}

function laneSize({ of: group, first }: LaneNode, { input }: FramePosition): number {
  if ("each" in group.steps) return (input.value as readonly JsonValue[]).length;
  return Math.ceil((group.steps.length - first) / (group.maxConcurrency as number));
}

function membersOf(group: GroupNode, input: Given): readonly Child[] {
  const lanes = lanesOf(group, input);
  if (lanes > 0)
    return Array.from({ length: lanes }, (_, first) => {
      const node = laneAt(group, first);
      return { at: `l${first}`, name: node.name, node, input: laneInput(group, first, lanes, input) };
    });
  return Array.from({ length: sizeOf(group, input) }, (_, i) => {
    const { node, name } = memberOf(group, i);
    return { at: String(i), name, node, input: itemOf(group, input, i) };
  });
}

function itemOf(group: GroupNode, input: Given, i: number): Given {
  return "each" in group.steps ? given((input.value as readonly JsonValue[])[i]) : input;
}

function handlerOf(
  failed: TaskNode,
  name: string,
  at: string,
  was: Given,
  error: SerializedError | undefined,
): Child {
  const input = failed.input ?? was;
  const failure = {
    stepName: name,
    error: (error ?? { name: "Error", message: "it left no error" }) as unknown as JsonValue,
    ...("value" in input && input.value !== undefined ? { input: input.value } : {}),
  };
  return { at, name: `${name}.onError`, node: failed.onError as TaskNode, input: { value: failure } };
}

/** A handler that failed itself leaves its own error, with the step's as the cause. */
function withHandler(failed: StepResult, handler: Ended): StepResult {
  if (handler.ok) return { ...failed, ...("data" in handler ? { data: handler.data } : {}) };
  const cause = failed.error;
  const own = handler.error ?? { name: "Error", message: "it left no error" };
  return { ...failed, error: cause === undefined ? own : { ...own, cause } };
}

function resultOf(stepName: string, end: Ended, durationMs: number): StepResult {
  const data = "data" in end ? { data: end.data } : {};
  if (end.ok) return { stepName, success: true, ...data, durationMs };
  return {
    stepName,
    success: false,
    ...data,
    error: end.error ?? { name: "Error", message: "it left no error" },
    durationMs,
  };
}

const groupOf = (node: GroupNode | ChordNode): GroupNode => (node.kind === "chord" ? node.group : node);
const callbackOf = (node: FrameNode): PlanNode => (node as ChordNode).callback;
const wayOf = (node: BranchNode, at: number): PlanNode => (at === 1 ? node.ifTrue : node.ifFalse);

const errorOf = (error: SerializedError | undefined): { error?: SerializedError } =>
  error === undefined ? {} : { error };
const failureOf = (failure: SerializedError | undefined): { failure?: SerializedError } =>
  failure === undefined ? {} : { failure };
