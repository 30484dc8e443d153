import { describe, expect, test } from "vitest";
import { QueueFullError, serializeError } from "@lexigram/contracts";

describe("serializeError", () => {
  test("keeps name, message, code, stack and causes", () => {
    const error = new QueueFullError({ queue: "q", capacity: 1 }, { cause: new TypeError("why") });
    expect(serializeError(error)).toEqual({
      name: "QueueFullError",
      message: error.message,
      code: "LEX_ERR_TASK_QUEUE_FULL",
      stack: expect.stringContaining("QueueFullError"),
      cause: { name: "TypeError", message: "why", stack: expect.any(String) },
    });
  });

  test.each([
    ["text", "string was thrown: text"],
    [undefined, "undefined was thrown: undefined"],
    [null, "object was thrown: null"],
    [42, "number was thrown: 42"],
    [{ a: 1 }, 'object was thrown: {"a":1}'],
    [10n, "bigint was thrown: 10"],
    [Symbol("s"), "symbol was thrown: Symbol(s)"],
  ])("takes %s, which is no Error", (thrown, message) => {
    expect(serializeError(thrown)).toEqual({ name: "NonError", message });
  });

  test("is bounded: long messages, deep stacks, endless causes", () => {
    const error = new Error("x".repeat(100_000));
    error.stack = Array.from({ length: 500 }, (_, i) => `at line ${i}`).join("\n");
    error.cause = error;
    const data = serializeError(error);
    expect(data.message).toHaveLength(4_096);
    expect(data.stack?.split("\n")).toHaveLength(50);
    let depth = 0;
    for (let e: typeof data | undefined = data; e !== undefined; e = e.cause) depth++;
    expect(depth).toBe(5);
    expect(JSON.stringify(data).length).toBeLessThan(5 * 22_000);
  });

  test("can leave stacks out and runs a redaction hook over every text", () => {
    const error = new Error("card 4111", { cause: new Error("card 4222") });
    const data = serializeError(error, { stack: false, redact: (text) => text.replace(/\d{4}/g, "####") });
    expect(data).toEqual({
      name: "Error",
      message: "card ####",
      cause: { name: "Error", message: "card ####" },
    });
  });

  test("hides credentials of URLs", () => {
    expect(serializeError(new Error("redis://u:p@h failed")).message).toBe("redis://***@h failed");
  });

  test("survives errors that cannot be read", () => {
    const hostile = new Error("x");
    Object.defineProperty(hostile, "message", {
      get() {
        throw new Error("no");
      },
    });
    const cyclic: { self?: unknown } = {};
    cyclic.self = cyclic;
    expect(serializeError(hostile).message).toContain("could not be read");
    expect(serializeError(cyclic).message).toBe("object was thrown: [object Object]");
  });
});
