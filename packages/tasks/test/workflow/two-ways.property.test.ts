import type { StepShape, WorkflowShape } from "@lexigram/conformance";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { step, type StepFailure, task, TaskWorkflows, type, unwrap, type Workflow } from "../../src/index.ts";
import { createTestApp } from "../../src/testing.ts";
import { partOf } from "./workflow-subject.ts";

const once = { maxRetries: 0 } as const;
const tasks = {
  add: task({ name: "add", input: type<number>(), ...once }, (n) => JSON.stringify(n ?? null).length),
  // Fails unless it is given a list.
  sum: task({ name: "sum", input: type<readonly number[]>(), ...once }, (list) =>
    list.reduce((a, b) => a + (b ?? 1_000), 0),
  ),
  fail: task({ name: "fail", input: type<unknown>(), ...once }, (): number => {
    throw new Error("it failed");
  }),
  large: task({ name: "large", input: type<number>(), ...once }, (n) => n > 10),
  mend: task({ name: "mend", input: type<StepFailure<number>>(), ...once }, ({ stepName, input }) => {
    if (stepName.endsWith("1")) throw new Error("nor can it be mended");
    return JSON.stringify([stepName, input]).length;
  }),
};

const stepOf = ({ task: name, onError, ...own }: StepShape) =>
  step.task(tasks[name] as typeof tasks.add, {
    ...own,
    ...(onError === undefined ? {} : { onError: tasks.mend }),
  });

const named = (shapes: readonly WorkflowShape[]): WorkflowShape[] =>
  shapes.map((shape, i) => ({ ...shape, name: `s${i}` }));

/** Forms of up to three levels, with steps that succeed, fail, and are mended or not. */
const { form } = fc.letrec<{ form: WorkflowShape; step: WorkflowShape; part: WorkflowShape }>((tie) => ({
  step: fc.record(
    {
      task: fc.constantFrom("add" as const, "add" as const, "sum" as const, "fail" as const),
      onError: fc.constant("mend" as const),
    },
    { requiredKeys: ["task"] },
  ),
  part: fc.oneof({ depthSize: "small", maxDepth: 3 }, { weight: 3, arbitrary: tie("step") }, tie("form")),
  form: fc.oneof(
    fc.record({
      chain: fc.array(tie("part"), { minLength: 1, maxLength: 4 }).map(named),
      stopOnError: fc.boolean(),
    }),
    fc.record(
      {
        group: fc.array(tie("part"), { minLength: 1, maxLength: 4 }).map(named),
        maxConcurrency: fc.integer({ min: 1, max: 3 }),
      },
      { requiredKeys: ["group"] },
    ),
    fc.record({
      chord: fc.array(tie("part"), { minLength: 1, maxLength: 3 }).map(named),
      callback: tie("part"),
      onPartial: fc.constantFrom("stop" as const, "call" as const),
    }),
    fc.record({
      branch: fc.constant<StepShape>({ task: "large" }),
      ifTrue: tie("part"),
      ifFalse: tie("part"),
    }),
  ),
}));

interface Told {
  readonly status: string;
  readonly finalResult: unknown;
  readonly steps: readonly {
    readonly stepName: string;
    readonly success: boolean;
    readonly data?: unknown;
  }[];
}

/** What both ways tell alike: not how long it took, and not how an error was wrapped. */
const told = ({ status, finalResult, steps }: Told): unknown =>
  JSON.parse(
    JSON.stringify({
      status,
      finalResult,
      steps: steps.map(({ stepName, success, data }) => ({ stepName, success, data: data ?? null })),
    }),
  );

describe("a workflow of any form", () => {
  test("ends on queues as it does in one process", { timeout: 120_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(form, fc.integer({ min: 0, max: 20 }), async (shape, input) => {
        const workflow = partOf(shape, stepOf as never) as Workflow<number, unknown>;
        const here = unwrap(await workflow.execute(input));
        const app = await createTestApp({ tasks: Object.values(tasks) });
        try {
          const run = await app.app.get(TaskWorkflows).start(workflow, input);
          await app.drain();
          expect(told(await run.result({ timeout: "1s" }))).toEqual(told(here));
        } finally {
          await app.app.stop();
        }
      }),
      { numRuns: 60 },
    );
  });
});
