import { refuseUnless, TaskValidationError } from "@lexigram/contracts";
import type { LocalRun } from "./local-run.ts";
import type { ChainNode } from "./plan.ts";
import { Workflow, type WorkflowOptions } from "./workflow.ts";
import { type AnyPart, checkPart, checkParts, planPart, runPart, WorkflowPart } from "./workflow-part.ts";
import type { PartOutcome, StepResult } from "./workflow-result.ts";

export interface ChainOptions extends WorkflowOptions {
  /** Whether a step that fails ends the chain. Default true. */
  readonly stopOnError?: boolean;
}

/** Steps one after the other: what one gives, the next is given. */
export class TaskChain<I, O> extends Workflow<I, O> {
  readonly kind = "chain";
  readonly steps: readonly AnyPart[];
  readonly stopOnError: boolean;
  readonly #options: ChainOptions;

  /** @throws TaskConfigError without a step, for two of one name, for what is no step, and for an unknown option. */
  constructor(steps: readonly AnyPart[], options: ChainOptions = {}) {
    super("chain", options, ["stopOnError"]);
    checkParts("a chain", steps);
    const { stopOnError = true } = options;
    refuseUnless(typeof stopOnError === "boolean", "a chain", "stopOnError", "must be true or false");
    this.steps = Object.freeze([...steps]);
    this.stopOnError = stopOnError;
    this.#options = options;
  }

  /**
   * A chain with one more step at its end; this one stays as it is. A chain is no promise, though it has this method:
   * waiting for it is refused.
   *
   * @throws TaskConfigError for what is no step, or one whose name is taken.
   */
  // oxlint-disable-next-line unicorn/no-thenable -- the ancestor's name; awaiting a chain is refused below
  then<P>(step: WorkflowPart<O, P>): TaskChain<I, P> {
    if (typeof step === "function")
      throw new TaskValidationError(
        { subject: "a chain", issues: [{ path: "then", message: "a chain is no promise" }] },
        { hint: "call execute(input), or start it on queues, and await that" },
      );
    return new TaskChain<I, P>([...this.steps, checkPart("a chain", "then", step)], this.#options);
  }

  async [runPart](input: unknown, run: LocalRun, path: string): Promise<PartOutcome> {
    const steps: StepResult[] = [];
    let data = input;
    for (const part of this.steps) {
      const result = await run.child(part, data, path === "" ? part.name : `${path}/${part.name}`);
      steps.push(result);
      if (result.success) {
        data = result.data;
        continue;
      }
      const given = "data" in result ? { data: result.data } : {};
      const { error } = result;
      if (run.signal.aborted)
        return { status: "cancelled", ...(error === undefined ? {} : { error }), steps };
      if (this.stopOnError)
        return { status: "failed", ...(error === undefined ? {} : { error }), ...given, steps };
      if ("data" in result) data = result.data;
    }
    return { status: "completed", data, steps };
  }

  [planPart](): ChainNode {
    const { name, stopOnError } = this;
    return { kind: "chain", name, stopOnError, steps: this.steps.map((part) => part[planPart]()) };
  }
}

/** The parts of a chain, the first of which is given `I`, as far as their types tell. */
type Linked<P extends readonly AnyPart[]> = P extends readonly [
  WorkflowPart<infer I, infer A>,
  ...infer Rest extends readonly AnyPart[],
]
  ? readonly [WorkflowPart<I, A>, ...Following<A, Rest>]
  : P;
type Following<A, P extends readonly AnyPart[]> = P extends readonly [
  // oxlint-disable-next-line typescript/no-explicit-any -- whatever it takes, it must take A
  WorkflowPart<any, infer B>,
  ...infer Rest extends readonly AnyPart[],
]
  ? readonly [WorkflowPart<A, B>, ...Following<B, Rest>]
  : readonly [];

type FirstInput<P extends readonly AnyPart[]> = P extends readonly [
  WorkflowPart<infer I, unknown>,
  ...unknown[],
]
  ? I
  : never;
type LastOutput<P extends readonly AnyPart[]> = P extends readonly [
  ...unknown[],
  // oxlint-disable-next-line typescript/no-explicit-any -- whatever it takes
  WorkflowPart<any, infer O>,
]
  ? O
  : unknown;

/** As `new TaskChain(steps, options)`; options may follow the steps. */
export function chain<const P extends readonly [AnyPart, ...AnyPart[]]>(
  ...steps: P & Linked<P>
): TaskChain<FirstInput<P>, LastOutput<P>>;
export function chain<const P extends readonly [AnyPart, ...AnyPart[]]>(
  ...stepsAndOptions: [...steps: P & Linked<P>, options: ChainOptions]
): TaskChain<FirstInput<P>, LastOutput<P>>;
export function chain(...given: readonly (AnyPart | ChainOptions)[]): TaskChain<unknown, unknown> {
  const last = given.at(-1);
  const hasOptions = typeof last === "object" && last !== null && !(last instanceof WorkflowPart);
  const steps = (hasOptions ? given.slice(0, -1) : given) as readonly AnyPart[];
  return new TaskChain(steps, hasOptions ? last : {});
}
