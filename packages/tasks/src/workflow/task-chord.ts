import { refuseUnless } from "@lexigram/contracts";
import { groupOutcome, valuesOf } from "./group-outcome.ts";
import type { LocalRun } from "./local-run.ts";
import type { ChordNode } from "./plan.ts";
import { type GroupInput, type GroupOutput, type GroupSteps, TaskGroup } from "./task-group.ts";
import { Workflow, type WorkflowOptions } from "./workflow.ts";
import { type AnyPart, checkPart, planPart, runPart, type WorkflowPart } from "./workflow-part.ts";
import type { PartOutcome } from "./workflow-result.ts";

export interface ChordOptions extends WorkflowOptions {
  /** How many of its steps run at once. Default: all. */
  readonly maxConcurrency?: number;
  /**
   * What becomes of the callback when some steps failed, and not all. `"stop"` (the default): it does not run, and the
   * chord ends partially completed. `"call"`: it runs, and is given `null` in the place of each step that failed, or
   * what its `onError` gave. When all steps failed it never runs.
   */
  readonly onPartial?: "stop" | "call";
}

/** Steps beside each other, and one that is given the list of what they gave. */
export class TaskChord<I, O> extends Workflow<I, O> {
  readonly kind = "chord";
  readonly group: TaskGroup<unknown, unknown>;
  readonly callback: AnyPart;
  readonly onPartial: "stop" | "call";

  /** @throws TaskConfigError as `TaskGroup` does, and for a callback that is no step. */
  constructor(steps: GroupSteps, callback: AnyPart, options: ChordOptions = {}) {
    super("chord", options, ["maxConcurrency", "onPartial"]);
    const { maxConcurrency, onPartial = "stop" } = options;
    refuseUnless(
      onPartial === "stop" || onPartial === "call",
      "a chord",
      "onPartial",
      'must be "stop" or "call"',
    );
    this.group = new TaskGroup(steps, {
      name: this.name,
      ...(maxConcurrency === undefined ? {} : { maxConcurrency }),
    });
    this.callback = checkPart("a chord", "callback", callback);
    this.onPartial = onPartial;
  }

  async [runPart](input: unknown, run: LocalRun, path: string): Promise<PartOutcome> {
    const { callback, onPartial } = this;
    const refusal = this.group.refusal(input);
    if (refusal !== undefined) return { status: "failed", error: refusal, steps: [] };
    const steps = await this.group.runSteps(input, run, path);
    const outcome = groupOutcome(steps);
    const calls =
      outcome.status === "completed" || (outcome.status === "partially_completed" && onPartial === "call");
    if (!calls) return outcome;
    const own = `${callback.name}()`;
    const last = await run.child(callback, valuesOf(steps), path === "" ? own : `${path}/${own}`);
    return chordOutcome(outcome, last);
  }

  [planPart](): ChordNode {
    const { name, onPartial } = this;
    return {
      kind: "chord",
      name,
      onPartial,
      group: this.group[planPart](),
      callback: this.callback[planPart](),
    };
  }
}

/** What a chord amounts to whose callback ran. */
export function chordOutcome(fan: PartOutcome, last: PartOutcome["steps"][number]): PartOutcome {
  const steps = [...fan.steps, last];
  const given = "data" in last ? { data: last.data } : {};
  if (!last.success)
    return { status: "failed", ...given, ...(last.error === undefined ? {} : { error: last.error }), steps };
  return { status: fan.status, ...(fan.error === undefined ? {} : { error: fan.error }), ...given, steps };
}

/** As `new TaskChord(steps, callback, options)`. */
export function chord<const S extends GroupSteps, O>(
  steps: S,
  callback: WorkflowPart<GroupOutput<S>, O>,
  options?: ChordOptions,
): TaskChord<GroupInput<S>, O> {
  return new TaskChord(steps, callback, options);
}
