import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { ConfigFileError, ConfigVariableError, loadConfig } from "../../src/index.ts";

const Any = z.looseObject({});

let folder: string;
let file: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "kernel-config-"));
  file = join(folder, "application.yaml");
});
afterEach(() => rmSync(folder, { recursive: true }));

const write = (text: string, name = "application.yaml"): void => writeFileSync(join(folder, name), text);

describe("precedence", () => {
  test("code < file < profile < environment, key by key", () => {
    write("shop: { b: file, c: file, d: file }");
    write("shop: { c: profile, d: profile }", "application.eu.yaml");
    const defaults = { shop: { a: "code", b: "code", c: "code", d: "code" } };
    const env = { LEX_PROFILE: "eu", LEX_SHOP__D: "env" };
    const config = loadConfig({ defaults, file, env });
    expect(config.profile).toBe("eu");
    expect(config.section("shop", Any)).toEqual({ a: "code", b: "file", c: "profile", d: "env" });
  });

  test("arrays are taken whole from the highest file, and changed place by place by variables", () => {
    write("shop: { list: [{ name: a, size: 1 }, { name: b, size: 2 }] }");
    const env = { LEX_SHOP__LIST__1__NAME: "z", LEX_SHOP__LIST__2__NAME: "new" };
    const config = loadConfig({ defaults: { shop: { list: ["gone"] } }, file, env });
    expect(config.section("shop", Any)).toEqual({
      list: [{ name: "a", size: 1 }, { name: "z", size: 2 }, { name: "new" }],
    });
  });

  test("instances of classes are passed on as they are", () => {
    class Backend {
      url = "x";
    }
    const backend = new Backend();
    const section = loadConfig({ defaults: { shop: { backend } }, file: false, env: {} }).section(
      "shop",
      Any,
    );
    expect(section["backend"]).toBe(backend);
  });

  test("what was given in code is not changed by variables", () => {
    const defaults = { shop: { list: [{ name: "a" }] } };
    const config = loadConfig({ defaults, file: false, env: { LEX_SHOP__LIST__0__NAME: "z" } });
    expect(config.section("shop", Any)).toEqual({ list: [{ name: "z" }] });
    expect(defaults).toEqual({ shop: { list: [{ name: "a" }] } });
  });
});

describe("YAML", () => {
  test("texts name variables; what is put in stays text", () => {
    write(
      [
        "shop:",
        "  url: ${URL}",
        "  port: ${PORT:5432}",
        "  full: redis://${HOST:localhost}:${PORT:6379}/0",
        "  empty: ${NOTHING:}",
        "  literal: $${URL}",
        "  list: ['${URL}']",
      ].join("\n"),
    );
    const section = loadConfig({ file, env: { URL: "http://x/${PORT}" } }).section("shop", Any);
    expect(section).toEqual({
      url: "http://x/${PORT}",
      port: "5432",
      full: "redis://localhost:6379/0",
      empty: "",
      literal: "${URL}",
      list: ["http://x/${PORT}"],
    });
  });

  test("a variable that is neither set nor has a default names file and place", () => {
    write("shop: { backends: [{ url: '${REDIS_URL}' }] }");
    const load = (): unknown => loadConfig({ file, env: {} });
    expect(load).toThrow(ConfigVariableError);
    expect(load).toThrow(
      expect.objectContaining({ fields: { file, path: "shop.backends.0.url", variable: "REDIS_URL" } }),
    );
  });

  test.each([
    ["a: [1", /is not valid YAML at line \d/],
    ["- a\n- b", /has to be a mapping/],
    ["a: 1\na: 2", /is not valid YAML at line 2 \(DUPLICATE_KEY\)/],
  ])("%j is refused", (text, message) => {
    write(text);
    expect(() => loadConfig({ file, env: {} })).toThrow(ConfigFileError);
    expect(() => loadConfig({ file, env: {} })).toThrow(message);
  });

  test("an error quotes nothing of the file", () => {
    write("password: hunter2 : x : [");
    expect(() => loadConfig({ file, env: {} })).toThrow(ConfigFileError);
    expect(() => loadConfig({ file, env: {} })).not.toThrow(/hunter2/);
  });

  test("an empty file is no configuration; a named file that is missing is an error", () => {
    write("");
    expect(loadConfig({ file, env: {} }).toJSON()).toEqual({});
    expect(() => loadConfig({ file: join(folder, "other.yaml"), env: {} })).toThrow(/does not exist/);
  });

  test("a profile without a file is an issue that stops production", () => {
    write("");
    expect(loadConfig({ file, profile: "eu", env: {} }).issues).toEqual([
      expect.objectContaining({ field: "LEX_PROFILE", severity: "error" }),
    ]);
  });
});

describe("variables", () => {
  const read = (env: Record<string, string>) => loadConfig({ file: false, env });

  test("nest with two underscores, in camelCase, and stay text", () => {
    const config = read({
      LEX_TASKS__WORKER__WORKER_COUNT: "4",
      LEX_TASKS__QUEUE: "007",
      LEX_TASKS__IS_ON: "true",
      OTHER: "x",
    });
    expect(config.section("tasks", Any)).toEqual({
      worker: { workerCount: "4" },
      queue: "007",
      isOn: "true",
    });
  });

  test("build arrays, also with more than ten places and fields of unequal depth", () => {
    const env: Record<string, string> = { LEX_TASKS__BACKENDS__0__REDIS__URL: "r" };
    for (let i = 0; i <= 11; i++) env[`LEX_TASKS__BACKENDS__${i}__NAME`] = `q${i}`;
    const { backends } = read(env).section("tasks", z.looseObject({ backends: z.array(z.looseObject({})) }));
    expect(backends).toHaveLength(12);
    expect(backends[0]).toEqual({ name: "q0", redis: { url: "r" } });
    expect(backends[11]).toEqual({ name: "q11" });
  });

  test("find existing keys however they are written", () => {
    const config = loadConfig({
      defaults: { shop: { queues: { "high-prio": { size: 1 } }, max_size: 5 } },
      file: false,
      env: { LEX_SHOP__QUEUES__HIGH_PRIO__SIZE: "2", LEX_SHOP__MAX_SIZE: "6" },
    });
    expect(config.section("shop", Any)).toEqual({ queues: { "high-prio": { size: "2" } }, max_size: "6" });
  });

  test("a gap in a list is an error that names the variable", () => {
    const { errors } = read({ LEX_A__L__1__X: "1" }).readSection("a", Any);
    expect(errors).toEqual([expect.objectContaining({ field: "a.l.1.x", severity: "error" })]);
    expect(errors[0]?.message).toContain("LEX_A__L__1__X");
  });

  test("a value and its parts contradict each other", () => {
    expect(read({ LEX_A__B: "1", LEX_A__B__C: "2" }).issues).toEqual([
      expect.objectContaining({ field: "a.b", severity: "error" }),
    ]);
  });

  test("a variable that names nothing is a warning", () => {
    expect(read({ LEX_A____B: "1" }).issues).toEqual([
      expect.objectContaining({ field: "LEX_A____B", severity: "warning" }),
    ]);
  });

  test("cannot reach an object's prototype", () => {
    read({ LEX_A____PROTO____POLLUTED: "1", LEX_A__CONSTRUCTOR__PROTOTYPE__POLLUTED: "1" }).section("a", Any);
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  });
});

describe("environment", () => {
  const environment = (env: Record<string, string>) => loadConfig({ file: false, env }).environment;

  test("LEX_ENV, else APP_ENV, else development", () => {
    expect(environment({ LEX_ENV: "production", APP_ENV: "test" })).toBe("production");
    expect(environment({ APP_ENV: "staging" })).toBe("staging");
    expect(environment({ LEX_ENV: "", APP_ENV: "PROD" })).toBe("production");
    expect(environment({ NODE_ENV: "production" })).toBe("development");
  });

  test("a name that is not known is development, with a warning", () => {
    const config = loadConfig({ file: false, env: { LEX_ENV: "productoin" } });
    expect(config.environment).toBe("development");
    expect(config.issues).toEqual([
      expect.objectContaining({
        field: "LEX_ENV",
        severity: "warning",
        suggestion: 'did you mean "production"?',
      }),
    ]);
  });
});
