import type { JsonValue } from "@lexigram/contracts";
import type { EnqueueOptions } from "../dispatch/enqueue-options.ts";

/** A workflow as data, which every process of its application can carry on. */
export type PlanNode = TaskNode | ChainNode | GroupNode | ChordNode | BranchNode;

export interface TaskNode {
  readonly kind: "task";
  readonly name: string;
  readonly task: string;
  /** By its name in the application. */
  readonly queue: string;
  readonly options: EnqueueOptions;
  /** In place of what is handed on. */
  readonly input?: { readonly value?: JsonValue };
  readonly onError?: TaskNode;
}

export interface ChainNode {
  readonly kind: "chain";
  readonly name: string;
  readonly steps: readonly PlanNode[];
  readonly stopOnError: boolean;
}

export interface GroupNode {
  readonly kind: "group";
  readonly name: string;
  /** One for all items of the input, or one by one. */
  readonly steps: readonly PlanNode[] | { readonly each: PlanNode };
  readonly maxConcurrency?: number;
}

export interface ChordNode {
  readonly kind: "chord";
  readonly name: string;
  readonly group: GroupNode;
  readonly callback: PlanNode;
  readonly onPartial: "stop" | "call";
}

export interface BranchNode {
  readonly kind: "branch";
  readonly name: string;
  readonly condition: TaskNode;
  readonly ifTrue: PlanNode;
  readonly ifFalse: PlanNode;
}

/** What a value is once it was stored: dates are texts, `undefined` in an object is nothing. */
export function asJson(value: unknown): JsonValue {
  return JSON.parse(JSON.stringify(value)) as JsonValue;
}

/** The parts of a plan, itself included. */
export function* partsOf(node: PlanNode): Generator<PlanNode> {
  yield node;
  switch (node.kind) {
    case "task":
      if (node.onError !== undefined) yield node.onError;
      return;
    case "chain":
      for (const part of node.steps) yield* partsOf(part);
      return;
    case "group":
      for (const part of "each" in node.steps ? [node.steps.each] : node.steps) yield* partsOf(part);
      return;
    case "chord":
      yield* partsOf(node.group);
      yield* partsOf(node.callback);
      return;
    default:
      yield node.condition;
      yield* partsOf(node.ifTrue);
      yield* partsOf(node.ifFalse);
  }
}
