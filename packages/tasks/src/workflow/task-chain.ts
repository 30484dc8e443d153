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

/** Options, and no step, whose name would be one. */
type OptionsAlone = ChainOptions & { readonly [runPart]?: never };

/** As `new TaskChain(steps, options)`; options may follow the steps. */
export function chain<A, B>(a: WorkflowPart<A, B>, options?: OptionsAlone): TaskChain<A, B>;
export function chain<A, B, C>(
  a: WorkflowPart<A, B>,
  b: WorkflowPart<B, C>,
  options?: OptionsAlone,
): TaskChain<A, C>;
export function chain<A, B, C, D>(
  a: WorkflowPart<A, B>,
  b: WorkflowPart<B, C>,
  c: WorkflowPart<C, D>,
  options?: OptionsAlone,
): TaskChain<A, D>;
export function chain<A, B, C, D, E>(
  a: WorkflowPart<A, B>,
  b: WorkflowPart<B, C>,
  c: WorkflowPart<C, D>,
  d: WorkflowPart<D, E>,
  options?: OptionsAlone,
): TaskChain<A, E>;
export function chain<A, B, C, D, E, F>(
  a: WorkflowPart<A, B>,
  b: WorkflowPart<B, C>,
  c: WorkflowPart<C, D>,
  d: WorkflowPart<D, E>,
  e: WorkflowPart<E, F>,
  options?: OptionsAlone,
): TaskChain<A, F>;
export function chain<A, B, C, D, E, F, G>(
  a: WorkflowPart<A, B>,
  b: WorkflowPart<B, C>,
  c: WorkflowPart<C, D>,
  d: WorkflowPart<D, E>,
  e: WorkflowPart<E, F>,
  f: WorkflowPart<F, G>,
  options?: OptionsAlone,
): TaskChain<A, G>;
export function chain<A, B, C, D, E, F, G, H>(
  a: WorkflowPart<A, B>,
  b: WorkflowPart<B, C>,
  c: WorkflowPart<C, D>,
  d: WorkflowPart<D, E>,
  e: WorkflowPart<E, F>,
  f: WorkflowPart<F, G>,
  g: WorkflowPart<G, H>,
  options?: OptionsAlone,
): TaskChain<A, H>;
export function chain<A, B, C, D, E, F, G, H, I>(
  a: WorkflowPart<A, B>,
  b: WorkflowPart<B, C>,
  c: WorkflowPart<C, D>,
  d: WorkflowPart<D, E>,
  e: WorkflowPart<E, F>,
  f: WorkflowPart<F, G>,
  g: WorkflowPart<G, H>,
  h: WorkflowPart<H, I>,
  options?: OptionsAlone,
): TaskChain<A, I>;
/** Of more steps than eight, types say nothing. */
export function chain(
  ...stepsAndOptions: [
    AnyPart,
    AnyPart,
    AnyPart,
    AnyPart,
    AnyPart,
    AnyPart,
    AnyPart,
    AnyPart,
    AnyPart,
    ...(AnyPart | ChainOptions)[],
  ]
): TaskChain<unknown, unknown>;
// oxlint-disable-next-line typescript/no-explicit-any -- one of the above
export function chain(...given: readonly (AnyPart | ChainOptions | undefined)[]): TaskChain<any, any> {
  const last = given.at(-1);
  const hasOptions = typeof last === "object" && last !== null && !(last instanceof WorkflowPart);
  const steps = (hasOptions ? given.slice(0, -1) : given) as readonly AnyPart[];
  return new TaskChain(steps, hasOptions ? last : {});
}
