import {
  RemoteTaskError,
  ResultTimeoutError,
  ResultUnavailableError,
  serializeError,
  TaskCancelledError,
  TaskDiscardedError,
  TaskExpiredError,
  type TaskValidationError,
} from "@lexigram/contracts";
import { describe, expect, test, vi } from "vitest";
import { z } from "zod";
import { task } from "../../src/define/task.ts";
import { CacheBackendResultStore } from "../../src/results/cache-backend-result-store.ts";
import { Producer, rejection } from "./producer.ts";
import { resultless } from "./resultless-queue.ts";

const ping = task({ name: "ping" }, (): unknown => undefined);

describe("result", () => {
  test.each([[undefined], [null], [0], [""], [false], [{ a: [1] }]])(
    "gives %j as it was returned",
    async (value) => {
      const producer = new Producer();
      const handle = await producer.dispatcher.enqueue(ping);
      await producer.complete(value);
      expect(await handle.result()).toEqual(value);
    },
  );

  test("waits for a job that has not ended", async () => {
    const producer = new Producer();
    const handle = await producer.dispatcher.enqueue(ping);
    const result = handle.result({ timeout: "1m" });
    await producer.complete("pong");
    expect(await result).toBe("pong");
  });

  test("rejects with what a failed job left behind", async () => {
    const producer = new Producer();
    const handle = await producer.dispatcher.enqueue(ping);
    const error = serializeError(new RangeError("too far"));
    await producer.settleNext((receipt) => ({ receipt, kind: "fail", error }));
    const thrown = (await rejection(handle.result())) as RemoteTaskError;
    expect(thrown).toBeInstanceOf(RemoteTaskError);
    expect(thrown.fields.error).toMatchObject({ name: "RangeError", message: "too far" });
  });

  test("tells cancelled from discarded", async () => {
    const producer = new Producer();
    const cancelled = await producer.dispatcher.enqueue(ping);
    await cancelled.cancel();
    const discarded = await producer.dispatcher.enqueue(ping);
    const error = serializeError(new TaskDiscardedError({ jobId: discarded.id, reason: "not needed" }));
    await producer.settleNext((receipt) => ({ receipt, kind: "cancel", error }));
    expect(await rejection(cancelled.result())).toBeInstanceOf(TaskCancelledError);
    const thrown = (await rejection(discarded.result())) as TaskDiscardedError;
    expect(thrown).toBeInstanceOf(TaskDiscardedError);
    expect(thrown.fields.reason).toBe("not needed");
  });

  test("tells of expiry, and says so to who listens", async () => {
    const producer = new Producer();
    const heard = vi.fn();
    using _ = producer.dispatcher.on("task.expired", heard);
    const handle = await producer.dispatcher.enqueue(ping, undefined, { expiresIn: "1s" });
    const thrown = rejection(handle.result());
    await producer.clock.advance("2s");
    await producer.queue.dequeue();
    await producer.clock.advance("2s");
    expect(await thrown).toBeInstanceOf(TaskExpiredError);
    expect(heard).toHaveBeenCalledWith({
      taskName: "ping",
      queueName: "main",
      jobId: handle.id,
      taskId: handle.id,
    });
  });

  test("gives up when the time is up, or the caller says so, and the job goes on", async () => {
    const producer = new Producer();
    const handle = await producer.dispatcher.enqueue(ping);
    const late = rejection(handle.result({ timeout: "5s" }));
    await producer.clock.advance("6s");
    expect(await late).toBeInstanceOf(ResultTimeoutError);
    const stop = new AbortController();
    const left = rejection(handle.result({ signal: stop.signal }));
    stop.abort(new Error("no longer"));
    expect(await left).toMatchObject({ message: "no longer" });
    expect(await handle.status()).toBe("pending");
  });

  test("of a job that is gone is unavailable", async () => {
    const producer = new Producer();
    const handle = producer.dispatcher.handle("main", "nobody");
    expect(await rejection(handle.result())).toBeInstanceOf(ResultUnavailableError);
    expect(await handle.status()).toBe("unknown");
  });

  test("is parsed by the output of its contract", async () => {
    const producer = new Producer();
    const contract = task({ name: "at", output: z.object({ at: z.coerce.date() }) });
    const handle = await producer.dispatcher.enqueue(contract);
    await producer.complete({ at: new Date(86_400_000) });
    expect((await handle.result()).at.getTime()).toBe(86_400_000);
    const wrong = await producer.dispatcher.enqueue(contract);
    await producer.complete({ at: "never" });
    const error = (await rejection(wrong.result())) as TaskValidationError;
    expect(error.fields.subject).toBe(`the result of job "${wrong.id}"`);
  });

  test("is read from the state store where the queue keeps none", async () => {
    const producer = new Producer();
    const capabilities = { ...producer.queue.capabilities, results: false, lookup: false };
    Object.defineProperty(producer.queue, "capabilities", { value: capabilities });
    const store = new CacheBackendResultStore(producer.backend.state!, { clock: producer.clock });
    const handle = await producer.dispatcher.enqueue(ping);
    expect(await handle.status()).toBe("unknown");
    await store.store(handle.id, { status: "ok", value: { a: 1 } });
    expect(await handle.result()).toEqual({ a: 1 });
    expect(await handle.status()).toBe("completed");
    const failed = await producer.dispatcher.enqueue(ping);
    await store.store(failed.id, { status: "failed", error: { name: "E", message: "m" } });
    expect(await rejection(failed.result())).toMatchObject({
      fields: { error: { name: "E", message: "m" } },
    });
    const waiting = await producer.dispatcher.enqueue(ping);
    const late = rejection(waiting.result({ timeout: "2s" }));
    await producer.clock.advance("3s");
    expect(await late).toBeInstanceOf(ResultTimeoutError);
  });
});

describe("a queue that keeps no results", () => {
  function producerWithout(lookup: boolean): Producer {
    const producer = new Producer();
    resultless(producer.queue, lookup);
    return producer;
  }

  test.each([true, false])(
    "tells who waits that its job was cancelled before it ran (lookup: %s)",
    async (lookup) => {
      const { dispatcher, backend, clock } = producerWithout(lookup);
      const handle = await dispatcher.enqueue(ping);
      const early = rejection(dispatcher.handle("main", handle.id).result());
      await handle.cancel();
      expect(await early).toBeInstanceOf(TaskCancelledError);
      expect(await rejection(handle.result())).toBeInstanceOf(TaskCancelledError);
      expect(await handle.status()).toBe("cancelled");
      const store = new CacheBackendResultStore(backend.state!, { clock });
      expect(await store.get(handle.id)).toMatchObject({ status: "cancelled" });
    },
  );

  test("is asked for jobs that ended without a worker, and what it says is stored", async () => {
    const { dispatcher, backend, clock, queue } = producerWithout(true);
    const expiring = await dispatcher.enqueue(ping, undefined, { expiresIn: "1s" });
    const cancelled = await dispatcher.enqueue(ping);
    const deleted = await dispatcher.enqueue(ping);
    const waits = [expiring, cancelled, deleted].map((handle) => rejection(handle.result()));
    await clock.advance("2s");
    expect(await expiring.status()).not.toBe("unknown");
    await queue.cancel(cancelled.id);
    await queue.deleteJob(deleted.id);
    await queue.dequeue();
    await clock.advance("2s");
    const [first, second, third] = await Promise.all(waits);
    expect(first).toBeInstanceOf(TaskExpiredError);
    expect(second).toBeInstanceOf(TaskCancelledError);
    expect(third).toBeInstanceOf(ResultUnavailableError);
    const store = new CacheBackendResultStore(backend.state!, { clock });
    expect(await store.get(expiring.id)).toMatchObject({ status: "expired", task: "ping" });
    expect(await store.get(cancelled.id)).toMatchObject({ status: "cancelled", task: "ping" });
    expect(clock.pendingTimers).toBe(0);
  });

  test("lets a wait end in time, by the caller, and with what a worker wrote", async () => {
    const producer = producerWithout(true);
    const { dispatcher, backend, clock } = producer;
    const handle = await dispatcher.enqueue(ping);
    const late = rejection(handle.result({ timeout: "2s" }));
    const stop = new AbortController();
    const left = rejection(handle.result({ signal: stop.signal }));
    const patient = handle.result();
    stop.abort(new Error("no longer"));
    await clock.advance("3s");
    expect(await late).toBeInstanceOf(ResultTimeoutError);
    expect(await left).toMatchObject({ message: "no longer" });
    await producer.complete(7);
    await new CacheBackendResultStore(backend.state!, { clock }).store(handle.id, { status: "ok", value: 7 });
    expect(await patient).toBe(7);
  });
});

describe("a handle", () => {
  test("cancels its job and tells who listens", async () => {
    const producer = new Producer();
    const heard = vi.fn();
    using _ = producer.dispatcher.on("task.cancelled", heard);
    const handle = await producer.dispatcher.enqueue(ping);
    const again = producer.dispatcher.handle("main", (await producer.dispatcher.enqueue(ping)).id);
    expect(await handle.cancel()).toBe("cancelled");
    expect(await handle.cancel()).toBe("finished");
    await again.cancel();
    expect(heard.mock.calls).toEqual([
      [expect.objectContaining({ taskName: "ping", jobId: handle.id, attempt: 0 })],
      [expect.objectContaining({ taskName: "ping", jobId: again.id, attempt: 0 })],
    ]);
  });

  test("without a progress tracker says what is missing", async () => {
    const handle = await new Producer().dispatcher.enqueue(ping);
    expect(() => handle.progress).toThrow("does not support progress");
  });

  test("can be made again from queue and id, in another process too", async () => {
    const producer = new Producer();
    const { id } = await producer.dispatcher.enqueue(ping);
    const again = producer.dispatcher.handle<string>("main", id);
    await producer.complete("pong");
    expect(await again.result()).toBe("pong");
    expect(() => producer.dispatcher.handle("nowhere", id)).toThrow('there is no queue "nowhere"');
  });
});
