import { silentLogger } from "@lexigram/contracts";
import { Application } from "@lexigram/kernel";
import { describe, expect, test } from "vitest";
import {
  task,
  TaskDispatcher,
  TaskProvider,
  TaskQueueProtocol,
  TasksModule,
  WorkerPool,
} from "../../src/index.ts";

const ping = task({ name: "ping" }, () => 1);

async function stopped() {
  const app = await Application.boot({
    modules: [TasksModule.configure(), TasksModule.scope(ping)],
    logger: silentLogger,
    configFile: false,
    env: {},
  });
  const tasks = app.get(TaskDispatcher);
  const provider = app.get(TaskProvider);
  const pool = app.get(WorkerPool);
  const queue = app.get(TaskQueueProtocol);
  const handle = await tasks.enqueue(ping);
  await handle.result();
  await app.stop();
  return { tasks, provider, pool, queue, handle };
}

describe("what is asked of an application that has stopped", () => {
  test("is refused with a typed error, and nothing waits for ever", async () => {
    const { tasks, provider, queue, handle } = await stopped();
    const follow = async (): Promise<void> => {
      for await (const _ of handle.progress);
    };
    const asked: Readonly<Record<string, () => Promise<unknown>>> = {
      enqueue: () => tasks.enqueue(ping),
      tryEnqueue: () => tasks.tryEnqueue(ping),
      enqueueMany: () => tasks.enqueueMany([{ task: ping }]),
      enqueueJob: () => provider.enqueueJob("ping"),
      result: () => handle.result(),
      status: () => handle.status(),
      cancel: () => handle.cancel(),
      job: () => handle.job(),
      progress: follow,
      pause: () => queue.pause(),
      stats: () => queue.stats(),
      "dead letters": () => queue.deadLetters.size(),
    };
    const codes: Record<string, unknown> = {};
    for (const [name, ask] of Object.entries(asked))
      codes[name] = await ask().then(
        () => "answered",
        ({ code }: { readonly code?: string }) => code,
      );
    expect(codes).toEqual(
      Object.fromEntries(Object.keys(asked).map((name) => [name, "LEX_ERR_TASK_CLOSED"])),
    );
    await expect(ping.delay()).rejects.toMatchObject({ code: "LEX_ERR_TASK_REGISTRATION" });
  });

  test("is done without harm where it is another stop", async () => {
    const { pool, queue } = await stopped();
    await Promise.all([pool.stop(), pool.stop({ drain: false }), queue.close(), queue.close()]);
    expect(pool.running).toBe(false);
  });
});
