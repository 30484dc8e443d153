import { refuseUnknownOptions, TaskConfigError, told } from "@lexigram/contracts";
import type { PartOutcome } from "./workflow-result.ts";
import type { LocalRun } from "./local-run.ts";
import type { PlanNode } from "./plan.ts";

declare const types: unique symbol;

/** Runs a part in this process. */
export const runPart: unique symbol = Symbol("runPart");
/** Says a part as data. */
export const planPart: unique symbol = Symbol("planPart");

/** What workflows are made of: steps, and workflows themselves. `I` is what it is given, `O` what it gives. */
export abstract class WorkflowPart<I, O> {
  declare readonly [types]: { readonly input: (input: I) => void; readonly output: O };
  /** Tells it apart from its neighbours. */
  abstract readonly name: string;

  /** @param path its place in the workflow, which names its checkpoint. */
  abstract [runPart](input: unknown, run: LocalRun, path: string): Promise<PartOutcome>;
  /** @throws TaskValidationError for code that only this process has. */
  abstract [planPart](): PlanNode;
}

// oxlint-disable-next-line typescript/no-explicit-any -- variance: a part of any type
export type AnyPart = WorkflowPart<any, any>;

export type PartInput<P> = P extends WorkflowPart<infer I, unknown> ? I : never;
// oxlint-disable-next-line typescript/no-explicit-any -- as above
export type PartOutput<P> = P extends WorkflowPart<any, infer O> ? O : never;

/**
 * Checks the parts of a workflow: that they are some, and that no two have one name, since checkpoints and results go
 * by names.
 *
 * @throws TaskConfigError naming the part.
 */
export function checkParts(subject: string, parts: readonly AnyPart[]): void {
  const given: unknown = parts;
  if (!Array.isArray(given) || given.length === 0)
    throw new TaskConfigError(
      `${subject} needs at least one step`,
      { path: "steps" },
      { hint: "make steps with step(name, handler) or step.task(definition)" },
    );
  const names = new Set<string>();
  for (const [at, part] of (given as unknown[]).entries()) {
    const { name } = checkPart(subject, `steps.${at}`, part);
    if (names.has(name))
      throw new TaskConfigError(
        `${subject} has two steps named "${name}"`,
        { path: `steps.${at}.name` },
        { hint: `name each step once: step.task(definition, { name: "${name}-2" })` },
      );
    names.add(name);
  }
}

/** @throws TaskConfigError for what is no part of a workflow. */
export function checkPart(subject: string, path: string, part: unknown): AnyPart {
  if (part instanceof WorkflowPart) return part;
  const isTask = typeof part === "function" && "options" in part;
  throw new TaskConfigError(
    `${path} of ${subject} must be a step, not ${told(part)}`,
    { path },
    { hint: isTask ? "wrap the task: step.task(definition)" : "make it with step(name, handler)" },
  );
}

/** @throws TaskConfigError for an unknown option, with the nearest name. */
export function checkPartOptions(subject: string, options: object, known: readonly string[]): void {
  refuseUnknownOptions(subject, options, known);
}
