import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { QueueSet, task, TaskDependencyCycleError, TaskDispatcher, unwrap } from "../../src/index.ts";
import { memoryBackend } from "../../src/memory/memory-backend.ts";
import { TestClock } from "../../src/testing/test-clock.ts";
import { refuseCycles } from "../../src/dispatch/dependency-cycle.ts";
import { bindingOf } from "./producer.ts";

const work = task({ name: "work" });

function producer() {
  const backend = memoryBackend({ clock: new TestClock() });
  const queue = backend.queue("main");
  const dispatcher = new TaskDispatcher({ queues: new QueueSet([bindingOf(backend, queue)]) });
  return { queue, dispatcher };
}

const entry = (id: string, ...dependsOn: string[]) => ({ task: work, options: { id, dependsOn } });

describe("jobs that wait for each other", () => {
  test("are refused before anything is stored, with the circle", async () => {
    const { queue, dispatcher } = producer();
    const jobs = [entry("a", "c"), entry("b", "a"), entry("c", "b"), { task: work, options: { id: "d" } }];
    const refusal = await dispatcher.enqueueMany(jobs).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(TaskDependencyCycleError);
    expect(refusal).toMatchObject({
      code: "LEX_ERR_TASK_DEPENDENCY_CYCLE",
      fields: { cycle: ["a", "c", "b", "a"] },
      message: /a -> c -> b -> a/,
    });
    expect(await queue.count()).toBe(0);
  });

  test("are refused when one waits for itself", async () => {
    const { dispatcher } = producer();
    await expect(dispatcher.enqueue(work, undefined, { id: "a", dependsOn: ["a"] })).rejects.toThrow(
      TaskDependencyCycleError,
    );
    await expect(dispatcher.tryEnqueue(work, undefined, { id: "a", dependsOn: ["a"] })).rejects.toThrow(
      "a -> a",
    );
  });

  test("are taken when they only wait in order", async () => {
    const { dispatcher } = producer();
    const results = await dispatcher.enqueueMany([entry("a"), entry("b", "a"), entry("c", "a", "b")]);
    expect(results.map((result) => unwrap(result).id)).toEqual(["a", "b", "c"]);
  });

  test("are refused exactly when no order would run them all", () => {
    const graphs = fc.array(fc.array(fc.integer({ min: 0, max: 7 }), { maxLength: 3 }), { maxLength: 8 });
    fc.assert(
      fc.property(graphs, (edges) => {
        const jobs = edges.map((after, i) => ({
          options: { id: String(i), dependsOn: after.map(String) },
        }));
        const left = new Map(edges.map((after, i) => [i, after.filter((to) => to < edges.length)]));
        for (let before = -1; before !== left.size;) {
          before = left.size;
          for (const [i, after] of left) if (after.every((to) => !left.has(to))) left.delete(i);
        }
        const refused = (() => {
          try {
            refuseCycles(jobs);
            return false;
          } catch {
            return true;
          }
        })();
        expect(refused).toBe(left.size > 0);
      }),
    );
  });
});
