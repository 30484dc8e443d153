import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import {
  booleanSetting,
  ConfigInvalidError,
  durationSetting,
  type FieldsMeta,
  loadConfig,
  module,
  numberSetting,
} from "../../src/index.ts";
import { boot } from "../fixtures/boot.ts";
import { recordingLogger } from "../fixtures/recording-logger.ts";

const load = (defaults: object, env: Record<string, string> = {}) =>
  loadConfig({ defaults, file: false, env });

const Tasks = z.object({
  worker: z.object({ workerCount: z.coerce.number().int().default(1) }).prefault({}),
  queues: z.record(z.string(), z.object({ maxSize: z.number().optional() })).default({}),
  backends: z
    .array(
      z.discriminatedUnion("type", [
        z.object({ type: z.literal("redis"), redisUrl: z.string() }),
        z.object({ type: z.literal("rabbit"), amqpUrl: z.string() }),
      ]),
    )
    .default([]),
});

describe("reading", () => {
  test("a section that is nowhere mentioned has its defaults", () => {
    expect(load({}).section("tasks", Tasks)).toEqual({
      worker: { workerCount: 1 },
      queues: {},
      backends: [],
    });
    expect(load({}).has("tasks")).toBe(false);
  });

  test("a dotted key reads inside a section", () => {
    const worker = z.object({ workerCount: z.number() });
    expect(load({ tasks: { worker: { workerCount: 2 } } }).section("tasks.worker", worker)).toEqual({
      workerCount: 2,
    });
  });

  test("snake_case and kebab-case are accepted for fields, and left alone in records", () => {
    const tasks = { worker: { worker_count: 2 }, queues: { "my-queue": { "max-size": 3 }, my_queue: {} } };
    expect(load({ tasks }).section("tasks", Tasks)).toMatchObject({
      worker: { workerCount: 2 },
      queues: { "my-queue": { maxSize: 3 }, my_queue: {} },
    });
  });

  test("coercion is the schema's, field by field", () => {
    const Schema = z.object({ queue: z.string(), size: z.coerce.number() });
    const env = { LEX_S__QUEUE: "007", LEX_S__SIZE: "007" };
    expect(load({}, env).section("s", Schema)).toEqual({ queue: "007", size: 7 });
  });

  test("defaults of the reader lie below everything", () => {
    const defaults = { worker: { workerCount: 8 } };
    expect(load({}).section("tasks", Tasks, defaults).worker.workerCount).toBe(8);
    expect(load({ tasks: { worker: { worker_count: 9 } } }).section("tasks", Tasks, defaults).worker).toEqual(
      {
        workerCount: 9,
      },
    );
  });
});

describe("refusals", () => {
  const issuesOf = (config: ReturnType<typeof load>) => config.readSection("tasks", Tasks);

  test("an unknown key in code is refused with the nearest name, at every depth", () => {
    const { errors } = issuesOf(
      load({
        tasks: {
          worker: { workerCout: 1 },
          queues: { a: { maxSiez: 1 } },
          backends: [{ type: "redis", redisUrl: "r", amqpUrl: "x" }],
        },
      }),
    );
    expect(errors).toEqual([
      {
        field: "tasks.worker.workerCout",
        message: "is not a setting (code)",
        severity: "error",
        suggestion: 'did you mean "workerCount"?',
      },
      expect.objectContaining({ field: "tasks.queues.a.maxSiez", suggestion: 'did you mean "maxSize"?' }),
      expect.objectContaining({ field: "tasks.backends.0.amqpUrl" }),
    ]);
  });

  test("an unknown variable is a warning, and is left out", () => {
    const { value, errors, warnings } = issuesOf(load({}, { LEX_TASKS__WORKER__WORKER_COUT: "3" }));
    expect(errors).toEqual([]);
    expect(value?.worker).toEqual({ workerCount: 1 });
    expect(warnings).toEqual([
      {
        field: "tasks.worker.workerCout",
        message: "is not a setting (environment variable LEX_TASKS__WORKER__WORKER_COUT)",
        severity: "warning",
        suggestion: 'did you mean "workerCount"?',
      },
    ]);
  });

  test("an unknown key that is near nothing is refused with all there are", () => {
    const { errors } = issuesOf(load({ tasks: { worker: { speed: 1 }, zzz: 1 } }));
    expect(errors.map(({ field, suggestion }) => [field, suggestion])).toEqual([
      ["tasks.worker.speed", "settings of tasks.worker are workerCount"],
      ["tasks.zzz", "settings of tasks are worker, queues, backends"],
    ]);
  });

  test("a name that people know a field by is answered with the field's own", () => {
    const meta: FieldsMeta = { alsoKnownAs: { threads: "workerCount" } };
    const Worker = z.object({ workerCount: z.number().optional() }).meta({ ...meta });
    const Schema = z.object({ worker: Worker.optional() });
    for (const { errors, warnings } of [
      load({ s: { worker: { threads: 1 } } }).readSection("s", Schema),
      load({}, { LEX_S__WORKER__THREADS: "1" }).readSection("s", Schema),
    ])
      expect([...errors, ...warnings]).toMatchObject([
        { field: "s.worker.threads", suggestion: 'did you mean "workerCount"?' },
      ]);
  });

  test("an invalid value says where it came from, and never what it was", () => {
    const Schema = z.object({ password: z.string().min(20), port: z.coerce.number() });
    const config = load({ s: { password: "hunter2" } }, { LEX_S__PORT: "eighty" });
    const read = (): unknown => config.section("s", Schema);
    expect(read).toThrow(ConfigInvalidError);
    expect(read).toThrow(/s\.password: .*\(code\)/);
    expect(read).toThrow(/s\.port: .*\(environment variable LEX_S__PORT\)/);
    expect(read).not.toThrow(/hunter2|eighty/);
  });

  test("open schemas know every key", () => {
    expect(load({ s: { x: 1 } }).section("s", z.looseObject({ a: z.number().optional() }))).toEqual({ x: 1 });
    expect(load({ s: { x: { y: 1 } } }).section("s", z.object({ x: z.any() }))).toEqual({ x: { y: 1 } });
    expect(
      load({ s: { y: 1 } }).section("s", z.union([z.object({ x: z.number() }), z.object({ y: z.number() })])),
    ).toEqual({ y: 1 });
  });
});

describe("an application", () => {
  const Shop = z.object({ name: z.string().default("corner"), size: z.number().default(1) });
  @module({ config: { shop: Shop } })
  class ShopModule {}

  test("refuses sections that no module has, with the nearest name, in any environment", async () => {
    await expect(boot({ modules: [ShopModule], config: { shpo: {} } })).rejects.toMatchObject({
      code: "LEX_ERR_CONFIG_INVALID",
      fields: { issues: [{ field: "shpo", severity: "error", suggestion: 'did you mean "shop"?' }] },
    });
  });

  test("lists the issues of all sections at once", async () => {
    @module({ config: { bar: z.object({ a: z.number() }) } })
    class BarModule {}
    const config = { shop: { size: "big" }, bar: { a: "x", b: 1 } };
    await expect(boot({ modules: [ShopModule, BarModule], config })).rejects.toMatchObject({
      fields: { issues: [{ field: "shop.size" }, { field: "bar.b" }, { field: "bar.a" }] },
    });
  });

  test("warns of variables that no module has", async () => {
    const logger = recordingLogger();
    await using _app = await boot({ modules: [ShopModule], env: { LEX_SHPO__NAME: "x" }, logger });
    expect(logger.lines.filter(({ level }) => level === "warn")).toEqual([
      expect.objectContaining({
        message: 'configuration: shpo: no module has such a section (LEX_SHPO__NAME) (did you mean "shop"?)',
      }),
    ]);
  });

  test("takes a configuration that is loaded already", async () => {
    const config = load({ shop: { name: "big" } });
    await using app = await boot({ modules: [ShopModule], config });
    expect(app.config).toBe(config);
    expect(app.config.section("shop", Shop).name).toBe("big");
  });
});

describe("secrets", () => {
  const Schema = z.looseObject({});
  const secrets = {
    db: { password: "hunter2", list: [{ apiKey: "k3y" }], host: "redis://u:p4ss@h/0", on: true },
  };

  test("neither a configuration nor its sections show them", () => {
    const config = load(secrets);
    const section = config.section("db", Schema);
    for (const shown of [
      JSON.stringify(config),
      inspect(config, { depth: 9 }),
      JSON.stringify(section),
      inspect(section, { depth: 9 }),
      inspect({ nested: section["list"] }, { depth: 9 }),
    ]) {
      expect(shown).not.toMatch(/hunter2|k3y|p4ss/);
      expect(shown).toContain("***");
    }
  });

  test("reading a section gives the values", () => {
    expect(load(secrets).section("db", Schema)).toEqual(secrets.db);
  });
});

describe("fields that may come as text", () => {
  const Schema = z.object({
    on: booleanSetting(),
    n: numberSetting(z.int().min(1)),
    wait: durationSetting(),
  });

  test.each([
    ["true", true],
    ["FALSE", false],
    ["0", false],
    ["on", true],
  ])("%j is the boolean %s", (text, expected) => {
    expect(load({ s: { on: text, n: 1, wait: 0 } }).section("s", Schema).on).toBe(expected);
  });

  test("numbers and durations", () => {
    expect(load({ s: { on: true, n: "12", wait: "1m30s" } }).section("s", Schema)).toEqual({
      on: true,
      n: 12,
      wait: 90_000,
    });
    expect(load({ s: { on: true, n: 12, wait: 250 } }).section("s", Schema)).toMatchObject({
      n: 12,
      wait: 250,
    });
  });

  test.each([
    { on: "maybe", n: 1, wait: 0 },
    { on: true, n: "", wait: 0 },
    { on: true, n: "0", wait: 0 },
    { on: true, n: 1, wait: "5 minutes" },
  ])("%j is refused", (section) => {
    expect(load({ s: section }).readSection("s", Schema).errors).toHaveLength(1);
  });
});
