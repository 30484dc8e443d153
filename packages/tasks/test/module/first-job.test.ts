import { named, TaskQueueProtocol } from "@lexigram/contracts";
import { Application, inject, injectable, module } from "@lexigram/kernel";
import { expect, test } from "vitest";
import { z } from "zod";
import { task } from "../../src/define/task.ts";
import { TaskDispatcher } from "../../src/dispatch/task-dispatcher.ts";
import { TasksModule } from "../../src/tasks-module.ts";
import { silentLogger } from "@lexigram/contracts";

const add = task(
  { name: "math.add", input: z.object({ a: z.number(), b: z.number() }) },
  ({ a, b }) => a + b,
);

test("boots, runs a job and stops", async () => {
  @injectable()
  class Adder {
    constructor(
      @inject(TaskDispatcher) readonly tasks: TaskDispatcher,
      @inject(TaskQueueProtocol) readonly queue: TaskQueueProtocol,
      @inject(named(TaskQueueProtocol, "tasks")) readonly same: TaskQueueProtocol,
    ) {}
  }
  @module({ imports: [TasksModule.configure(), TasksModule.scope(add)], providers: [Adder] })
  class AppModule {}
  await using app = await Application.boot({
    modules: [AppModule],
    logger: silentLogger,
    configFile: false,
    env: {},
  });
  const adder = app.get(Adder);
  expect(adder.queue).toBe(adder.same);
  const handle = await adder.tasks.enqueue(add, { a: 1, b: 2 });
  expect(await handle.result({ timeout: "5s" })).toBe(3);
});
