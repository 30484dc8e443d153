import { describe, expect, test } from "vitest";
import type { WorkerEngine } from "../../src/worker/engine.ts";
import { BlockedLoop } from "../../src/worker/blocked-loop.ts";
import { engineHealth } from "../../src/worker/engine-health.ts";
import { workerServices } from "../../src/worker/worker-services.ts";
import { workerSettings } from "../../src/worker/worker-settings.ts";
import { Workshop } from "./workshop.ts";

function scene() {
  const shop = new Workshop();
  shop.listen();
  const { clock, logger, emitter } = shop;
  const loop = new BlockedLoop(
    workerServices({ clock, logger, emitter }),
    workerSettings({ heartbeatMs: 1_000 }),
  );
  const health = () =>
    engineHealth(
      {
        consumers: [],
        crew: { slots: 1, running: 0 },
        running: true,
        loopHealth: loop.health(),
      } as unknown as WorkerEngine,
      clock,
    );
  return { shop, loop, health };
}

const culprit = { taskName: "hog", jobId: "j1" };

describe("a blocked loop", () => {
  test("is told with who did it and what became of the leases", () => {
    const { shop, loop } = scene();
    loop.report({ blockedMs: 8_000, culprit, leases: "kept" }, []);
    const facts = { blockedMs: 8_000, taskName: "hog", jobId: "j1", tasks: [], leases: "kept" };
    expect(shop.events("worker.blocked").map(({ payload }) => payload)).toEqual([facts]);
    expect(shop.logs).toEqual([
      { level: "warn", message: "the event loop was blocked; leases were renewed meanwhile", fields: facts },
    ]);
  });

  test("that had leases given up is an error, and leaves the workers unhealthy for six signs of life", async () => {
    const { shop, loop, health } = scene();
    loop.report({ blockedMs: 8_000, culprit, leases: "kept" }, []);
    expect(health().status).toBe("healthy");
    loop.report({ blockedMs: 9_000, culprit, leases: "given-up" }, []);
    expect(shop.logs.at(-1)?.level).toBe("error");
    expect(health()).toMatchObject({
      status: "unhealthy",
      message: "the event loop was blocked for 9000 ms, and leases were given up",
    });
    await shop.advance(5_900);
    expect(health().status).toBe("unhealthy");
    await shop.advance(200);
    expect(health().status).toBe("healthy");
  });
});
