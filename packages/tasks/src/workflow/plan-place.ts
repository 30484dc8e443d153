import type { JsonValue } from "@lexigram/contracts";
import type { GroupNode, PlanNode } from "./plan.ts";

/** A value that may be absent. */
export interface Given {
  readonly value?: JsonValue;
}

/** Every so-manieth step of a group whose steps run some at a time, one after the other. */
export interface LaneNode {
  readonly kind: "lane";
  readonly name: string;
  readonly of: GroupNode;
  readonly first: number;
}

export type FrameNode = Exclude<PlanNode, { readonly kind: "task" }> | LaneNode;

/** One job, or one workflow inside another, that a frame waits for. */
export interface Child {
  /** Its place in the frame. */
  readonly at: string;
  readonly name: string;
  readonly node: PlanNode | LaneNode;
  readonly input: Given;
}

export function given(value: unknown): Given {
  return value === undefined ? {} : { value: value as JsonValue };
}

export function childPath(path: string, at: string): string {
  return path === "" ? at : `${path}.${at}`;
}

/** How many steps a group has, for what it is given. */
export function sizeOf(group: GroupNode, input: Given): number {
  return "each" in group.steps ? (input.value as readonly JsonValue[]).length : group.steps.length;
}

/** One step of a group, by its number. */
export function memberOf(group: GroupNode, i: number): { readonly node: PlanNode; readonly name: string } {
  if ("each" in group.steps) return { node: group.steps.each, name: `${group.steps.each.name}[${i}]` };
  const node = group.steps[i] as PlanNode;
  return { node, name: node.name };
}

/** How many lanes share the steps; 0: each step goes by itself. */
export function lanesOf(group: GroupNode, input: Given): number {
  const most = group.maxConcurrency;
  return most !== undefined && most < sizeOf(group, input) ? most : 0;
}

/** The items of a lane, or what all steps are given. */
export function laneInput(group: GroupNode, first: number, lanes: number, input: Given): Given {
  if (!("each" in group.steps)) return input;
  return { value: (input.value as readonly JsonValue[]).filter((_, i) => i % lanes === first) };
}

/** The part of a plan at a path. */
export function nodeAt(plan: PlanNode, path: string): FrameNode {
  let node: PlanNode | LaneNode = plan;
  if (path !== "") for (const at of path.split(".")) node = within(node, at);
  if (node.kind === "task") throw new TypeError(`"${path}" is a single job`);
  return node;
}

function within(node: PlanNode | LaneNode, at: string): PlanNode | LaneNode {
  switch (node.kind) {
    case "chain":
      return node.steps[Number(at)] as PlanNode;
    case "branch":
      return at === "1" ? node.ifTrue : node.ifFalse;
    case "chord":
      return at === "cb" ? node.callback : within(node.group, at);
    case "group":
      if (at.startsWith("l")) return laneAt(node, Number(at.slice(1)));
      return memberOf(node, Number(at)).node;
    case "lane":
      return memberOf(node.of, Number(at)).node;
    default:
      throw new TypeError("a single job holds nothing");
  }
}

export function laneAt(of: GroupNode, first: number): LaneNode {
  return { kind: "lane", name: `${of.name}/${first}`, of, first };
}
