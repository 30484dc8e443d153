import { describe, expect, test } from "vitest";
import { requireMortal } from "../../src/keeper/mortal-process.ts";

describe("a process that is to end itself", () => {
  test("is refused when the kernel would not let it, with the way out", () => {
    expect(() => requireMortal(1)).toThrow(
      expect.objectContaining({
        code: "LEX_ERR_TASK_CONFIG",
        fields: { path: "tasks.worker.onBlocked" },
        hint: expect.stringContaining("--init"),
      }),
    );
    expect(() => requireMortal(2)).not.toThrow();
  });
});
