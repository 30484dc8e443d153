import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ManualClock } from "@lexigram/conformance";
import { systemClock, TaskConfigError } from "@lexigram/contracts";
import { sharedServers } from "@lexigram/services";
import { beforeEach, describe, expect, test } from "vitest";
import type { SharedDatabase } from "../../src/connection/database.ts";
import { Statement } from "../../src/connection/statement.ts";
import { readLayout } from "../../src/migrations/migrate.ts";
import type { MigrationStep } from "../../src/migrations/migration-step.ts";
import { MIGRATION_STEPS } from "../../src/migrations/migration-steps.ts";
import { SchemaName } from "../../src/migrations/schema-name.ts";
import { sql } from "../../src/migrations/sql.ts";
import { StoredSchema } from "../../src/migrations/stored-schema.ts";
import { ending, insisting, subject, unavailability } from "../connection/opened.ts";
import { type PostgresServer, serverOfTest } from "../postgres-server.ts";
import { ownSchema, storeIn } from "../state/postgres-state-harness.ts";

let server: PostgresServer;
let database: SharedDatabase;
let schema: SchemaName;
beforeEach(async () => {
  server = await serverOfTest();
  database = ending(server.connect());
  schema = ownSchema("migrations");
});

const step = (version: number, oldest: number, text = "SELECT"): MigrationStep => ({
  version,
  oldest,
  sql: (of) => sql`CREATE TABLE ${of}.t${version} (); ${text};`,
});

const known = (...steps: MigrationStep[]): StoredSchema =>
  new StoredSchema({ database, schema, clock: systemClock, steps });

const tables = async (): Promise<unknown[]> => {
  const rows = await server.owner("SELECT tablename FROM pg_tables WHERE schemaname = $1 ORDER BY 1", [
    schema.name,
  ]);
  return rows.map(({ tablename }) => tablename);
};

describe("migrations", () => {
  test("are numbered without gaps, and never ask for more than they bring", () => {
    expect(MIGRATION_STEPS.map(({ version }) => version)).toEqual(MIGRATION_STEPS.map((_, i) => i + 1));
    for (const { version, oldest } of MIGRATION_STEPS) expect(oldest).toBeLessThanOrEqual(version);
  });

  test("create the schema, and bring an older one up step by step", async () => {
    await known(step(1, 1)).ensure();
    expect(await readLayout(database, schema)).toEqual({ version: 1, oldest: 1 });
    await known(step(1, 1), step(2, 1), step(3, 2)).ensure();
    expect(await readLayout(database, schema)).toEqual({ version: 3, oldest: 2 });
    expect(await tables()).toEqual(["layout", "t1", "t2", "t3"]);
  });

  test("leave of a step that fails nothing, and keep the steps before it", async () => {
    const failing = known(step(1, 1), step(2, 2, "SELECT 1 / 0"));
    await expect(failing.ensure()).rejects.toMatchObject({ code: "22012" });
    expect(await readLayout(database, schema)).toEqual({ version: 1, oldest: 1 });
    expect(await tables()).toEqual(["layout", "t1"]);
    await known(step(1, 1), step(2, 2)).ensure();
    expect(await readLayout(database, schema)).toEqual({ version: 2, oldest: 2 });
  });

  test("leave a newer layout as it is, which serves older processes while it says so", async () => {
    await known(step(1, 1), step(2, 1)).ensure();
    const older = known(step(1, 1));
    await older.ensure();
    expect(await readLayout(database, schema)).toEqual({ version: 2, oldest: 1 });
    expect(
      await older.run(new Statement(sql`SELECT version FROM ${schema}.layout`), [], { subject }),
    ).toEqual([{ version: 2 }]);
  });

  test("refuse an older process, also one that runs, with what to do", async () => {
    const clock = new ManualClock();
    const running = new StoredSchema({ database, schema, clock, steps: [step(1, 1)] });
    const one = new Statement("SELECT 1 AS one");
    await running.run(one, [], { subject });
    await known(step(1, 1), step(2, 2)).ensure();
    expect(await running.run(one, [], { subject })).toEqual([{ one: 1 }]);
    await clock.advance(60_000);
    const refusal = {
      message: expect.stringMatching(/layout 2; this process knows layout 1$/),
      fields: { path: "schema" },
      hint: expect.stringMatching(/^upgrade @lexigram\/tasks-postgres/),
    };
    await expect(running.run(one, [], { subject })).rejects.toMatchObject(refusal);
    await expect(known(step(1, 1)).ensure()).rejects.toMatchObject(refusal);
  });

  test("bring back a schema that was dropped under a running process", async () => {
    const store = storeIn(database, schema);
    await store.put("a", 1);
    await server.owner(sql`DROP SCHEMA ${schema} CASCADE`);
    expect((await unavailability(store.get("a"))).fields).toMatchObject({ accepted: "no", retryable: true });
    expect(await insisting(() => store.get("a"))).toBeUndefined();
    expect((await store.put("a", 2)).stored).toBe(true);
  });
});

describe("a role", () => {
  test("that may not create a schema is told how it may be had", async () => {
    const [{ name } = {}] = await server.owner("SELECT current_database() AS name");
    const [own] = await database.run(new Statement("SELECT current_user::text AS role"), [], { subject });
    await server.owner(`REVOKE CREATE ON DATABASE "${String(name)}" FROM "${String(own?.["role"])}"`);
    await expect(known(step(1, 1)).ensure()).rejects.toMatchObject({
      constructor: TaskConfigError,
      fields: { path: "schema" },
      hint: expect.stringMatching(/migratePostgres.*CREATE SCHEMA/s),
    });
  });

  test("that may use a schema, and create nothing, does with one that is there", async () => {
    const [own] = await database.run(new Statement("SELECT current_user::text AS role"), [], { subject });
    const role = `"${String(own?.["role"])}"`;
    const admin = await serverOfTest();
    const adminDatabase = ending(admin.connect());
    await new StoredSchema({ database: adminDatabase, schema, clock: systemClock }).ensure();
    const store = storeIn(database, schema);
    await expect(store.put("a", 1)).rejects.toMatchObject({
      constructor: TaskConfigError,
      hint: expect.stringMatching(/GRANT USAGE ON SCHEMA/),
    });
    await server.owner(
      sql`GRANT USAGE ON SCHEMA ${schema} TO ${role};
          GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ${schema} TO ${role};
          GRANT USAGE, SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA ${schema} TO ${role}`,
    );
    expect((await store.put("a", 1)).stored).toBe(true);
    expect((await store.get("a"))?.value).toBe(1);
    expect(await store.acquire("a", { holder: "h", limit: 2, n: 1, ttlMs: 1_000 })).toBe(1);
    await store.publish("a", "x".repeat(10_000));
  });
});

describe("a schema", () => {
  test.each([
    ["A"],
    ["a-b"],
    ['a"b'],
    ["1a"],
    [""],
    ["a".repeat(64)],
    ["pg_mine"],
    ["public"],
    ["information_schema"],
    [5],
    [undefined],
  ])("cannot be %j", (name) => {
    expect(() => new SchemaName(name)).toThrow(TaskConfigError);
  });

  test("of another program is left alone", async () => {
    await database.transaction({ subject }, (session) =>
      session.execute(sql`CREATE SCHEMA ${schema}; CREATE TABLE ${schema}.layout (paper text)`),
    );
    await expect(known(step(1, 1)).ensure()).rejects.toMatchObject({
      message: expect.stringMatching(/another program/),
      fields: { path: "schema" },
    });
    expect(await tables()).toEqual(["layout"]);
  });
});

describe("processes", () => {
  const home = fileURLToPath(new URL("../..", import.meta.url));
  const program = `
    import { migratePostgres } from "./dist/index.js";
    const [dsn, schema] = process.argv.slice(1);
    console.log(await migratePostgres({ dsn, schema, poolSize: 1 }));
  `;

  test("may be sixteen that start at once", async () => {
    execFileSync(join(home, "../../node_modules/.bin/tsc"), ["-b", home]);
    const [own] = await database.run(new Statement("SELECT current_user::text AS role"), [], { subject });
    const dsn = new URL(sharedServers.postgres);
    dsn.username = String(own?.["role"]);
    const outcomes = await Promise.all(
      Array.from({ length: 16 }, async () => {
        const child = spawn(process.execPath, ["--input-type=module", "-e", program, dsn.href, schema.name], {
          cwd: home,
          stdio: ["ignore", "pipe", "inherit"],
        });
        let out = "";
        child.stdout.on("data", (bytes: Buffer) => (out += bytes.toString()));
        const [code] = (await once(child, "close")) as [number];
        return [code, out.trim()];
      }),
    );
    const last = String(MIGRATION_STEPS.at(-1)?.version);
    expect(outcomes).toEqual(Array.from({ length: 16 }, () => [0, last]));
  });
});
