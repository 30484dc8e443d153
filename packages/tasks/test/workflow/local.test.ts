import { describe, expect, test } from "vitest";
import {
  branch,
  chain,
  chord,
  each,
  group,
  InMemoryWorkflowStateStore,
  step,
  task,
  TaskChain,
  TaskConfigError,
  TaskStep,
  type,
  unwrap,
  WorkflowError,
} from "../../src/index.ts";
import { TestClock } from "../../src/testing/test-clock.ts";

const add = (n: number) => step(`add-${n}`, (input: number) => input + n);
const fails = (name = "fails") =>
  step(name, (_input: number): number => {
    throw new Error(`${name} threw`);
  });

describe("a chain in this process", () => {
  test("hands on what each step gives", async () => {
    const result = unwrap(await chain(add(1), add(2)).then(add(3)).execute(10));
    expect(result).toMatchObject({ status: "completed", finalResult: 16 });
    expect(result.steps.map(({ stepName, success, data }) => [stepName, success, data])).toEqual([
      ["add-1", true, 11],
      ["add-2", true, 13],
      ["add-3", true, 16],
    ]);
  });

  test("stops at a step that fails, and keeps what its onError gave", async () => {
    const handled = step(
      "handled",
      (_n: number): number => {
        throw new Error("boom");
      },
      { onError: (error, input) => input * 100 + ((error as Error).message === "boom" ? 1 : 0) },
    );
    const result = unwrap(await chain(add(1), handled, add(2)).execute(1));
    expect(result).toMatchObject({ status: "failed", finalResult: 201, error: { message: "boom" } });
    expect(result.steps.map(({ success }) => success)).toEqual([true, false]);
    const on = unwrap(
      await new TaskChain<number, number>([handled, add(2)], { stopOnError: false }).execute(1),
    );
    expect(on).toMatchObject({ status: "completed", finalResult: 103 });
  });

  test("goes on with what it had, where stopOnError is false", async () => {
    const result = unwrap(await chain(add(1), fails(), add(2), { stopOnError: false }).execute(1));
    expect(result).toMatchObject({ status: "completed", finalResult: 4 });
    expect(result.steps[1]).toMatchObject({ success: false, error: { message: "fails threw" } });
  });

  test("is no promise", async () => {
    await expect(Promise.resolve(chain(add(1)) as unknown as Promise<unknown>)).rejects.toThrow(/no promise/);
  });

  test("runs each step once over two executions of one id", async () => {
    const stateStore = new InMemoryWorkflowStateStore();
    const ran: string[] = [];
    let broken = true;
    const noted = (name: string) =>
      step(name, (n: number) => {
        ran.push(name);
        if (name === "b" && broken) throw new Error("not yet");
        return n + 1;
      });
    const steps = chain(noted("a"), noted("b"), noted("c"), { stateStore, workflowId: "order-1" });
    expect(unwrap(await steps.execute(1)).status).toBe("failed");
    expect(await stateStore.listActive()).toEqual([]);
    broken = false;
    expect(unwrap(await steps.execute(1))).toMatchObject({ status: "completed", finalResult: 4 });
    expect(ran).toEqual(["a", "b", "b", "c"]);
    expect(await stateStore.loadState("order-1")).toMatchObject({ status: "completed", kind: "chain" });
    const other = await group([add(1)], { stateStore, workflowId: "order-1" }).execute(1);
    expect(other).toMatchObject({ ok: false, error: { code: "LEX_ERR_TASK_WORKFLOW" } });
    expect(await stateStore.deleteState("order-1")).toBe(true);
    expect(await stateStore.deleteState("order-1")).toBe(false);
  });

  test("refuses to go on from a checkpoint that another execution has moved", async () => {
    const stateStore = new InMemoryWorkflowStateStore();
    let open = (): void => {};
    const gate = new Promise<void>((resolve) => (open = resolve));
    const steps = chain(
      step("wait", async (n: number) => {
        await gate;
        return n;
      }),
      { stateStore, workflowId: "w" },
    );
    const first = steps.execute(1);
    const second = steps.execute(1);
    open();
    const results = await Promise.all([first, second]);
    expect(results.filter(({ ok }) => ok)).toHaveLength(1);
    expect(results.find(({ ok }) => !ok)).toMatchObject({ error: { message: /another execution/ } });
  });
});

describe("steps beside each other", () => {
  test("are given the same, and give a list", async () => {
    const result = unwrap(await group([add(1), add(2), add(3)]).execute(1));
    expect(result).toMatchObject({ status: "completed", finalResult: [2, 3, 4] });
    expect(unwrap(await group(each(add(1))).execute([1, 2, 3])).finalResult).toEqual([2, 3, 4]);
    expect(unwrap(await group(each(add(1))).execute([])).finalResult).toEqual([]);
    expect(unwrap(await group(each(add(1))).execute(7 as never))).toMatchObject({
      status: "failed",
      error: { message: /must be a list/ },
    });
  });

  test("run so many at once at most", async () => {
    let running = 0;
    let most = 0;
    const slow = step("slow", async (n: number) => {
      most = Math.max(most, ++running);
      await new Promise(setImmediate);
      running--;
      return n;
    });
    const result = unwrap(await group(each(slow), { maxConcurrency: 3 }).execute([1, 2, 3, 4, 5, 6, 7, 8]));
    expect(result.finalResult).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(most).toBe(3);
  });

  test("complete in part, or not at all", async () => {
    const some = unwrap(await group([add(1), fails("x")]).execute(1));
    expect(some).toMatchObject({
      status: "partially_completed",
      error: { message: "1 of 2 steps failed: x" },
    });
    expect(some.finalResult).toBeUndefined();
    const none = unwrap(await group([fails("x"), fails("y")]).execute(1));
    expect(none).toMatchObject({ status: "failed", error: { message: "All steps failed" } });
  });

  test("hand their list to a callback", async () => {
    const sum = step("sum", (list: readonly (number | null)[]) =>
      list.reduce<number>((a, b) => a + (b ?? 100), 0),
    );
    expect(unwrap(await chord([add(1), add(2)], sum).execute(1))).toMatchObject({
      status: "completed",
      finalResult: 5,
    });
    const parts = [add(1), fails("x")] as const;
    expect(unwrap(await chord(parts, sum).execute(1))).toMatchObject({
      status: "partially_completed",
      steps: [{}, {}],
    });
    expect(unwrap(await chord(parts, sum, { onPartial: "call" }).execute(1))).toMatchObject({
      status: "partially_completed",
      finalResult: 102,
    });
    expect(unwrap(await chord([fails("x")], sum, { onPartial: "call" }).execute(1)).status).toBe("failed");
  });
});

describe("a branch", () => {
  test("goes one of two ways with its own input", async () => {
    const way = branch((n: number) => n > 5, add(100), add(200));
    expect(unwrap(await way.execute(6))).toMatchObject({
      finalResult: 106,
      steps: [{ stepName: "add-100" }],
    });
    expect(unwrap(await way.execute(5)).finalResult).toBe(205);
  });

  test("whose condition throws, or answers something else, is an error", async () => {
    for (const condition of [
      (): boolean => {
        throw new Error("no idea");
      },
      () => "yes" as never,
    ]) {
      const result = await chain(branch(condition, add(1), add(2), { name: "way" })).execute(1);
      expect(result.ok).toBe(false);
      if (!result.ok) expect(result.error).toBeInstanceOf(WorkflowError);
      if (!result.ok) expect(result.error.fields.step).toBe("way");
    }
  });
});

describe("a step", () => {
  test("is stopped when its time is up", async () => {
    const clock = new TestClock();
    let aborted = false;
    const slow = step(
      "slow",
      (_: number, { signal }) =>
        new Promise<number>(() => signal.addEventListener("abort", () => (aborted = true))),
      { timeout: "5s", onError: () => -1 },
    );
    const running = chain(slow).execute(1, { clock });
    await clock.advance("5s");
    expect(unwrap(await running)).toMatchObject({
      status: "failed",
      finalResult: -1,
      error: { code: "LEX_ERR_TASK_TIMEOUT" },
    });
    expect(aborted).toBe(true);
  });

  test("sees that the workflow is stopped", async () => {
    const stop = new AbortController();
    const waiting = step(
      "waiting",
      (_: number, { signal }) =>
        new Promise<number>((_resolve, reject) =>
          signal.addEventListener("abort", () => reject(signal.reason as Error)),
        ),
    );
    const running = chain(waiting, add(1), { stopOnError: false }).execute(1, { signal: stop.signal });
    stop.abort(new Error("enough"));
    expect(unwrap(await running)).toMatchObject({ status: "cancelled", error: { message: "enough" } });
  });

  test("may be a task, which runs here under its policy", async () => {
    let tries = 0;
    const flaky = task(
      { name: "flaky", input: type<number>(), maxRetries: 2, retry: { baseDelay: 1, jitter: false } },
      (n) => {
        if (++tries < 3) throw new Error("again");
        return n * 2;
      },
    );
    expect(unwrap(await chain(step.task(flaky), add(1)).execute(4)).finalResult).toBe(9);
    expect(unwrap(await chain(step.task(flaky, { name: "own", input: 5 })).execute(4)).finalResult).toBe(10);
    const contract = task({ name: "elsewhere", input: type<number>() });
    expect(unwrap(await chain(step.task(contract)).execute(1))).toMatchObject({
      status: "failed",
      error: { message: /no handler/ },
    });
  });

  test.each([
    ["without a name", () => step("", () => 1), /name/],
    ["with an unknown option", () => new TaskStep("a", () => 1, { timout: 5 } as never), /timeout/],
    ["that is none", () => step.task((() => 1) as never), /needs a task/],
    ["twice in a chain", () => chain(add(1), add(1)), /two steps/],
    [
      "that is a task by itself",
      () => chain(task({ name: "t" }, () => 1) as never),
      /step.task|must be a step/,
    ],
    ["in no list", () => group([] as never), /at least one/],
    ["less than one at once", () => group([add(1)], { maxConcurrency: 0 }), /maxConcurrency/],
    ["with a workflowId that is none", () => chain(add(1), { workflowId: "a/b" }), /workflowId/],
  ])("%s is refused", (_what, make, message) => {
    expect(make).toThrow(TaskConfigError);
    try {
      make();
    } catch (error) {
      const { message: text, hint } = error as TaskConfigError;
      expect(`${text} ${hint}`).toMatch(message);
    }
  });
});
