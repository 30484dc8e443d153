import { ManualClock } from "@lexigram/conformance";
import { silentLogger } from "@lexigram/contracts";
import { describe, expect, test } from "vitest";
import type { KeeperStart } from "../../src/keeper/keeper-messages.ts";
import { KeeperThreadHost } from "../../src/keeper/keeper-thread-host.ts";

describe("a thread that cannot begin", () => {
  test("is said once, is not tried again, and closes at once", async () => {
    const clock = new ManualClock();
    const warnings: string[] = [];
    const host = new KeeperThreadHost({
      clock,
      logger: { ...silentLogger, warn: (message) => void warnings.push(message) },
      // Nothing that can be copied into another thread.
      start: () => ({ tasks: () => [] }) as unknown as KeeperStart,
    });
    await clock.advance(600_000);
    expect(warnings).toEqual([
      "leases are not renewed while the event loop is blocked: no thread can be started",
    ]);
    expect(host.runs).toBe(false);
    await host.close();
  });
});
