import { aJob } from "@lexigram/conformance";
import { Application } from "@lexigram/kernel";
import { privateRabbit } from "@lexigram/services";
import { task, TaskDispatcher, TasksModule } from "@lexigram/tasks";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { RabbitMQTaskQueue } from "../../src/index.ts";

vi.setConfig({ testTimeout: 180_000 });

/** The server's limit, and how often each channel looks whether it is over. Milliseconds. */
const LIMIT_MS = 3_000;
const TICK_MS = 500;
/** How often the server takes a delivery away from who has no index, while the long job runs. */
const TAKEN = 3;
const LEASE_MS = 600_000;

describe("a server whose limit is shorter than a job", () => {
  test("runs it once on a queue with an index, and takes it away again and again on one without", async () => {
    const server = await privateRabbit(`consumer_timeout = ${LIMIT_MS}`);
    onTestFinished(() => server.stop());
    await server.ctl("eval", `application:set_env(rabbit, channel_tick_interval, ${TICK_MS}).`);
    const { url } = server;
    const began = vi.fn();
    let end = (): void => {};
    const over = new Promise<void>((resolve) => (end = resolve));
    const long = task({ name: "long", queue: "jobs", timeout: "1h" }, async () => {
      began();
      await over;
      return "done";
    });
    const backends = [
      { name: "main" },
      {
        name: "jobs",
        type: "rabbitmq",
        amqpUrl: url,
        state: "main",
        extra: { jobIndex: true, ackTimeout: "3s" },
      },
    ];
    const app = await Application.boot({
      modules: [TasksModule.configure({ backends }), TasksModule.scope(long)],
      configFile: false,
      config: { logging: { level: "silent" } },
      env: {},
    });
    onTestFinished(() => app.close());
    const handle = await app.get(TaskDispatcher).enqueue(long);
    await vi.waitFor(() => expect(began).toHaveBeenCalledOnce(), 20_000);

    const plain = new RabbitMQTaskQueue({ url, name: "plain" });
    onTestFinished(() => plain.close());
    expect((await plain.enqueue(aJob())).ok).toBe(true);
    const deliveries: number[] = [];
    await vi.waitFor(
      async () => {
        const delivery = await plain.dequeue({ leaseMs: LEASE_MS });
        if (delivery !== undefined) deliveries.push(delivery.recoveries);
        expect(deliveries.at(-1)).toBeGreaterThanOrEqual(TAKEN);
      },
      { timeout: 120_000, interval: 100 },
    );
    expect(deliveries.length).toBeGreaterThan(1);

    expect(await handle.status()).toBe("running");
    end();
    expect(await handle.result({ timeout: "20s" })).toBe("done");
    expect(began).toHaveBeenCalledOnce();
    expect(await handle.job()).toMatchObject({ status: "completed", attempt: 1, recoveries: 0 });
  });
});
