import { TaskConfigError } from "@lexigram/contracts";
import { describe, expect, test } from "vitest";
import { DEFAULT_WORKER_SETTINGS, workerSettings } from "../../src/worker/worker-settings.ts";
import { Workshop } from "./workshop.ts";

describe("worker settings", () => {
  test("have their documented defaults", () => {
    expect(workerSettings()).toEqual(DEFAULT_WORKER_SETTINGS);
    expect(workerSettings({ leaseMs: 1 })).toEqual({ ...DEFAULT_WORKER_SETTINGS, leaseMs: 1 });
  });

  test("refuse an unknown name with the nearest one", () => {
    const given = { leaseMS: 5 } as object;
    expect(() => workerSettings(given)).toThrow(
      expect.objectContaining({
        code: "LEX_ERR_TASK_CONFIG",
        fields: { path: "worker.leaseMS" },
        hint: "did you mean leaseMs?",
      }),
    );
  });

  test.each([
    [{ leaseMs: 0 }],
    [{ onBlocked: "exit", keeper: false } as const],
    [{ defaultTimeoutMs: 0 }],
    [{ maxTimeoutMs: Infinity }],
    [{ graceMs: -1 }],
    [{ pollIntervalMs: Number.NaN }],
    [{ maxRetries: 1.5 }],
    [{ prefetch: -1 }],
    [{ unknownTask: { policy: "retry", delayMs: -1, limit: 1 } as const }],
    [{ unknownTask: { policy: "retry", delayMs: 1, limit: 0.5 } as const }],
    [{ unknownTask: { policy: "drop" as never, delayMs: 1, limit: 1 } }],
  ])("refuse %j", (given) => {
    expect(() => workerSettings(given)).toThrow(TaskConfigError);
  });

  test("go with a whole number of workers and slots", () => {
    const shop = new Workshop();
    expect(() => shop.pool({ size: 1.5 })).toThrow(TaskConfigError);
    expect(() => shop.pool({ maxConcurrentTasks: 0 })).toThrow(TaskConfigError);
  });

  test("say how errors are stored", async () => {
    const shop = new Workshop();
    shop.define("t", () => Promise.reject(new Error("card 4711")), { maxRetries: 0 });
    const id = await shop.enqueue("t");
    await shop.start({
      settings: { errors: { stack: false, redact: (text) => text.replaceAll("4711", "****") } },
    });
    const { error } = await shop.job(id);
    expect(error).toEqual({ name: "Error", message: "card ****" });
  });

  test("bound the bytes of one claim", async () => {
    const shop = new Workshop();
    shop.define("t", () => 0);
    for (let i = 0; i < 6; i++) await shop.enqueue("t", "x".repeat(1_000));
    const claimed: number[] = [];
    const exchange = shop.queue.exchange.bind(shop.queue);
    shop.queue.exchange = async (request) => {
      const reply = await exchange(request);
      claimed.push(reply.deliveries.length);
      return reply;
    };
    await shop.start({ maxConcurrentTasks: 6, settings: { maxClaimBytes: 2_500 } });
    expect(Math.max(...claimed)).toBeLessThan(6);
    expect(shop.began).toHaveLength(6);
  });
});
