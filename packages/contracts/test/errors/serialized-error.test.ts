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

  test("looks at no more of a text than it may keep", () => {
    const seen: number[] = [];
    const error = new Error(`?token=${"a.".repeat(500_000)}`);
    error.name = "N=".repeat(500_000);
    error.stack = "s@".repeat(500_000);
    const data = serializeError(error, {
      redact: (text) => {
        seen.push(text.length);
        return text;
      },
    });
    expect(Math.max(...seen)).toBeLessThan(25_000);
    expect([data.name.length, data.stack?.length]).toEqual([256, 16_384]);
  });

  test("keeps no half of a secret that the cut went through", () => {
    const long = `?token=${"x".repeat(7_750)}&${"why ".repeat(100)}redis://user:`;
    const card = `?token=${"x".repeat(7_750)}&${"why ".repeat(100)}card 4111`;
    for (const text of [long + "hunter2".repeat(50), card + "1".repeat(500)]) {
      const { message } = serializeError(new Error(text), { redact: (t) => t.replace(/\d{500}/g, "#") });
      expect(message).toMatch(/^\?token=\*\*\*&why /);
      expect(message).not.toMatch(/hunter|4111/);
      expect(message.endsWith("…")).toBe(true);
    }
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
