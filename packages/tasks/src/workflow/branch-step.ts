import { functionOption, serializeError, TaskValidationError, WorkflowError } from "@lexigram/contracts";
import type { LocalRun } from "./local-run.ts";
import type { BranchNode } from "./plan.ts";
import { type StepContext, TaskStep } from "./task-step.ts";
import { Workflow, type WorkflowOptions } from "./workflow.ts";
import { type AnyPart, checkPart, planPart, runPart, type WorkflowPart } from "./workflow-part.ts";
import type { PartOutcome } from "./workflow-result.ts";

/** A function of the input, or a step that says true or false; a workflow on queues takes a step that is a task. */
export type BranchCondition<I> =
  | ((input: I, context: StepContext) => boolean | Promise<boolean>)
  | TaskStep<I, boolean>;

/** One of two ways, both of which are given the branch's own input. */
export class BranchStep<I, O> extends Workflow<I, O> {
  readonly kind = "branch";
  readonly ifTrue: AnyPart;
  readonly ifFalse: AnyPart;
  readonly #condition: TaskStep<I, boolean>;

  /** @throws TaskConfigError for a condition or a way that is none, and for an unknown option. */
  constructor(
    condition: BranchCondition<I>,
    ifTrue: AnyPart,
    ifFalse: AnyPart,
    options: WorkflowOptions = {},
  ) {
    super("branch", options, []);
    this.ifTrue = checkPart("a branch", "ifTrue", ifTrue);
    this.ifFalse = checkPart("a branch", "ifFalse", ifFalse);
    this.#condition =
      condition instanceof TaskStep
        ? condition
        : new TaskStep("condition", functionOption("a branch", "condition", condition));
  }

  /** @throws WorkflowError when the condition throws, or answers neither true nor false. */
  async [runPart](input: unknown, run: LocalRun, path: string): Promise<PartOutcome> {
    const at = (own: string): string => (path === "" ? own : `${path}/${own}`);
    const verdict = await run.child(this.#condition, input, at(`${this.#condition.name}?`));
    if (run.signal.aborted) return { status: "cancelled", steps: [] };
    const answer = verdictOf(run.workflowId, this.name, verdict);
    const way = answer ? this.ifTrue : this.ifFalse;
    const result = await run.child(way, input, at(`${way.name}:${String(answer)}`));
    return branchOutcome(result, run.signal.aborted);
  }

  [planPart](): BranchNode {
    const { name, ifTrue, ifFalse } = this;
    return {
      kind: "branch",
      name,
      condition: this.#condition[planPart](),
      ifTrue: ifTrue[planPart](),
      ifFalse: ifFalse[planPart](),
    };
  }
}

/** @throws WorkflowError */
export function verdictOf(
  workflowId: string,
  name: string,
  { success, data, error }: PartOutcome["steps"][number],
): boolean {
  if (success && typeof data === "boolean") return data;
  const why = success
    ? serializeError(
        new TaskValidationError({
          subject: `the condition of branch "${name}"`,
          issues: [{ path: "", message: "must answer true or false" }],
        }),
      )
    : error;
  throw new WorkflowError(
    `the condition of branch "${name}" failed: ${why?.message ?? "it left no error"}`,
    { workflowId, step: name },
    { hint: "a condition answers true or false, and throws nothing", cause: why },
  );
}

export function branchOutcome(result: PartOutcome["steps"][number], cancelled = false): PartOutcome {
  const { success, error } = result;
  return {
    status: success ? "completed" : cancelled ? "cancelled" : "failed",
    ...("data" in result ? { data: result.data } : {}),
    ...(error === undefined ? {} : { error }),
    steps: [result],
  };
}

/** As `new BranchStep(condition, ifTrue, ifFalse, options)`. */
export function branch<I, A, B>(
  condition: BranchCondition<I>,
  ifTrue: WorkflowPart<I, A>,
  ifFalse: WorkflowPart<I, B>,
  options?: WorkflowOptions,
): BranchStep<I, A | B> {
  return new BranchStep(condition, ifTrue, ifFalse, options);
}
