import { describe, expect, onTestFinished, test } from "vitest";
import {
  branch,
  chain,
  chord,
  each,
  group,
  step,
  task,
  type StepFailure,
  TaskQueueProtocol,
  TasksModule,
  TaskWorkflows,
  type,
  UnsupportedError,
  type Workflow,
  WorkflowError,
  WorkflowStateStore,
} from "../../src/index.ts";
import { createTestApp, type TestAppOptions } from "../../src/testing.ts";

const ran: string[] = [];
const add = task({ name: "add", input: type<number>() }, (n) => {
  ran.push(`add ${n}`);
  return n + 1;
});
const fail = task({ name: "fail", input: type<unknown>(), maxRetries: 0 }, (): number => {
  throw new Error("it failed");
});
const sum = task({ name: "sum", input: type<readonly (number | null)[]>() }, (list) =>
  list.reduce<number>((a, b) => a + (b ?? 1_000), 0),
);
const isLarge = task({ name: "is-large", input: type<number>() }, (n) => n > 10);
const mend = task({ name: "mend", input: type<StepFailure<number>>() }, ({ input, error }) =>
  error.message === "it failed" ? (input ?? 0) * 100 : -1,
);
const tasks = [add, fail, sum, isLarge, mend];

async function app(options: TestAppOptions = {}) {
  ran.length = 0;
  const test = await createTestApp({ tasks, ...options });
  onTestFinished(() => test.app.stop());
  return { test, workflows: test.app.get(TaskWorkflows) };
}

async function play<O>(workflow: Workflow<never, O>, input?: unknown) {
  const { test, workflows } = await app();
  const run = await workflows.start(workflow, input as never);
  await test.drain();
  return run.result({ timeout: "1s" });
}

const one = (name: string) => step.task(add, { name });

describe("a workflow on queues", () => {
  test("hands on what each step of a chain gives", async () => {
    const result = await play(chain(one("a"), one("b"), one("c")), 1);
    expect(result).toMatchObject({ status: "completed", finalResult: 4 });
    expect(result.steps.map(({ stepName, data }) => [stepName, data])).toEqual([
      ["a", 2],
      ["b", 3],
      ["c", 4],
    ]);
  });

  test("stops a chain at a step that fails, or goes on", async () => {
    const failing = step.task(fail);
    expect(await play(chain(one("a"), failing, one("b")), 1)).toMatchObject({
      status: "failed",
      error: { message: "it failed" },
      steps: [{ success: true }, { success: false }],
    });
    expect(await play(chain(one("a"), failing, one("b"), { stopOnError: false }), 1)).toMatchObject({
      status: "completed",
      finalResult: 3,
    });
    const mended = step.task(fail, { onError: mend });
    expect(await play(chain(one("a"), mended, one("b"), { stopOnError: false }), 1)).toMatchObject({
      status: "completed",
      finalResult: 201,
    });
  });

  test("gives a group's list, also some at a time, and nested", async () => {
    expect(await play(group([one("a"), one("b")]), 1)).toMatchObject({
      status: "completed",
      finalResult: [2, 2],
    });
    expect(await play(group(each(step.task(add))), [1, 2, 3])).toMatchObject({ finalResult: [2, 3, 4] });
    expect(await play(group(each(step.task(add)), { maxConcurrency: 2 }), [1, 2, 3, 4, 5])).toMatchObject({
      finalResult: [2, 3, 4, 5, 6],
      steps: [{ stepName: "add[0]" }, {}, {}, {}, { stepName: "add[4]", data: 6 }],
    });
    expect(await play(group(each(step.task(add))), [])).toMatchObject({
      status: "completed",
      finalResult: [],
    });
    const nested = chain(group([chain(one("a"), one("b"), { name: "left" }), one("right")]), step.task(sum));
    expect(await play(nested, 1)).toMatchObject({ status: "completed", finalResult: 5 });
  });

  test("completes a group in part, and calls a chord's callback as it says", async () => {
    const parts = [one("a"), step.task(fail, { name: "x" })] as const;
    expect(await play(group(parts), 1)).toMatchObject({
      status: "partially_completed",
      error: { message: "1 of 2 steps failed: x" },
    });
    expect(await play(chord(parts, step.task(sum)), 1)).toMatchObject({ status: "partially_completed" });
    expect(await play(chord(parts, step.task(sum), { onPartial: "call" }), 1)).toMatchObject({
      status: "partially_completed",
      finalResult: 1_002,
    });
    const mended = [one("a"), step.task(fail, { name: "x", onError: mend })] as const;
    expect(await play(chord(mended, step.task(sum), { onPartial: "call" }), 1)).toMatchObject({
      status: "partially_completed",
      finalResult: 102,
    });
    expect(await play(group([step.task(fail)]), 1)).toMatchObject({
      status: "failed",
      error: { message: "All steps failed" },
    });
  });

  test("goes one way of a branch", async () => {
    const way = branch(step.task(isLarge), one("large"), chain(one("small"), one("more")));
    expect(await play(way, 11)).toMatchObject({ status: "completed", finalResult: 12 });
    expect(await play(way, 1)).toMatchObject({ status: "completed", finalResult: 3 });
    expect(await play(branch(step.task(fail) as never, one("a"), one("b")), 1)).toMatchObject({
      status: "failed",
      error: { message: /condition/ },
    });
  });

  test("gives each of ten thousand items one job", async () => {
    const { test, workflows } = await app();
    const items = Array.from({ length: 10_000 }, (_, i) => i);
    const run = await workflows.start(chord(each(step.task(add)), step.task(sum)), items);
    await test.drain();
    const result = await run.result({ timeout: "1s" });
    expect(result).toMatchObject({ status: "completed", finalResult: (10_000 * 10_001) / 2 });
    expect(result.steps).toHaveLength(10_001);
    expect(ran).toHaveLength(10_000);
    expect(new Set(ran).size).toBe(10_000);
  }, 60_000);

  test("takes a job that its queue refuses for one that failed", async () => {
    const strict = task(
      {
        name: "strict",
        input: {
          "~standard": {
            version: 1,
            vendor: "test",
            validate: (value: unknown) =>
              value === 2 ? { issues: [{ message: "not two" }] } : { value: value as number },
          },
        },
      },
      (n) => n,
    );
    const { test, workflows } = await app({ tasks: [...tasks, strict] });
    const run = await workflows.start(group(each(step.task(strict))), [1, 2, 3]);
    await test.drain();
    expect(await run.result({ timeout: "1s" })).toMatchObject({
      status: "partially_completed",
      steps: [{ success: true }, { success: false, error: { message: /not two/ } }, { success: true }],
    });
  });

  test("tells status and progress, and is listed while it goes on", async () => {
    const { test, workflows } = await app();
    const run = await workflows.start(chain(one("a"), one("b")), 1, { workflowId: "order-1" });
    expect(await run.status()).toBe("pending");
    expect(await workflows.listActive()).toMatchObject([{ workflowId: "order-1", kind: "chain" }]);
    expect(test.app.get(WorkflowStateStore)).toBe(workflows.store);
    await test.drain();
    expect(await run.progress()).toEqual({ status: "completed", done: 2, total: 2 });
    expect(await workflows.listActive()).toEqual([]);
    expect(await workflows.delete("order-1")).toBe(true);
    expect(await workflows.run("order-1").status()).toBe("unknown");
    await expect(workflows.run("order-1").result()).rejects.toThrow(WorkflowError);
  });

  test("is started once for one id", async () => {
    const { test, workflows } = await app();
    const steps = chain(one("a"), one("b"));
    await workflows.start(steps, 1, { workflowId: "w" });
    await test.drain();
    const again = await workflows.start(steps, 1, { workflowId: "w" });
    await test.drain();
    expect(await again.result()).toMatchObject({ finalResult: 3 });
    expect(ran).toEqual(["add 1", "add 2"]);
    await expect(workflows.start(group([one("a")]), 1, { workflowId: "w" })).rejects.toThrow(WorkflowError);
  });

  test("begins anew under an id that was deleted, whatever jobs of the old one are still to come", async () => {
    const { test, workflows } = await app();
    const first = await workflows.start(chain(one("a"), one("b")), 1, { workflowId: "w" });
    await test.drain();
    expect(await first.result()).toMatchObject({ finalResult: 3 });
    expect(await workflows.delete("w")).toBe(true);
    const cancelled = await workflows.start(chain(step.task(add, { name: "a", delay: "1h" }), one("b")), 5, {
      workflowId: "w",
    });
    await test.drain();
    await cancelled.cancel();
    expect(await workflows.delete("w")).toBe(true);
    const second = await workflows.start(group([one("a"), one("c")]), 7, { workflowId: "w" });
    await test.drain();
    expect(await second.result({ timeout: "1s" })).toMatchObject({
      status: "completed",
      finalResult: [8, 8],
    });
    expect(ran).toEqual(["add 1", "add 2", "add 7", "add 7"]);
  });

  test("is cancelled as a whole", async () => {
    const { test, workflows } = await app();
    const run = await workflows.start(
      chain(chord(each(step.task(add, { delay: "1h" })), step.task(sum)), one("after")),
      [1, 2, 3],
    );
    await test.drain();
    expect(await run.status()).toBe("running");
    expect(await run.cancel()).toBe("cancelled");
    expect(await run.cancel()).toBe("finished");
    await test.drain();
    expect(await run.result()).toMatchObject({ status: "cancelled" });
    const queue = test.app.get(TaskQueueProtocol);
    expect((await queue.list({ status: "cancelled", task: "add", limit: 10 })).items).toHaveLength(3);
    expect(await queue.count()).toBe(0);
    expect(ran).toEqual([]);
  });

  test("runs inline", async () => {
    const { workflows } = await app({ mode: "inline" });
    const run = await workflows.start(chain(group([one("a"), one("b")]), step.task(sum), one("c")), 1);
    expect(await run.result({ timeout: "1s" })).toMatchObject({ status: "completed", finalResult: 5 });
  });

  test("refuses a step that is a function", async () => {
    const { workflows } = await app();
    await expect(workflows.start(chain(step("f", (n: number) => n)), 1)).rejects.toThrow(/is a function/);
  });

  test("refuses to start where jobs run at once", async () => {
    const { workflows } = await app({ modules: [TasksModule.configure({ eager: true })] });
    await expect(workflows.start(chain(one("a")), 1)).rejects.toThrow(UnsupportedError);
  });
});
