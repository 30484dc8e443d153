import type { QueueCapabilities } from "@lexigram/contracts";
import { describe, expect, test } from "vitest";
import {
  chain,
  MemoryStateStore,
  QueueSet,
  step,
  task,
  TaskConfigError,
  TaskDispatcher,
  TaskWorkflows,
  type,
  UnsupportedError,
  WorkflowStateStore,
} from "../../src/index.ts";
import { memoryBackend } from "../../src/memory/memory-backend.ts";
import { TestClock } from "../../src/testing/test-clock.ts";
import { bindingOf } from "../dispatch/producer.ts";
import { overlaid } from "../schedule/workshop.ts";

const add = task({ name: "add", input: type<number>() }, (n) => n + 1);
const steps = chain(step.task(add));

function workflowsOn(lacking: Partial<QueueCapabilities>, backendType = "memory") {
  const clock = new TestClock();
  const backend = memoryBackend({ clock });
  const inner = backend.queue("main");
  const queue = overlaid(inner, { capabilities: { ...inner.capabilities, ...lacking } });
  const seen = overlaid(backend, { type: backendType });
  // A backend without state is given one of this process.
  const state = new MemoryStateStore({ clock });
  const queues = new QueueSet([bindingOf(seen, queue, backendType === "memory" ? {} : { state })]);
  return {
    inner,
    workflows: new TaskWorkflows({ dispatcher: new TaskDispatcher({ queues }), queues, clock }),
  };
}

describe("a workflow is refused", () => {
  test.each(["dependencies", "results", "lookup", "unique", "cancel"] as const)(
    "by a queue without %s, and nothing of it is stored",
    async (capability) => {
      const { inner, workflows } = workflowsOn({ [capability]: false });
      const refusal = await workflows.start(steps, 1, { queue: "main" }).catch((error: unknown) => error);
      expect(refusal).toBeInstanceOf(UnsupportedError);
      expect(refusal).toMatchObject({ fields: { capability }, hint: /redis, postgres or memory/ });
      expect(await inner.count()).toBe(0);
      expect(await workflows.listActive()).toEqual([]);
    },
  );

  test("when its jobs would outlive its state", async () => {
    const { workflows } = workflowsOn({}, "redis");
    const refusal = await workflows.start(steps, 1, { queue: "main" }).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(UnsupportedError);
    expect(refusal).toMatchObject({ fields: { capability: "state" }, hint: /state/ });
  });

  test("for options that are none, with the nearest", async () => {
    const { workflows } = workflowsOn({});
    await expect(workflows.start(steps, 1, { workflowID: "a" } as never)).rejects.toMatchObject({
      hint: /workflowId/,
    });
    await expect(workflows.start(add as never, 1)).rejects.toThrow(TaskConfigError);
    await expect(workflows.start(steps, 1, { queue: "mian" })).rejects.toMatchObject({
      code: "LEX_ERR_TASK_QUEUE_NOT_FOUND",
    });
    expect(() => workflows.run("no id")).toThrow(TaskConfigError);
    expect(() => new WorkflowStateStore({} as never)).toThrow(TaskConfigError);
    expect(() => step.task(add, { timeout: "5 minutes" as never })).toThrow(/timeout/);
    expect(() => step.task(add, { dependsOn: ["a"] } as never)).toThrow(TaskConfigError);
  });
});
