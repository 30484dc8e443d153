import { memoryBackend, MemoryTaskQueue, task, TasksModule } from "../../src/index.ts";
import { describe, expect, test } from "vitest";

const BAD = ["", "a b", "a/b", "../a", "a\nb", "ä", "_a", "-a", ".a", "{a}", "a*", "a'; --", "x".repeat(129)];
const GOOD = ["a", "A1", "mail.high", "mail-high", "mail_high", "app:mail", "0", "x".repeat(128)];

describe("a queue's name", () => {
  test.each(BAD)("is not %j, wherever it is given", (name) => {
    expect(() => task({ name: "t", queue: name }, () => 1)).toThrow(/queue/);
    expect(() => TasksModule.configure({ backends: [{ name }] })).toThrow(/tasks\.backends\.0\.name/);
    expect(() => TasksModule.configure({ backends: [{ name: "a", queueName: name }] })).toThrow(/queueName/);
    expect(() => TasksModule.configure({ config: { backend: { queueName: name } } })).toThrow(/queueName/);
    expect(() => memoryBackend().queue(name)).toThrow(/queue/);
    expect(() => new MemoryTaskQueue({ name })).toThrow(/is no name for a queue/);
  });

  test.each(GOOD)("may be %j", (name) => {
    expect(() => task({ name: "t", queue: name }, () => 1)).not.toThrow();
    expect(() => TasksModule.configure({ backends: [{ name, queueName: name }] })).not.toThrow();
    expect(memoryBackend().queue(name).name).toBe(name);
    expect(new MemoryTaskQueue({ name }).name).toBe(name);
  });

  test.each([5, null, ["a"]])("is not %j, which is no text", (name) => {
    expect(() => new MemoryTaskQueue({ name: name as never })).toThrow(
      expect.objectContaining({ code: "LEX_ERR_TASK_CONFIG", fields: { path: "name" } }),
    );
  });
});
