import { expect, test } from "vitest";
import { Application, HealthRegistry } from "../src/index.ts";
import { boot, quiet } from "./fixtures/boot.ts";
import { FakeClock } from "./fixtures/fake-clock.ts";
import { settle } from "./fixtures/signal.ts";

const setup = () => {
  const clock = new FakeClock();
  return { clock, health: new HealthRegistry(clock) };
};

test("the whole is as bad as the worst, and unknown when there is nothing", async () => {
  const { health, clock } = setup();
  expect((await health.run()).status).toBe("unknown");
  health.add("a", () => ({ status: "healthy" }));
  expect((await health.run()).status).toBe("healthy");
  const remove = health.add("b", () => Promise.resolve({ status: "degraded", details: { depth: 3 } }));
  const result = await health.run();
  expect(result).toMatchObject({ status: "degraded", checkedAt: clock.now() });
  expect(result.checks[1]).toMatchObject({ component: "b", category: "readiness", details: { depth: 3 } });
  remove();
  expect((await health.run()).status).toBe("healthy");
});

test("a check that is not critical makes it no worse than degraded", async () => {
  const { health } = setup();
  health.add("cache", () => ({ status: "unhealthy" }), { critical: false });
  const result = await health.run();
  expect(result.status).toBe("degraded");
  expect(result.checks[0]?.status).toBe("unhealthy");
});

test("a check that throws or stays silent is unhealthy; secrets are hidden", async () => {
  const { health, clock } = setup();
  health.add("throws", () => {
    throw new Error("no route to redis://u:pass@h");
  });
  health.add("rejects", () => Promise.reject(new Error("down")));
  health.add("silent", () => new Promise(() => {}), { timeoutMs: 100 });
  health.add("silent by default", () => new Promise(() => {}));
  const running = health.run(undefined, 200);
  await settle();
  clock.advance(200);
  const { status, checks } = await running;
  expect(status).toBe("unhealthy");
  expect(checks.map(({ message }) => message)).toEqual([
    "no route to redis://***@h",
    "down",
    "no answer within 100 ms",
    "no answer within 200 ms",
  ]);
  expect(clock.pending).toBe(0);
});

test("a check that has answered leaves no timer behind", async () => {
  const { health, clock } = setup();
  health.add("quick", () => ({ status: "healthy" }));
  await health.run();
  expect(clock.pending).toBe(0);
});

test("categories are asked apart", async () => {
  const { health } = setup();
  health.add("alive", () => ({ status: "healthy" }), { category: "liveness" });
  health.add("ready", () => ({ status: "unhealthy" }));
  expect((await health.run("liveness")).status).toBe("healthy");
  expect((await health.run("readiness")).status).toBe("unhealthy");
  expect((await health.run("startup")).status).toBe("unknown");
});

test("an application is unhealthy in every respect unless it runs", async () => {
  const app = new Application(quiet);
  const all = () => Promise.all([app.health(), app.liveness(), app.readiness(), app.startupCheck()]);
  const statuses = async (): Promise<Set<string>> => new Set((await all()).map(({ status }) => status));
  expect(await statuses()).toEqual(new Set(["unhealthy"]));
  await app.start();
  expect(await statuses()).toEqual(new Set(["healthy"]));
  let asked = 0;
  app.healthChecks.add("late", () => ({ status: "healthy", details: { asked: ++asked } }));
  await app.stop();
  expect(await statuses()).toEqual(new Set(["unhealthy"]));
  expect(asked).toBe(0);
});

test("an application's checks count in their category", async () => {
  await using app = await boot();
  app.healthChecks.add("disk", () => ({ status: "unhealthy" }), { category: "liveness" });
  expect((await app.liveness()).status).toBe("unhealthy");
  expect((await app.readiness()).status).toBe("healthy");
  expect((await app.health()).checks.map(({ component }) => component)).toEqual(["application", "disk"]);
});
