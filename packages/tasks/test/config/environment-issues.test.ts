import { describe, expect, test } from "vitest";
import { TaskConfig } from "../../src/config/task-config.ts";
import type { TaskConfigOptions } from "../../src/config/task-config-options.ts";

const issuesOf = (options: TaskConfigOptions, env?: string): [string, string][] =>
  new TaskConfig(options).validateForEnvironment(env).map(({ severity, field }) => [severity, field]);

describe("validation for an environment", () => {
  test("finds nothing wrong with the defaults outside production", () => {
    expect(issuesOf({})).toEqual([]);
    expect(issuesOf({}, "development")).toEqual([]);
  });

  test("warns of memory in production", () => {
    expect(issuesOf({}, "production")).toEqual([["warning", "tasks.backend"]]);
    expect(issuesOf({ env: "prod", backends: [{ name: "a" }] })).toEqual([["warning", "tasks.backends.0"]]);
  });

  test.each<[string, TaskConfigOptions, string]>([
    ["redis", { backend: { type: "redis" } }, "tasks.backend.redisUrl"],
    [
      "redis with a database",
      { backend: { type: "redis", redisUrl: "redis://localhost:6379/0" } },
      "tasks.backend.redisUrl",
    ],
    ["rabbitmq", { backend: { type: "rabbitmq" } }, "tasks.backend.amqpUrl"],
    [
      "amqp",
      { backends: [{ name: "a", type: "amqp", amqpUrl: "amqp://localhost:5672" }] },
      "tasks.backends.0.amqpUrl",
    ],
  ])("does not accept the default address of %s in production", (_type, options, field) => {
    expect(issuesOf(options, "production")).toEqual([["error", field]]);
    expect(issuesOf(options, "staging")).toEqual([]);
  });

  test("accepts real addresses in production", () => {
    expect(
      issuesOf(
        {
          backends: [
            { name: "a", type: "redis", redisUrl: "redis://cache.internal:6379" },
            { name: "b", type: "postgres", postgresDsn: "postgres://localhost/app" },
          ],
        },
        "production",
      ),
    ).toEqual([]);
  });

  test("never shows an address", () => {
    const issues = new TaskConfig({
      backends: [
        { name: "a", type: "redis", amqpUrl: "amqp://user:hunter2@host", redisUrl: "redis://u:hunter2@h" },
      ],
    }).validateForEnvironment("production");
    expect(issues).not.toEqual([]);
    expect(JSON.stringify(issues)).not.toContain("hunter2");
  });

  test("warns of what has no effect", () => {
    expect(issuesOf({ worker: { defaultTimeout: "1m" }, timeout: { defaultTimeout: "60s" } })).toEqual([]);
    expect(issuesOf({ worker: { defaultTimeout: "1m" }, timeout: { defaultTimeout: "61s" } })).toEqual([
      ["warning", "tasks.worker.defaultTimeout"],
    ]);
    expect(issuesOf({ worker: { enforceTimeout: true }, timeout: { enforceTimeout: false } })).toEqual([
      ["warning", "tasks.worker.enforceTimeout"],
    ]);
    expect(issuesOf({ worker: { defaultTimeout: "2h" } })).toEqual([
      ["warning", "tasks.worker.defaultTimeout"],
    ]);
    expect(issuesOf({ backend: { queueName: "x" }, backends: [{ name: "a" }] })).toEqual([
      ["warning", "tasks.backend.queueName"],
    ]);
    expect(issuesOf({ backends: [{ name: "a", redisUrl: "redis://h" }] })).toEqual([
      ["warning", "tasks.backends.0.redisUrl"],
    ]);
  });
});
