import {
  countOption,
  serializeError,
  type SerializedError,
  TaskValidationError,
  told,
} from "@lexigram/contracts";
import { groupOutcome } from "./group-outcome.ts";
import type { LocalRun } from "./local-run.ts";
import type { GroupNode } from "./plan.ts";
import { Workflow, type WorkflowOptions } from "./workflow.ts";
import {
  type AnyPart,
  checkPart,
  checkParts,
  type PartInput,
  type PartOutput,
  planPart,
  runPart,
  type WorkflowPart,
} from "./workflow-part.ts";
import type { PartOutcome, StepResult } from "./workflow-result.ts";

export interface GroupOptions extends WorkflowOptions {
  /** How many of its steps run at once. Default: all. */
  readonly maxConcurrency?: number;
}

/** One step for each item of a list. */
export interface EachItem<I, O> {
  readonly each: WorkflowPart<I, O>;
}

/** Says that a step is to run once for each item of the list that a group or chord is given. */
export function each<I, O>(part: WorkflowPart<I, O>): EachItem<I, O> {
  return Object.freeze({ each: checkPart("each", "part", part) as WorkflowPart<I, O> });
}

// oxlint-disable-next-line typescript/no-explicit-any -- variance: steps of any type
export type GroupSteps = readonly AnyPart[] | EachItem<any, any>;

/** What a group of those steps is given, and what it gives. */
export type GroupInput<S> =
  S extends EachItem<infer I, unknown> ? readonly I[] : S extends readonly (infer P)[] ? PartInput<P> : never;
export type GroupOutput<S> = // oxlint-disable-next-line typescript/no-explicit-any -- whatever it takes
  S extends EachItem<any, infer O>
    ? O[]
    : S extends readonly AnyPart[]
      ? { -readonly [K in keyof S]: PartOutput<S[K]> }
      : never;

/** Steps beside each other: all are given the same, or each an item of a list. */
export class TaskGroup<I, O> extends Workflow<I, O> {
  readonly kind = "group";
  readonly steps: GroupSteps;
  readonly maxConcurrency: number | undefined;

  /**
   * @param steps a list, or `each(step)` for one step per item of the input.
   * @throws TaskConfigError without a step, for two of one name, for what is no step, for an unknown option, and for a
   *   `maxConcurrency` below 1.
   */
  constructor(steps: GroupSteps, options: GroupOptions = {}) {
    super("group", options, ["maxConcurrency"]);
    this.steps = checkGroupSteps("a group", steps);
    this.maxConcurrency =
      options.maxConcurrency === undefined
        ? undefined
        : countOption("a group", "maxConcurrency", options.maxConcurrency, 1);
  }

  async [runPart](input: unknown, run: LocalRun, path: string): Promise<PartOutcome> {
    const refusal = this.refusal(input);
    if (refusal !== undefined) return { status: "failed", error: refusal, steps: [] };
    return groupOutcome(await this.runSteps(input, run, path));
  }

  /** Why it cannot begin with that input, if it cannot. */
  refusal(input: unknown): SerializedError | undefined {
    return "each" in this.steps ? noList(this.name, input) : undefined;
  }

  /** Runs the steps. Waits for all of them, also when one of them cannot be carried out. */
  async runSteps(input: unknown, run: LocalRun, path: string): Promise<StepResult[]> {
    const tasks = this.#calls(input, run, path);
    const results: StepResult[] = [];
    let next = 0;
    let broken: { readonly error: unknown } | undefined;
    const lane = async (): Promise<void> => {
      for (let at = next++; at < tasks.length && broken === undefined; at = next++)
        try {
          results[at] = await (tasks[at] as () => Promise<StepResult>)();
        } catch (error) {
          broken ??= { error };
        }
    };
    const lanes = Math.min(this.maxConcurrency ?? tasks.length, tasks.length);
    await Promise.all(Array.from({ length: lanes }, lane));
    if (broken !== undefined) throw broken.error;
    return results;
  }

  #calls(input: unknown, run: LocalRun, path: string): (() => Promise<StepResult>)[] {
    const { steps } = this;
    const at = (own: string): string => (path === "" ? own : `${path}/${own}`);
    if (!("each" in steps)) return steps.map((part) => () => run.child(part, input, at(part.name)));
    const { each: part } = steps;
    return (input as readonly unknown[]).map((item, i) => async () => {
      const result = await run.child(part, item, at(`${part.name}[${i}]`));
      return { ...result, stepName: `${part.name}[${i}]` };
    });
  }

  [planPart](): GroupNode {
    const { name, steps, maxConcurrency } = this;
    return {
      kind: "group",
      name,
      steps: "each" in steps ? { each: steps.each[planPart]() } : steps.map((part) => part[planPart]()),
      ...(maxConcurrency === undefined ? {} : { maxConcurrency }),
    };
  }
}

/** What is wrong when a group of one step per item is given no list. */
export function noList(name: string, input: unknown): SerializedError | undefined {
  if (Array.isArray(input)) return undefined;
  const issues = [{ path: "", message: `must be a list, not ${told(input)}` }];
  const error = new TaskValidationError({ subject: `the input of "${name}"`, issues });
  return serializeError(error, { stack: false });
}

/** @throws TaskConfigError */
function checkGroupSteps(subject: string, steps: GroupSteps): GroupSteps {
  if (typeof steps === "object" && steps !== null && "each" in steps)
    return each(checkPart(subject, "each", steps.each));
  checkParts(subject, steps);
  return Object.freeze([...steps]);
}

/** As `new TaskGroup(steps, options)`. */
export function group<const S extends GroupSteps>(
  steps: S,
  options?: GroupOptions,
): TaskGroup<GroupInput<S>, GroupOutput<S>> {
  return new TaskGroup(steps, options);
}
