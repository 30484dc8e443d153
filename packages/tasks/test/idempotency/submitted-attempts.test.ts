import type { StateStoreProtocol, TaskQueueProtocol } from "@lexigram/contracts";
import { ManualClock } from "@lexigram/conformance";
import { describe, expect, test } from "vitest";
import { CodecRegistry, RetryTask } from "../../src/index.ts";
import { IdempotencyStore } from "../../src/idempotency/idempotency-store.ts";
import { SubmittedAttempts } from "../../src/idempotency/submitted-attempts.ts";
import { memoryBackend } from "../../src/memory/memory-backend.ts";
import { bindingOf, RecordingLogger } from "../dispatch/producer.ts";
import { overlaid } from "../schedule/workshop.ts";

const attempt = { jobId: "j", queueName: "q" };

/** Workers as of several processes on one store, whose queue does not know its jobs unless it is told to. */
async function workers(unique = false) {
  const clock = new ManualClock();
  const logger = new RecordingLogger();
  const backend = memoryBackend({ clock });
  const inner = backend.queue("q");
  const queue = overlaid<TaskQueueProtocol>(inner, { capabilities: { ...inner.capabilities, unique } });
  const store = new IdempotencyStore(backend.state!);
  const job = { queue: "q", id: "j", enqueued: true };
  const record = { v: 1, status: "in_progress", owner: "o", createdAt: 0, ttlMs: 60_000, job } as const;
  await store.put("k", record, 60_000, { ifAbsent: true });
  const worker = (own: Partial<StateStoreProtocol> = {}): SubmittedAttempts => {
    const state = overlaid<StateStoreProtocol>(backend.state!, own);
    const binding = bindingOf(backend, queue, { state });
    return new SubmittedAttempts({
      bindingOf: () => binding,
      codecs: new CodecRegistry(),
      clock,
      logger,
      leaseMs: 15_000,
    });
  };
  return { clock, logger, store, state: backend.state!, worker };
}

describe("a submission of which there are two messages", () => {
  test("is run by one worker until its outcome is recorded; the other puts it off, and then gives that", async () => {
    const { clock, state, worker } = await workers();
    let record = (): void => {};
    const slow = worker({
      put: async (key, ...rest) => {
        if (key.startsWith("idempotency:")) await new Promise<void>((resolve) => (record = resolve));
        return state.put(key, ...rest);
      },
    });
    let ran = 0;
    const first = slow.run("k", attempt, async () => ++ran);
    await clock.advance(1);
    const putOff = await worker()
      .run("k", attempt, async () => ++ran)
      .catch((error: unknown) => error);
    expect(putOff).toBeInstanceOf(RetryTask);
    expect(putOff).toMatchObject({ countAttempt: false, delayMs: 1_000 });
    record();
    expect(await first).toBe(1);
    expect(await worker().run("k", attempt, async () => ++ran)).toBe(1);
    expect(ran).toBe(1);
  });

  test("is taken over from a worker that died, after its lease", async () => {
    const { clock, worker } = await workers();
    void worker({ touch: () => new Promise(() => {}) }).run("k", attempt, () => new Promise(() => {}));
    await clock.advance(14_000);
    await expect(worker().run("k", attempt, async () => 1)).rejects.toBeInstanceOf(RetryTask);
    await clock.advance(1_000);
    expect(await worker().run("k", attempt, async () => 1)).toBe(1);
  });
});

describe("an attempt of a submission", () => {
  test("whose record cannot be read is put off, and counts as none", async () => {
    const { worker } = await workers(true);
    let ran = 0;
    const away = worker({ get: () => Promise.reject(new Error("away")) });
    const error = await away.run("k", attempt, async () => ++ran).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ countAttempt: false, cause: { message: "away" } });
    expect(ran).toBe(0);
  });

  test("whose outcome cannot be recorded completes all the same, and says so", async () => {
    const { logger, worker } = await workers(true);
    const away = worker({ put: () => Promise.reject(new Error("away")) });
    expect(await away.run("k", attempt, async () => "done")).toBe("done");
    expect(logger.lines).toMatchObject([{ level: "error", fields: { key: "k" } }]);
  });

  test("that comes second to an outcome gives the first one", async () => {
    const { store, worker } = await workers(true);
    let finish = (_value: string): void => {};
    const late = worker().run("k", attempt, () => new Promise((resolve) => (finish = resolve)));
    await new Promise((resolve) => setImmediate(resolve));
    expect(await worker().run("k", attempt, async () => "first")).toBe("first");
    finish("late");
    expect(await late).toBe("first");
    expect((await store.get("k"))?.stored.status).toBe("completed");
  });

  test("that fails leaves its record open", async () => {
    const { store, worker } = await workers();
    const failing = worker().run("k", attempt, () => Promise.reject(new Error("no luck")));
    await expect(failing).rejects.toThrow("no luck");
    expect((await store.get("k"))?.stored.status).toBe("in_progress");
    expect(await worker().run("k", attempt, async () => 1)).toBe(1);
  });
});
