import {
  BackendMissingError,
  type BackendServices,
  BackendUnknownError,
  silentLogger,
  systemClock,
  systemRandom,
  TaskConfigError,
} from "@lexigram/contracts";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import Module from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { TaskBackendRegistry } from "../../src/dispatch/backend-registry.ts";
import { memoryBackend } from "../../src/memory/memory-backend.ts";
import { rejection } from "./producer.ts";

const services: BackendServices = { clock: systemClock, logger: silentLogger, random: systemRandom };
const notFound = (specifier: string): Promise<never> =>
  Promise.reject(
    Object.assign(new Error(`Cannot find package '${specifier}'`), { code: "ERR_MODULE_NOT_FOUND" }),
  );

/** The test runner lets all packages of the workspace be found from everywhere, which they are not where nothing is installed. */
function hideWorkspace(): void {
  const { _initPaths } = Module as unknown as { readonly _initPaths: () => void };
  const path = process.env["NODE_PATH"];
  delete process.env["NODE_PATH"];
  _initPaths();
  onTestFinished(() => {
    if (path !== undefined) process.env["NODE_PATH"] = path;
    _initPaths();
  });
}

describe("a backend registry", () => {
  test("makes memory backends", async () => {
    expect((await new TaskBackendRegistry().create("memory", {}, services)).type).toBe("memory");
  });

  test("makes what others registered, once a type", async () => {
    const registry = new TaskBackendRegistry();
    const factory = vi.fn(() => memoryBackend());
    registry.register("sqs", factory);
    await registry.create("sqs", { region: "eu" }, services);
    expect(factory).toHaveBeenCalledWith({ region: "eu" }, services);
    expect(() => registry.register("sqs", factory)).toThrow(TaskConfigError);
    expect(() => registry.register("two words", factory)).toThrow(TaskConfigError);
    expect(registry.availableBackends()).toEqual(["amqp", "memory", "postgres", "rabbitmq", "redis", "sqs"]);
  });

  test("imports the package of a first-party type", async () => {
    const imported: string[] = [];
    const registry = new TaskBackendRegistry({
      import: async (specifier) => {
        imported.push(specifier);
        return { backendFactory: () => memoryBackend() };
      },
    });
    await registry.create("redis", {}, services);
    await registry.create("amqp", {}, services);
    expect(imported).toEqual(["@lexigram/tasks-redis", "@lexigram/tasks-rabbitmq"]);
  });

  test("gives the command that installs a missing package", async () => {
    hideWorkspace();
    const registry = new TaskBackendRegistry({ root: tmpdir(), import: notFound });
    const error = (await rejection(registry.create("rabbitmq", {}, services))) as BackendMissingError;
    expect(error).toBeInstanceOf(BackendMissingError);
    expect(error.fields).toEqual({ type: "rabbitmq", package: "@lexigram/tasks-rabbitmq" });
    expect(error.hint).toBe("npm install @lexigram/tasks-rabbitmq");
  });

  test("finds a package that only the application can see", async () => {
    const root = await mkdtemp(join(tmpdir(), "application-"));
    const folder = join(root, "node_modules", "@lexigram", "tasks-redis");
    await mkdir(folder, { recursive: true });
    await writeFile(
      join(folder, "package.json"),
      JSON.stringify({ type: "module", exports: { default: "./main.js" } }),
    );
    await writeFile(join(folder, "main.js"), "");
    const imported: string[] = [];
    const registry = new TaskBackendRegistry({
      root,
      import: async (specifier) => {
        imported.push(specifier);
        return specifier.startsWith("file:")
          ? { backendFactory: () => memoryBackend() }
          : notFound(specifier);
      },
    });
    await registry.create("redis", {}, services);
    expect(imported[1]).toMatch(/tasks-redis\/main\.js$/);
    await rm(root, { recursive: true });
  });

  test("does not call a package missing when it is there and broken", async () => {
    const registry = new TaskBackendRegistry({ import: () => notFound("ioredis") });
    expect(await rejection(registry.create("redis", {}, services))).toMatchObject({
      message: "Cannot find package 'ioredis'",
    });
    const old = new TaskBackendRegistry({ import: async () => ({}) });
    expect(await rejection(old.create("redis", {}, services))).toBeInstanceOf(TaskConfigError);
  });

  test("refuses an unknown type with those it knows", async () => {
    const error = (await rejection(
      new TaskBackendRegistry().create("rabbit", {}, services),
    )) as BackendUnknownError;
    expect(error).toBeInstanceOf(BackendUnknownError);
    expect(error.fields.known).toContain("memory");
    expect(error.hint).toMatch(/^did you mean "rabbitmq"\? known types: amqp, memory/);
    expect(await rejection(new TaskBackendRegistry().create("toString", {}, services))).toBeInstanceOf(
      BackendUnknownError,
    );
  });
});
