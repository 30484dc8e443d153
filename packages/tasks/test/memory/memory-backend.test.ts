import { ManualClock } from "@lexigram/conformance";
import { ClosedError, FULL_CAPABILITIES, TaskConfigError, UnsupportedError } from "@lexigram/contracts";
import { describe, expect, test } from "vitest";
import { memoryBackend } from "../../src/memory/memory-backend.ts";
import { MemoryTaskQueue } from "../../src/memory/memory-task-queue.ts";
import { Bench, job } from "./jobs.ts";

describe("a memory backend", () => {
  test("names its type and declares every capability but transactions", () => {
    const { backend, queue } = new Bench();
    expect(backend.type).toBe("memory");
    expect(queue.capabilities).toEqual({ ...FULL_CAPABILITIES, transactions: false });
  });

  test("gives queue objects of one name the same jobs, and others their own", async () => {
    const { backend, queue } = new Bench();
    await queue.enqueue(job({ id: "shared" }));
    expect((await backend.queue("bench").getJob("shared"))?.id).toBe("shared");
    expect(await backend.queue("other").getJob("shared")).toBe(undefined);
  });

  test("does not take a receipt of another queue for its own", async () => {
    const a = new Bench();
    const b = new Bench();
    await a.put(job());
    await b.put(job());
    const [mine] = await a.claim(1);
    await b.claim(1);
    const { lost } = await b.exchange({ settle: [{ receipt: mine!.receipt, kind: "complete" }] });
    expect(lost).toEqual([mine!.receipt]);
  });

  test("keeps what is stored when a queue object is closed", async () => {
    const { backend, queue } = new Bench();
    await queue.enqueue(job({ id: "kept" }));
    await queue.close();
    await expect(queue.getJob("kept")).rejects.toBeInstanceOf(ClosedError);
    expect((await backend.queue("bench").getJob("kept"))?.id).toBe("kept");
  });

  test("closes its queues and its state, and opens none any more", async () => {
    const { backend, queue } = new Bench();
    expect((await backend.health()).status).toBe("healthy");
    await backend.close();
    await backend.close();
    await expect(queue.count()).rejects.toBeInstanceOf(ClosedError);
    await expect(backend.state?.get("key")).rejects.toBeInstanceOf(ClosedError);
    expect(() => backend.queue("bench")).toThrow(ClosedError);
    expect((await backend.health()).status).toBe("unhealthy");
  });

  test("refuses unknown options with the nearest name", () => {
    const wrong = { clok: new ManualClock() } as object;
    expect(() => memoryBackend(wrong)).toThrow(TaskConfigError);
    expect(() => memoryBackend(wrong)).toThrow(expect.objectContaining({ hint: 'did you mean "clock"?' }));
    const queueWrong = { enqueueTimeout: 5 } as object;
    expect(() => new Bench().backend.queue("a", queueWrong)).toThrow(
      expect.objectContaining({ hint: 'did you mean "enqueueTimeoutMs"?' }),
    );
  });

  test.each(["", "-a", "a b", "a".repeat(129), "a/b"])("refuses %j as the name of a queue", (name) => {
    expect(() => new Bench().backend.queue(name)).toThrow(TaskConfigError);
  });

  test("answers unsupported to whatever needs a transaction", async () => {
    const { queue } = new Bench();
    const results = await queue.enqueueMany([job(), job()], { session: "s", seq: 1, transaction: {} });
    expect(results.map((result) => !result.ok && result.error instanceof UnsupportedError)).toEqual([
      true,
      true,
    ]);
    const [delivery] = await new Bench().claim(1);
    await expect(
      queue.settleIn({}, { receipt: delivery?.receipt ?? ("0.0" as never), kind: "complete" }),
    ).rejects.toBeInstanceOf(UnsupportedError);
    expect(await queue.count()).toBe(0);
  });
});

describe("a memory queue by itself", () => {
  test("works without a backend, with its rules from the start", async () => {
    const clock = new ManualClock();
    const queue = new MemoryTaskQueue({
      name: "alone",
      maxSize: 1,
      policy: { concurrency: 1 },
      clock,
      random: () => 0.5,
    });
    expect(queue.name).toBe("alone");
    expect(await queue.getPolicy()).toEqual({ concurrency: 1, maxSize: 1 });
    expect((await queue.enqueue(job())).ok).toBe(true);
    expect((await queue.enqueue(job())).ok).toBe(false);
    await queue.close();
    expect(clock.pendingTimers).toBe(0);
  });

  test("refuses an unknown option and a rule out of range", () => {
    expect(() => new MemoryTaskQueue({ maxsize: 1 } as object)).toThrow(
      expect.objectContaining({ hint: 'did you mean "maxSize"?' }),
    );
    expect(() => new MemoryTaskQueue({ maxSize: 0 })).toThrow("maxSize");
  });
});
