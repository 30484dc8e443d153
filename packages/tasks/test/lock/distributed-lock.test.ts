import { inject, injectable } from "@lexigram/kernel";
import {
  LockTimeoutError,
  StateStoreProtocol,
  TaskConfigError,
  TaskQueueProtocol,
  UnsupportedError,
} from "@lexigram/contracts";
import { Application } from "@lexigram/kernel";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import {
  type DistributedLockProtocol,
  distributedLock,
  IdempotencyManager,
  IdempotentTaskManager,
  LockManager,
  memoryBackend,
  task,
  type TaskContext,
  TasksModule,
} from "../../src/index.ts";
import { createTestApp } from "../../src/testing.ts";

const running: string[] = [];
let most = 0;
async function alone(name: string): Promise<string> {
  running.push(name);
  most = Math.max(most, running.length);
  await new Promise((resolve) => setImmediate(resolve));
  running.splice(running.indexOf(name), 1);
  return name;
}

@injectable()
class ReportTasks {
  constructor(@inject(LockManager) readonly locks: LockManager) {}

  @task({ name: "report.build", input: z.object({ month: z.string() }) })
  @distributedLock({
    key: ({ month }: { month: string }) => `report:${month}`,
    lockManager: (self: ReportTasks) => self.locks,
  })
  async build(
    { month }: { month: string },
    _ctx: TaskContext,
    lock?: DistributedLockProtocol,
  ): Promise<number> {
    await alone(month);
    return lock?.fencing ?? 0;
  }
}

describe("distributedLock", () => {
  test("runs the handlers of a key one after the other, each with a higher number", async () => {
    await using t = await createTestApp({ tasks: [ReportTasks] });
    most = 0;
    const handles = await Promise.all(
      Array.from({ length: 5 }, () => t.tasks.of(ReportTasks).build({ month: "may" })),
    );
    await t.drain();
    const numbers = await Promise.all(handles.map((handle) => handle.result()));
    expect(most).toBe(1);
    expect(new Set(numbers).size).toBe(5);
    expect(Math.min(...numbers)).toBeGreaterThan(0);
  });

  test("makes a function wait for the locks of the one running application", async () => {
    const locked = distributedLock({ key: (name: string) => name, waitTimeout: 0 }, async (lock, name) => {
      expect(lock.held).toBe(true);
      return alone(name);
    });
    await expect(locked("a")).rejects.toThrow("no running application");
    await using t = await createTestApp({ tasks: [] });
    expect(await locked("a")).toBe("a");
    await using _held = await t.app.get(LockManager).acquire("a");
    await expect(locked("a")).rejects.toBeInstanceOf(LockTimeoutError);
    expect(await locked("b")).toBe("b");
    await using _other = await createTestApp({ tasks: [] });
    await expect(locked("a")).rejects.toThrow("cannot choose");
  });

  test("refuses what it cannot be told", () => {
    expect(() => distributedLock({ kye: "x" } as never, async () => 1)).toThrow(
      expect.objectContaining({ hint: 'did you mean "key"?' }),
    );
    expect(() => distributedLock({ key: 5 } as never, async () => 1)).toThrow(TaskConfigError);
    expect(() => distributedLock({ key: "x" })({}, "field", { value: 5 as never })).toThrow("no method");
  });
});

describe("an application whose primary queue has no state of its own", () => {
  const stateless = () => {
    const { state: _state, ...backend } = memoryBackend();
    return { ...backend, type: "broker" };
  };

  test("refuses locks and idempotency rather than keep them in one process", async () => {
    await using app = await Application.boot({
      modules: [TasksModule.configure({ backends: [{ name: "q", backend: stateless() }] })],
      configFile: false,
      env: {},
      config: { logging: { level: "silent" } },
    });
    const refusal = await app
      .get(LockManager)
      .tryAcquire("x")
      .catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(UnsupportedError);
    expect(refusal).toMatchObject({
      fields: { capability: "state" },
      hint: expect.stringContaining("state:"),
    });
    await expect(app.get(IdempotencyManager).acquire("x")).rejects.toBeInstanceOf(UnsupportedError);
    await expect(app.get(IdempotentTaskManager).submit("t", 1)).rejects.toBeInstanceOf(UnsupportedError);
    expect(app.get(TaskQueueProtocol)).toBeDefined();
  });

  test("takes those of the entry that it names", async () => {
    await using app = await Application.boot({
      modules: [
        TasksModule.configure({
          backends: [
            { name: "q", primary: true, backend: stateless(), state: "store" },
            { name: "store", type: "memory" },
          ],
        }),
      ],
      configFile: false,
      env: {},
    });
    expect(await app.get(LockManager).tryAcquire("x")).toBeDefined();
    expect(await app.get(StateStoreProtocol).get("locks:x")).toBeDefined();
  });
});
