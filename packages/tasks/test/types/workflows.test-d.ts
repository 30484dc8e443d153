import { describe, expectTypeOf, test } from "vitest";
import {
  branch,
  type BranchStep,
  chain,
  chord,
  each,
  group,
  step,
  task,
  type TaskChain,
  type TaskChord,
  type TaskGroup,
  type TaskStep,
  type TaskWorkflows,
  type,
  type WorkflowRun,
} from "../../src/index.ts";

const length = step("length", (text: string) => text.length);
const double = step("double", (n: number) => n * 2);
const shout = step.task(task({ name: "shout", input: type<number>() }, (n) => `${n}!`));

describe("workflows", () => {
  test("take what their first step takes and give what their last one gives", () => {
    expectTypeOf(length).toEqualTypeOf<TaskStep<string, number>>();
    expectTypeOf(shout).toEqualTypeOf<TaskStep<number, string>>();
    expectTypeOf(chain(length, double, shout)).toEqualTypeOf<TaskChain<string, string>>();
    expectTypeOf(chain(length, { stopOnError: false })).toEqualTypeOf<TaskChain<string, number>>();
    expectTypeOf(chain(length).then(shout)).toEqualTypeOf<TaskChain<string, string>>();
    expectTypeOf(group([double, shout])).toEqualTypeOf<TaskGroup<number, [number, string]>>();
    expectTypeOf(group(each(length))).toEqualTypeOf<TaskGroup<readonly string[], number[]>>();
    const sum = step("sum", (list: readonly number[]) => list.length);
    expectTypeOf(chord(each(length), sum)).toEqualTypeOf<TaskChord<readonly string[], number>>();
    expectTypeOf(branch((n: number) => n > 1, double, shout)).toEqualTypeOf<
      BranchStep<number, number | string>
    >();
  });

  test("are refused when what a step gives is not what the next takes", () => {
    expectTypeOf(length).not.toEqualTypeOf(double);
    // @ts-expect-error -- a number is given where a text is taken
    chain(double, length);
    // @ts-expect-error -- the same, appended
    chain(double).then(length);
    const sum = step("sum", (list: readonly number[]) => list.length);
    // @ts-expect-error -- a list of texts is given where numbers are taken
    chord([shout], sum);
  });

  test("give what they gave when they are started", () => {
    const workflows = null as unknown as TaskWorkflows;
    expectTypeOf(workflows.start(chain(length, shout), "text")).resolves.toEqualTypeOf<WorkflowRun<string>>();
  });
});
