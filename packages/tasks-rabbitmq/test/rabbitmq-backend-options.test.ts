import { silentLogger, systemClock, systemRandom, type TaskConfigError } from "@lexigram/contracts";
import { MemoryStateStore } from "@lexigram/tasks";
import { describe, expect, test } from "vitest";
import { backendFactory, rabbitmqBackend, RabbitMQTaskQueue } from "../src/index.ts";
import { connectionOptions } from "../src/rabbitmq-backend-options.ts";

const url = "amqp://user:hunter2@127.0.0.1:1";

function refusal(make: () => unknown): TaskConfigError {
  try {
    make();
  } catch (error) {
    return error as TaskConfigError;
  }
  throw new Error("it was made");
}

describe("options of the rabbitmq backend", () => {
  test.each([
    [{}, "url", "is not told where the server is"],
    [{ url, host: "rabbit" }, "host", "both url and host"],
    [{ host: "" }, "host", "host is no text"],
    [{ host: "a", port: 70_000 }, "port", "port is 70000"],
    [{ url, tls: {} }, "tls", "begins with amqp://"],
    [{ host: "a", tls: "yes" }, "tls", "tls is no set of options"],
    [{ url, heartbeat: "often" }, "heartbeat", "often"],
    [{ url, connectTimeout: 0 }, "connectTimeout", "must be a duration"],
    [{ url, callTimeoutMs: 5 }, "callTimeoutMs", "callTimeoutMs is 5"],
    [{ url, queueType: "quorom" }, "queueType", 'queueType is "quorom"'],
    [{ url, namespace: "a/b" }, "namespace", "no namespace"],
    [{ url, consumerPriority: 0.5 }, "consumerPriority", "consumerPriority is 0.5"],
    [{ url, queuetype: "classic" }, "queuetype", 'no option "queuetype"'],
    [{ url, clock: {} }, "clock", "clock has no setTimer()"],
    [{ url, random: 4 }, "random", "random is no function"],
    [{ url, jobIndex: "redis" }, "jobIndex", "jobIndex is no state store"],
  ])("are refused as %j", (options, path, reason) => {
    const error = refusal(() => rabbitmqBackend(options as never));
    expect(error.message).toContain(reason);
    expect(error.fields).toEqual({ path });
    expect(`${error.message} ${error.hint}`).not.toContain("hunter2");
  });

  test("say what they nearly were", () => {
    expect(refusal(() => rabbitmqBackend({ url, queuType: "classic" } as never)).hint).toBe(
      'did you mean "queueType"?',
    );
    expect(refusal(() => rabbitmqBackend({ url, queueType: "clasic" } as never)).hint).toBe(
      'did you mean "classic"?',
    );
  });

  test("take spans, of which a heartbeat is whole seconds", () => {
    expect(connectionOptions("it", { url, heartbeat: "1500ms", connectTimeout: "3s" })).toMatchObject({
      heartbeat: 2,
      connectTimeoutMs: 3_000,
    });
    expect(connectionOptions("it", { url: `${url}?heartbeat=9` })).toMatchObject({ heartbeat: 9 });
    expect(connectionOptions("it", { url: `${url}?heartbeat=9`, heartbeat: 0 })).toMatchObject({
      heartbeat: 0,
    });
  });

  test("ask for a state store where an index is to lie in one, also as texts of the environment", async () => {
    const services = { clock: systemClock, logger: silentLogger, random: systemRandom };
    for (const jobIndex of [true, "true"]) {
      const backend = backendFactory({ amqpUrl: url, jobIndex }, services);
      expect(backend.takesState).toBe(true);
      expect(refusal(() => backend.queue("mail")).fields).toEqual({ path: "jobIndex" });
      const state = new MemoryStateStore({ clock: systemClock });
      expect(backend.queue("mail", { state }).capabilities.lookup).toBe("eventual");
      await backend.close();
    }
    const plain = backendFactory({ amqpUrl: url, jobIndex: "false" }, services);
    expect(plain.takesState).toBeUndefined();
    expect(plain.queue("mail").capabilities.lookup).toBe(false);
    await plain.close();
    expect(refusal(() => new RabbitMQTaskQueue({ url, jobIndex: true })).fields).toEqual({
      path: "jobIndex",
    });
  });

  test("of a queue by itself are its name and rules besides", () => {
    expect(refusal(() => new RabbitMQTaskQueue({ url, name: "a b" })).fields).toEqual({ path: "name" });
    expect(refusal(() => new RabbitMQTaskQueue({ url, nam: "a" } as never)).hint).toBe(
      'did you mean "name"?',
    );
    expect(refusal(() => new RabbitMQTaskQueue({ url, policy: { concurrency: 1 } }))).toMatchObject({
      code: "LEX_ERR_TASK_UNSUPPORTED",
      fields: { capability: "limits" },
    });
    expect(refusal(() => new RabbitMQTaskQueue({ url, maxSize: -1 }))).toMatchObject({
      code: "LEX_ERR_TASK_VALIDATION",
    });
  });
});
