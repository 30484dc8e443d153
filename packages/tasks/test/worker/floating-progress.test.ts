import { expect, onTestFinished, test } from "vitest";
import { silentLogger } from "@lexigram/contracts";
import { Application } from "@lexigram/kernel";
import { task } from "../../src/define/task.ts";
import { TaskDispatcher } from "../../src/dispatch/task-dispatcher.ts";
import { AttemptProgress } from "../../src/worker/attempt-progress.ts";
import { TasksModule } from "../../src/tasks-module.ts";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Rejections that nobody handled, while a test runs. */
function unhandled(): unknown[] {
  const seen: unknown[] = [];
  const note = (reason: unknown): void => void seen.push(reason);
  process.on("unhandledRejection", note);
  onTestFinished(() => void process.off("unhandledRejection", note));
  return seen;
}

test("a report that is refused and not waited for harms neither job nor process", async () => {
  const seen = unhandled();
  const waited: unknown[] = [];
  const report = task({ name: "report" }, async (ctx) => {
    void ctx.progress.update(Number.NaN, 3);
    await ctx.progress.update(Number.NaN, 3).catch((error: unknown) => waited.push(error));
    return "done";
  });
  const app = await Application.boot({
    modules: [TasksModule.configure(), TasksModule.scope(report)],
    logger: silentLogger,
  });
  const handle = await app.get(TaskDispatcher).enqueue(report);
  expect(await handle.result()).toBe("done");
  await app.close();
  await turn();
  expect(waited).toEqual([expect.objectContaining({ code: "LEX_ERR_TASK_VALIDATION" })]);
  expect(seen).toEqual([]);
});

test("nor does one that another's tracker fails to write", async () => {
  const seen = unhandled();
  const failing = {
    update: () => Promise.reject(new Error("away")),
    complete: async () => {},
    fail: async () => {},
    get: async () => undefined,
    subscribe: async function* () {},
  };
  const progress = new AttemptProgress("a", failing);
  void progress.update(1, 2);
  await turn();
  await expect(progress.update(2, 2)).rejects.toThrow("away");
  expect(seen).toEqual([]);
});
