import { EventEmitter } from "node:events";
import { describe, expect, test } from "vitest";
import { Application, type Provider, runApplication } from "../src/index.ts";
import { quiet } from "./fixtures/boot.ts";
import { FakeClock } from "./fixtures/fake-clock.ts";
import { settle, signal } from "./fixtures/signal.ts";
import { tracing } from "./fixtures/tracing-provider.ts";

class FakeProcess extends EventEmitter {
  readonly exits: number[] = [];
  exitCode: number | string | null | undefined;
  exit(code: number): void {
    this.exits.push(code);
  }
  get listening(): number {
    return this.listenerCount("SIGINT") + this.listenerCount("SIGTERM");
  }
}

const setup = (...providers: Provider[]) => {
  const clock = new FakeClock();
  const source = new FakeProcess();
  const app = new Application({ ...quiet, providers, clock });
  return { clock, source, app };
};

describe.each([
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const)("%s", (name, code) => {
  test("the first stops the application in order", async () => {
    const trace: string[] = [];
    const { app, source, clock } = setup(tracing(trace, "a"));
    const running = runApplication(app, { source });
    await settle();
    expect(app.state).toBe("running");
    expect(clock.pending).toBe(1);
    source.emit(name);
    await running;
    expect(app.state).toBe("stopped");
    expect(trace.at(-1)).toBe("shutdown a");
    expect(source.exits).toEqual([]);
    expect(source.listening).toBe(0);
    expect(clock.pending).toBe(0);
  });

  test(`the second leaves at once with ${code}`, async () => {
    const release = signal();
    const { app, source } = setup(tracing([], "slow", { onShutdown: () => release.fired }));
    const running = runApplication(app, { source });
    await settle();
    source.emit("SIGTERM");
    await settle();
    expect(source.exits).toEqual([]);
    source.emit(name);
    expect(source.exits).toEqual([code]);
    release.fire();
    await running;
  });
});

test("a signal during the start ends it, and that is no failure", async () => {
  const release = signal();
  const trace: string[] = [];
  const { app, source } = setup(tracing(trace, "slow", { onBoot: () => release.fired }));
  const running = runApplication(app, { source });
  await settle();
  source.emit("SIGTERM");
  release.fire();
  await running;
  expect(app.state).toBe("stopped");
  expect(trace.at(-1)).toBe("shutdown slow");
});

test("an application that stops by itself ends the run", async () => {
  const { app, source } = setup();
  const running = runApplication(app, { source });
  await settle();
  await app.stop();
  await running;
  expect(source.listening).toBe(0);
});

test("an application that runs already is waited for", async () => {
  const { app, source } = setup();
  await app.start();
  const running = runApplication(app, { source });
  source.emit("SIGINT");
  await running;
  expect(app.state).toBe("stopped");
});

test("a failed start is thrown, and the listeners are gone", async () => {
  const { app, source } = setup(tracing([], "a", { onBoot: () => Promise.reject(new Error("down")) }));
  await expect(runApplication(app, { source })).rejects.toThrow("down");
  expect(source.listening).toBe(0);
});

test("a failed stop is thrown, and the listeners are gone", async () => {
  const { app, source } = setup(tracing([], "a", { onShutdown: () => Promise.reject(new Error("stuck")) }));
  const running = runApplication(app, { source });
  await settle();
  source.emit("SIGTERM");
  await expect(running).rejects.toThrow("stuck");
  expect(source.listening).toBe(0);
});

describe("whoever asks an application to stop", () => {
  test("stops it in order, and gives the process its exit code", async () => {
    const { source, app } = setup();
    const running = runApplication(app, { source });
    await settle();
    await app.hooks.callAction("application.stop-requested", { reason: "old", exitCode: 3 });
    await running;
    expect([app.state, app.exitCode, source.exitCode, source.exits, source.listening]).toEqual([
      "stopped",
      3,
      3,
      [],
      0,
    ]);
  });

  test("need not name an exit code", async () => {
    const { source, app } = setup();
    const running = runApplication(app, { source });
    await settle();
    await app.hooks.callAction("application.stop-requested", { reason: "old" });
    await running;
    expect([app.exitCode, source.exitCode]).toEqual([undefined, undefined]);
  });
});
