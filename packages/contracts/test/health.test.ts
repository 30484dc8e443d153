import { describe, expect, test } from "vitest";
import { worstHealth } from "@lexigram/contracts";

describe("worstHealth", () => {
  test("is the worst of all, and unknown of none", () => {
    expect(worstHealth([])).toBe("unknown");
    expect(worstHealth(["healthy", "healthy"])).toBe("healthy");
    expect(worstHealth(["healthy", "starting"])).toBe("starting");
    expect(worstHealth(["degraded", "healthy", "unknown"])).toBe("degraded");
    expect(worstHealth(["degraded", "unhealthy", "healthy"])).toBe("unhealthy");
  });
});
