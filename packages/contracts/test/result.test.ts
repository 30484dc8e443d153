import { describe, expect, test } from "vitest";
import { err, ok, QueueFullError, unwrap } from "@lexigram/contracts";

describe("unwrap", () => {
  test("gives the value of a success, also a falsy one", () => {
    expect(unwrap(ok(0))).toBe(0);
    expect(unwrap(ok(undefined))).toBeUndefined();
  });

  test("throws the error of a failure itself", () => {
    const full = new QueueFullError({ queue: "q", capacity: 1 });
    expect(() => unwrap(err(full))).toThrow(full);
  });

  test("wraps an error that is no Error as a cause", () => {
    try {
      unwrap(err("no"));
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({ message: "unwrapped a failed result", cause: "no" });
    }
  });
});
