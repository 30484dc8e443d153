import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Application } from "@lexigram/kernel";
import { sharedServers } from "@lexigram/services";
import { task, TaskConfig, TaskDispatcher, TasksModule } from "@lexigram/tasks";
import { Client } from "pg";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { ownSchema } from "./state/postgres-state-harness.ts";

const dsn = sharedServers.postgres;

const double = task({ name: "double", queue: "mail" }, async (ctx) => `${ctx.job.task}, doubled`);

let schema: string;
let owner: Client;

beforeEach(async () => {
  schema = ownSchema("configured").name;
  owner = new Client(dsn);
  await owner.connect();
  await owner.query("SET client_min_messages = warning");
  onTestFinished(async () => {
    await owner.query(`DROP SCHEMA IF EXISTS "${schema}" CASCADE`);
    await owner.end();
  });
});

interface Sources {
  readonly env: Readonly<Record<string, string>>;
  readonly configFile?: string;
}

/** Runs a job in an application whose code names no store, and tells what its configuration became. */
async function ran({ env, configFile }: Sources) {
  await using app = await Application.boot({
    modules: [TasksModule.configure({ workerCount: 1 }), TasksModule.scope(double)],
    configFile: configFile ?? false,
    config: { logging: { level: "error" } },
    env,
  });
  const handle = await app.get(TaskDispatcher).enqueue(double);
  expect(await handle.result({ timeout: "10s" })).toBe("double, doubled");
  const [{ type, settings } = {}] = app.get(TaskConfig).queues;
  const { rows } = await owner.query(`SELECT name, max_size FROM "${schema}".queue`);
  return { type, settings, rows };
}

describe("a queue on PostgreSQL", { timeout: 60_000 }, () => {
  test("is configured by the environment alone", async () => {
    const env = {
      LEX_TASKS__BACKENDS__0__NAME: "mail",
      LEX_TASKS__BACKENDS__0__TYPE: "postgres",
      LEX_TASKS__BACKENDS__0__POSTGRES_DSN: dsn,
      LEX_TASKS__BACKENDS__0__MAX_SIZE: "50",
      LEX_TASKS__BACKENDS__0__EXTRA__SCHEMA: schema,
      LEX_TASKS__BACKENDS__0__EXTRA__POOL_SIZE: "2",
      LEX_TASKS__BACKENDS__0__EXTRA__POOLER: "false",
    };
    expect(await ran({ env })).toEqual({
      type: "postgres",
      settings: { postgresDsn: dsn, schema, poolSize: "2", pooler: "false" },
      rows: [{ name: "mail", max_size: 50 }],
    });
  });

  test("is configured by a file, which takes its secrets from the environment", async () => {
    const folder = await mkdtemp(join(tmpdir(), "configuration-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    const configFile = join(folder, "application.yaml");
    await writeFile(
      configFile,
      `tasks:
  backends:
    - name: mail
      type: postgres
      postgresDsn: "\${DATABASE_URL}"
      queueName: outbox
      maxSize: 50
      extra: { schema: ${schema}, callTimeoutMs: 9000 }
`,
    );
    expect(await ran({ configFile, env: { DATABASE_URL: dsn } })).toEqual({
      type: "postgres",
      settings: { postgresDsn: dsn, schema, callTimeoutMs: 9_000 },
      rows: [{ name: "outbox", max_size: 50 }],
    });
  });

  test("is refused without an address, and with a setting that there is not, by its name", async () => {
    const env = { LEX_TASKS__BACKENDS__0__NAME: "mail", LEX_TASKS__BACKENDS__0__TYPE: "postgres" };
    await expect(ran({ env })).rejects.toThrow(
      'tasks.backends.0.postgresDsn is needed by a backend of type "postgres"; give the address of the database, such as postgres://host:5432/name',
    );
    const shema = {
      ...env,
      LEX_TASKS__BACKENDS__0__POSTGRES_DSN: dsn,
      LEX_TASKS__BACKENDS__0__EXTRA__SHEMA: schema,
    };
    await expect(ran({ env: shema })).rejects.toMatchObject({
      cause: { fields: { path: "shema" } },
      hint: 'did you mean "schema"?',
    });
  });
});
