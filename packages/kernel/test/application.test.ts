import { describe, expect, test } from "vitest";
import {
  Application,
  ApplicationOptionError,
  ApplicationStateError,
  ApplicationStoppedError,
  module,
  Provider,
  ProviderBootError,
  ProviderShutdownError,
} from "../src/index.ts";
import { boot, quiet } from "./fixtures/boot.ts";
import { recordingLogger } from "./fixtures/recording-logger.ts";
import { signal } from "./fixtures/signal.ts";
import { tracing } from "./fixtures/tracing-provider.ts";

describe("life", () => {
  test("starts only once, and only when it is new", async () => {
    const app = new Application(quiet);
    expect(app.state).toBe("created");
    await app.start();
    expect(app.state).toBe("running");
    await expect(app.start()).rejects.toBeInstanceOf(ApplicationStateError);
    await app.stop();
    expect(app.state).toBe("stopped");
    await expect(app.start()).rejects.toMatchObject({ fields: { operation: "start", state: "stopped" } });
  });

  test("gives nothing out before it has started, and nothing after it has stopped", async () => {
    const app = new Application(quiet);
    expect(() => app.get(Application)).toThrow(ApplicationStateError);
    await app.start();
    expect(app.get(Application)).toBe(app);
    expect(app.resolve(Application)).toBe(app);
    await app.close();
    expect(() => app.get(Application)).toThrow(/ended/);
  });

  test("stop is one promise, however often it is called", async () => {
    const trace: string[] = [];
    const app = await boot({ providers: [tracing(trace, "a")] });
    expect(app.stop()).toBe(app.close());
    await Promise.all([app.stop(), app.stop(), app[Symbol.asyncDispose]()]);
    expect(trace).toEqual(["register a", "boot a", "shutdown a"]);
  });

  test("an application stopped before it started never starts", async () => {
    const trace: string[] = [];
    const app = new Application({ ...quiet, providers: [tracing(trace, "a")] });
    await app.stop();
    expect(app.state).toBe("stopped");
    await expect(app.start()).rejects.toBeInstanceOf(ApplicationStateError);
    expect(trace).toEqual([]);
    await app.stopped;
  });

  test("stop during start ends the start, unwinds, and is no failure of stop", async () => {
    const trace: string[] = [];
    const reached = signal();
    const release = signal();
    const app = new Application({
      ...quiet,
      providers: [
        tracing(trace, "first", {
          priority: 1,
          onBoot: async () => {
            reached.fire();
            await release.fired;
          },
        }),
        tracing(trace, "second", { priority: 2 }),
      ],
    });
    const starting = app.start();
    await reached.fired;
    const stopping = app.stop();
    release.fire();
    await expect(starting).rejects.toBeInstanceOf(ApplicationStoppedError);
    await stopping;
    expect(app.state).toBe("stopped");
    expect(trace).toEqual(["register first", "register second", "boot first", "shutdown first"]);
  });

  test("stop during the last step of the start still ends it", async () => {
    const stopping: Promise<void>[] = [];
    @module()
    class Last {
      static onModuleBooted(): void {
        stopping.push(app.stop());
      }
    }
    const app = new Application({ ...quiet, modules: [Last] });
    await expect(app.start()).rejects.toBeInstanceOf(ApplicationStoppedError);
    await Promise.all(stopping);
    expect(app.state).toBe("stopped");
  });

  test("an action that is told of the start may stop the application and wait for it", async () => {
    const app = new Application(quiet);
    app.hooks.registerAction("application.started", () => app.stop());
    await app.start();
    expect(app.state).toBe("stopped");
  });

  test("actions are told of every turn", async () => {
    const app = new Application({ ...quiet, name: "shop" });
    const heard: string[] = [];
    for (const name of ["starting", "started", "stopping", "stopped"] as const)
      app.hooks.registerAction(`application.${name}`, ({ application }: { application: string }) =>
        heard.push(`${application} ${name} ${app.state}`),
      );
    await app.start();
    await app.stop();
    expect(heard).toEqual([
      "shop starting starting",
      "shop started running",
      "shop stopping stopping",
      "shop stopped stopped",
    ]);
  });

  test("await using stops it, also when the block throws", async () => {
    let kept: Application | undefined;
    const run = async (): Promise<void> => {
      await using app = await boot();
      kept = app;
      throw new Error("in the block");
    };
    await expect(run()).rejects.toThrow("in the block");
    expect(kept?.state).toBe("stopped");
  });

  test("an unknown option is refused with the nearest name", () => {
    const options = { ...quiet, module: [] };
    const make = (): Application => new Application(options);
    expect(make).toThrow(ApplicationOptionError);
    expect(make).toThrow(expect.objectContaining({ fields: { option: "module", nearest: "modules" } }));
  });
});

describe("failure", () => {
  test("a failed boot unwinds what has booted, last first, and names the provider", async () => {
    const trace: string[] = [];
    const cause = new Error("no such host");
    const app = new Application({
      ...quiet,
      providers: [
        tracing(trace, "a", { priority: 1 }),
        tracing(trace, "b", { priority: 2 }),
        tracing(trace, "sibling", { priority: 3 }),
        tracing(trace, "broken", { priority: 3, onBoot: () => Promise.reject(cause) }),
        tracing(trace, "never", { priority: 4 }),
      ],
    });
    const error: unknown = await app.start().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ProviderBootError);
    expect(error).toMatchObject({ fields: { provider: "broken" }, cause });
    expect((error as Error).message).toContain("no such host");
    expect(app.state).toBe("stopped");
    expect(trace.filter((line) => !line.startsWith("register"))).toEqual([
      "boot a",
      "boot b",
      "boot sibling",
      "boot broken",
      "boot error broken",
      "shutdown sibling",
      "shutdown b",
      "shutdown a",
    ]);
    await app.stop();
  });

  test("shutdown goes on when one provider fails, and throws the first failure at the end", async () => {
    const trace: string[] = [];
    const fail = (): never => {
      throw new Error("stuck");
    };
    const app = await boot({
      providers: [
        tracing(trace, "a", { priority: 1 }),
        tracing(trace, "b", { priority: 2, onShutdown: fail }),
        tracing(trace, "c", { priority: 3, onShutdown: fail }),
      ],
    });
    const error: unknown = await app.stop().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ProviderShutdownError);
    expect(error).toMatchObject({ fields: { provider: "c" } });
    expect(trace.slice(6)).toEqual([
      "shutdown c",
      "shutdown error c",
      "shutdown b",
      "shutdown error b",
      "shutdown a",
    ]);
    expect(app.state).toBe("stopped");
  });

  test("a module's hook that fails ends the start like a provider", async () => {
    const trace: string[] = [];
    @module({ providers: [tracing(trace, "inner")] })
    class Inner {
      static onModuleBooted(): void {
        trace.push("inner booted");
      }
      static onModuleShutdown(): void {
        trace.push("inner shut down");
      }
    }
    @module({ imports: [Inner] })
    class Outer {
      static onModuleBooted(): void {
        throw new Error("outer refuses");
      }
      static onModuleShutdown(): void {
        trace.push("must not happen");
      }
    }
    await expect(boot({ modules: [Outer] })).rejects.toThrow("outer refuses");
    expect(trace).toEqual([
      "register inner",
      "boot inner",
      "inner booted",
      "inner shut down",
      "shutdown inner",
    ]);
  });

  test("what fails while a failed start is cleaned up is logged; the start's own error is thrown", async () => {
    const logger = recordingLogger();
    const trace: string[] = [];
    const providers = [
      tracing(trace, "a", { priority: 1, onShutdown: () => Promise.reject(new Error("second")) }),
      tracing(trace, "b", { priority: 2, onBoot: () => Promise.reject(new Error("first")) }),
    ];
    await expect(boot({ providers, logger })).rejects.toThrow(/first/);
    expect(logger.lines.map(({ message }) => message)).toContain("cleaning up after a failed start failed");
  });

  test("what register throws fails the start with the provider's name", async () => {
    class Careless extends Provider {
      override register(): void {
        throw new Error("oops");
      }
    }
    await expect(boot({ providers: [Careless] })).rejects.toMatchObject({
      code: "LEX_ERR_PROVIDER_REGISTER",
      fields: { provider: "careless" },
    });
  });
});

test("modules boot imports first and shut down in reverse, before any provider shuts down", async () => {
  const trace: string[] = [];
  const lifecycle = (name: string) =>
    class {
      static onModuleBooted(): void {
        trace.push(`booted ${name}`);
      }
      static onModuleShutdown(): void {
        trace.push(`shut down ${name}`);
      }
    };
  const leaf = { module: lifecycle("leaf"), providers: [tracing(trace, "p")] };
  const root = { module: lifecycle("root"), imports: [leaf] };
  await (await boot({ modules: [root, leaf] })).stop();
  expect(trace).toEqual([
    "register p",
    "boot p",
    "booted leaf",
    "booted root",
    "shut down root",
    "shut down leaf",
    "shutdown p",
  ]);
});
