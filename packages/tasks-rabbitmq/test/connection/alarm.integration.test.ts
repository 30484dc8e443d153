import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { aJob, anError } from "@lexigram/conformance";
import { systemClock } from "@lexigram/contracts";
import { privateRabbit } from "@lexigram/services";
import { connect } from "amqplib";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { serverOfTest } from "../rabbit-server.ts";
import { workedQueue } from "../queue/worked-queue.ts";

vi.setConfig({ testTimeout: 180_000 });

describe("a server with an alarm of memory", () => {
  test("makes producers fail at once, lets workers go on, and takes jobs again afterwards", async () => {
    const rabbit = await privateRabbit();
    onTestFinished(() => rabbit.stop());
    const server = await serverOfTest(rabbit.url);
    const { queue, put, claim, session, settle, broker } = await workedQueue({ server });
    await put({}, {}, {});
    const [first] = await claim(1);
    const conf = join(rabbit.directory, "rabbitmq.conf");
    const normal = `listeners.tcp.default = 127.0.0.1:${rabbit.port}\ndisk_free_limit.absolute = 50MB\n`;
    await rabbit.kill("SIGTERM");
    await writeFile(conf, `${normal}vm_memory_high_watermark.absolute = 1MB\n`);
    await rabbit.start();
    expect(first).toBeDefined();
    await vi.waitFor(async () => expect((await broker.health()).latencyMs).toBeDefined(), {
      timeout: 30_000,
    });
    // The first to publish is told.
    await expect(session.enqueue([aJob()])).rejects.toMatchObject({
      code: "LEX_ERR_TASK_QUEUE_UNAVAILABLE",
      fields: { retryable: true },
    });
    const since = systemClock.monotonic();
    await expect(session.enqueue([aJob()])).rejects.toMatchObject({ fields: { accepted: "no" } });
    expect(systemClock.monotonic() - since).toBeLessThan(1_000);
    expect(await broker.health()).toMatchObject({ blockedBy: expect.stringContaining("memory") });
    const deliveries = await vi.waitFor(
      async () => {
        const got = await claim(2);
        expect(got.length).toBe(2);
        return got;
      },
      { timeout: 30_000 },
    );
    const [done, failing] = deliveries;
    expect(await settle({ receipt: done!.receipt, kind: "complete" })).toEqual([]);
    // A retry must be stored first.
    await expect(
      settle({ receipt: failing!.receipt, kind: "retry", delayMs: 0, countAttempt: true, error: anError() }),
    ).rejects.toMatchObject({ code: "LEX_ERR_TASK_QUEUE_UNAVAILABLE" });
    await rabbit.kill("SIGTERM");
    await writeFile(conf, normal);
    await rabbit.start();
    await vi.waitFor(() => queue.enqueue(aJob()), { timeout: 30_000 });
    const probe = await connect(rabbit.url);
    await probe.close();
    await vi.waitFor(async () => expect(await queue.getTaskCount()).toBeGreaterThanOrEqual(3), {
      timeout: 30_000,
    });
  });
});
