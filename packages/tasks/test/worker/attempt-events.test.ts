import { silentLogger } from "@lexigram/contracts";
import { describe, expect, test, vi } from "vitest";
import { TaskEmitter } from "../../src/events/task-emitter.ts";
import { Workshop } from "./workshop.ts";

describe("events of attempts", () => {
  test("tell a job's story with who, where and how long", async () => {
    const shop = new Workshop();
    shop.listen();
    shop.define(
      "t",
      async (_input, { attempt }) => {
        await shop.clock.advance(20);
        if (attempt === 1) throw new Error("no");
      },
      { retry: { baseDelay: 100, jitter: 0 } },
    );
    const jobId = await shop.enqueue("t");
    const pool = await shop.start();
    await shop.advance(300);
    const [worker] = pool.getWorkerStats();
    const facts = {
      taskName: "t",
      queueName: "work",
      jobId,
      taskId: jobId,
      attempt: 1,
      workerId: worker!.workerId,
    };
    const second = { ...facts, attempt: 2 };
    const error = expect.objectContaining({ name: "Error", message: "no" }) as unknown;
    const received = { recoveries: 0, workerId: expect.stringContaining(String(process.pid)) as unknown };
    expect(shop.events()).toEqual([
      { name: "task.received", payload: { ...facts, ...received } },
      { name: "task.started", payload: facts },
      { name: "task.failed", payload: { ...facts, durationMs: 20, reason: "no", error, willRetry: true } },
      { name: "task.retried", payload: { ...facts, delayMs: 100, countAttempt: true, error } },
      { name: "task.received", payload: { ...second, ...received } },
      { name: "task.started", payload: second },
      { name: "task.completed", payload: { ...second, durationMs: 20 } },
    ]);
  });

  test("of outcomes come after the store has them", async () => {
    const shop = new Workshop();
    const stored: Promise<string>[] = [];
    for (const name of ["task.completed", "task.dead", "task.cancelled"] as const)
      shop.emitter.on(name, ({ jobId }) => void stored.push(shop.job(jobId).then((job) => job.status)));
    shop.define("ok", () => 1);
    shop.define("bad", () => Promise.reject(new Error("no")), { maxRetries: 0 });
    await shop.enqueue("ok");
    await shop.enqueue("bad");
    await shop.start();
    expect(await Promise.all(stored)).toEqual(["completed", "failed"]);
  });

  test("cost no payload while nobody listens", async () => {
    const shop = new Workshop();
    const emit = vi.spyOn(shop.emitter, "emit");
    shop.define("t", () => Promise.reject(new Error("no")), { maxRetries: 0 });
    await shop.enqueue("t");
    await shop.start();
    expect(emit).not.toHaveBeenCalled();
  });
});

describe("an emitter", () => {
  test("tells listeners in the order in which they were added, until they are disposed", () => {
    const emitter = new TaskEmitter(silentLogger);
    const heard: string[] = [];
    const first = emitter.on("queue.policy", () => heard.push("a"));
    emitter.on("queue.policy", () => heard.push("b"));
    emitter.emit("queue.policy", { queueName: "q" });
    first[Symbol.dispose]();
    emitter.emit("queue.policy", { queueName: "q" });
    expect(heard).toEqual(["a", "b", "b"]);
  });

  test("knows task.enqueued as another name of task.queued", () => {
    const emitter = new TaskEmitter(silentLogger);
    const heard = vi.fn();
    emitter.on("task.enqueued", heard);
    expect(emitter.has("task.queued")).toBe(true);
    emitter.emit("task.queued", { taskName: "t", queueName: "q", jobId: "j", taskId: "j", delayMs: 0 });
    expect(heard).toHaveBeenCalledTimes(1);
  });

  test("logs what a listener throws or rejects with, and tells the others", async () => {
    const error = vi.fn();
    const emitter = new TaskEmitter({ ...silentLogger, error });
    const heard = vi.fn();
    emitter.on("queue.policy", () => {
      throw new Error("a");
    });
    emitter.on("queue.policy", () => Promise.reject(new Error("b")));
    emitter.on("queue.policy", heard);
    emitter.emit("queue.policy", { queueName: "q" });
    await Promise.resolve();
    await Promise.resolve();
    expect([heard.mock.calls.length, error.mock.calls.length]).toEqual([1, 2]);
  });
});
