import { type Duration } from "@lexigram/contracts";
import { z } from "zod";
import { describe, expect, test } from "vitest";
import {
  type BootContainer,
  type ConfigIssue,
  Provider,
  ProviderBootTimeoutError,
  ProviderPriority,
  ProviderSkippedError,
} from "../src/index.ts";
import { boot } from "./fixtures/boot.ts";
import { FakeClock } from "./fixtures/fake-clock.ts";
import { recordingLogger } from "./fixtures/recording-logger.ts";
import { settle, signal } from "./fixtures/signal.ts";
import { tracing } from "./fixtures/tracing-provider.ts";

test("a provider has sensible defaults", () => {
  class RedisCacheProvider extends Provider {}
  const provider = new RedisCacheProvider();
  expect(provider.name).toBe("redisCache");
  expect(provider.priority).toBe(ProviderPriority.NORMAL);
  expect(provider.required).toBe(true);
});

test("a level registers, boots and shuts down at the same time; levels wait for each other", async () => {
  const trace: string[] = [];
  const both = signal();
  let waiting = 0;
  const together = (): Promise<void> => {
    if (++waiting === 2) both.fire();
    return both.fired;
  };
  const app = await boot({
    providers: [
      tracing(trace, "a", { onBoot: together }),
      tracing(trace, "b", { onBoot: together }),
      tracing(trace, "after", { dependencies: ["a"] }),
    ],
  });
  expect(trace.slice(3)).toEqual(["boot a", "boot b", "boot after"]);
  await app.stop();
  expect(trace.slice(6)).toEqual(["shutdown after", "shutdown a", "shutdown b"]);
});

test("everything registers before anything boots", async () => {
  const trace: string[] = [];
  await using _app = await boot({
    providers: [tracing(trace, "late", { priority: 90 }), tracing(trace, "early", { priority: 1 })],
  });
  expect(trace).toEqual(["register early", "register late", "boot early", "boot late"]);
});

test("a provider listed by class and by several modules is one", async () => {
  let made = 0;
  class Single extends Provider {
    constructor() {
      super();
      made++;
    }
  }
  const list = (name: string) => ({ module: class {}, name, providers: [Single] });
  await using _app = await boot({ modules: [list("a"), list("b")] });
  expect(made).toBe(1);
});

describe("an optional provider that fails to boot", () => {
  const broken = (trace: string[]) =>
    tracing(trace, "cache", { required: false, onBoot: () => Promise.reject(new Error("down")) });

  test("is logged, left out, and makes the application degraded", async () => {
    const trace: string[] = [];
    const logger = recordingLogger();
    const app = await boot({ providers: [broken(trace), tracing(trace, "api")], logger });
    expect(logger.lines).toContainEqual(
      expect.objectContaining({ level: "warn", fields: expect.objectContaining({ provider: "cache" }) }),
    );
    expect(trace).toContain("boot error cache");
    expect((await app.health()).status).toBe("degraded");
    await app.stop();
    expect(trace).not.toContain("shutdown cache");
  });

  test("fails those that cannot do without it", async () => {
    const trace: string[] = [];
    const api = tracing(trace, "api", { dependencies: ["cache"] });
    await expect(boot({ providers: [broken(trace), api] })).rejects.toBeInstanceOf(ProviderSkippedError);
    expect(trace).not.toContain("boot api");
  });

  test("does not concern those that can", async () => {
    const trace: string[] = [];
    const api = tracing(trace, "api", { optionalDependencies: ["cache"] });
    await using app = await boot({ providers: [broken(trace), api] });
    expect(app.state).toBe("running");
  });

  test("takes optional dependents with it", async () => {
    const trace: string[] = [];
    const api = tracing(trace, "api", { dependencies: ["cache"], required: false });
    await using app = await boot({ providers: [broken(trace), api] });
    expect(app.state).toBe("running");
    expect(trace).not.toContain("boot api");
  });
});

describe("bootTimeout", () => {
  class Slow extends Provider {
    override readonly bootTimeout: Duration = "5s";
    readonly release = signal();
    shutdowns = 0;
    override boot(): Promise<void> {
      return this.release.fired;
    }
    override shutdown(): void {
      this.shutdowns++;
    }
  }

  test("ends the start, and what boots too late is shut down", async () => {
    const clock = new FakeClock();
    const slow = new Slow();
    const booting = boot({ providers: [slow], clock }).catch((error: unknown) => error);
    await settle();
    clock.advance(4_999);
    await settle();
    expect(slow.shutdowns).toBe(0);
    clock.advance(1);
    const error = await booting;
    expect(error).toBeInstanceOf(ProviderBootTimeoutError);
    expect(error).toMatchObject({ fields: { provider: "slow", timeoutMs: 5_000 } });
    slow.release.fire();
    await settle();
    expect(slow.shutdowns).toBe(1);
  });

  test("leaves no timer behind when the boot is in time", async () => {
    const clock = new FakeClock();
    const slow = new Slow();
    slow.release.fire();
    await using _app = await boot({ providers: [slow], clock });
    expect(clock.pending).toBe(0);
  });
});

describe("configuration", () => {
  const Schema = z.strictObject({ size: z.coerce.number().default(3) });
  class Pool extends Provider<z.infer<typeof Schema>> {
    override readonly configKey = "pool";
    override readonly configSchema = Schema;
    override configIssues(): ConfigIssue[] {
      return this.config.size > 10
        ? [{ field: "pool.size", message: "is large", severity: "error", suggestion: "use 10" }]
        : [];
    }
    seen: number | undefined;
    override register(): void {
      this.seen = this.config.size;
    }
    override boot(_container: BootContainer): void {}
  }

  test("is there before register", async () => {
    const pool = new Pool();
    await using _app = await boot({ providers: [pool], env: { LEX_POOL__SIZE: "7" } });
    expect(pool.seen).toBe(7);
  });

  test("an issue of severity error stops a production boot before anything boots", async () => {
    const trace: string[] = [];
    const env = { LEX_POOL__SIZE: "11", LEX_ENV: "production" };
    await expect(boot({ providers: [new Pool(), tracing(trace, "a")], env })).rejects.toMatchObject({
      code: "LEX_ERR_CONFIG_REFUSED",
      fields: { environment: "production", issues: [{ field: "pool.size" }] },
    });
    expect(trace).toEqual(["register a"]);
  });

  test("elsewhere it is a warning", async () => {
    const logger = recordingLogger();
    await using _app = await boot({ providers: [new Pool()], env: { LEX_POOL__SIZE: "11" }, logger });
    expect(logger.lines.filter(({ level }) => level === "warn").map(({ message }) => message)).toEqual([
      "configuration: pool.size: is large (use 10)",
    ]);
  });
});

test("onError that fails is logged and changes nothing", async () => {
  const logger = recordingLogger();
  class Odd extends Provider {
    override boot(): void {
      throw new Error("boot");
    }
    override onError(): void {
      throw new Error("handler");
    }
  }
  await expect(boot({ providers: [Odd], logger })).rejects.toThrow('provider "odd" failed to boot: boot');
  expect(logger.lines.map(({ message }) => message)).toContain("a provider's onError failed");
});
