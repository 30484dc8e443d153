import { systemRandom, TaskConfigError } from "@lexigram/contracts";
import { privatePostgres, sharedServers } from "@lexigram/services";
import { Pool, types } from "pg";
import { describe, expect, onTestFinished, test } from "vitest";
import { callersSession } from "../../src/connection/callers-session.ts";
import { isCode } from "../../src/connection/refusals.ts";
import { Statement } from "../../src/connection/statement.ts";
import { at, ending, heardLogger, ONE, open, PID, subject, unavailability } from "./opened.ts";

const dsn = sharedServers.postgres;
/** Shared with no other test. */
const own = () => open({ ...at(dsn), random: () => systemRandom() });

const KINDS = new Statement(
  `SELECT $1::bigint AS big, $2::float8 AS real, $3::bytea AS bytes, $4::boolean AS truth, $5::text AS words,
     $6::json AS json, NULL AS nothing`,
);

describe("a statement", () => {
  test("answers numbers, buffers and truths as such and all else as text", async () => {
    const row = {
      big: 9_007_199_254_740_991,
      real: 0.1,
      bytes: Buffer.from([0, 255]),
      truth: true,
      words: "ü",
      json: '{"a":1}',
    };
    const values = Object.values(row);
    expect(await own().run(KINDS, values, { subject })).toEqual([{ ...row, nothing: null }]);
  });

  test("answers the same on a pool whose application reads types in its own way", async () => {
    const before = types.getTypeParser(20);
    types.setTypeParser(20, () => "mine");
    onTestFinished(() => types.setTypeParser(20, before));
    const pool = new Pool({ connectionString: dsn });
    onTestFinished(() => pool.end());
    const database = open({ target: { kind: "pool", pool } });
    const big = new Statement("SELECT 5::bigint AS big");
    expect(await database.run(big, [], { subject })).toEqual([{ big: 5 }]);
    expect((await pool.query("SELECT 5::bigint AS big")).rows).toEqual([{ big: "mine" }]);
  });

  test("is prepared once on each connection where that is allowed, and never for a pooler", async () => {
    const prepared = new Statement("SELECT count(*)::int AS many FROM pg_prepared_statements");
    const direct = open({ ...at(dsn), poolSize: 1, random: () => systemRandom() });
    const pooled = open({ ...at(dsn), poolSize: 1, pooler: true });
    for (const [database, many] of [
      [direct, 1],
      [pooled, 0],
    ] as const) {
      await database.run(prepared, [], { subject });
      expect(await database.run(prepared, [], { subject })).toEqual([{ many }]);
    }
  });

  test("asks for settings on our own connections", async () => {
    const settings = new Statement(
      `SELECT current_setting('plan_cache_mode') AS plans, current_setting('jit') AS jit,
         current_setting('application_name') AS name`,
    );
    expect(await own().run(settings, [], { subject })).toEqual([
      { plans: "force_generic_plan", jit: "off", name: "lexigram-tasks" },
    ]);
  });

  test("throws what it raised itself as it is, and leaves its connection in use", async () => {
    const database = open({ ...at(dsn), poolSize: 1, random: () => systemRandom() });
    const [before] = await database.run(PID, [], { subject });
    const error: unknown = await database
      .run(new Statement("SELECT 1 / $1::int AS never"), [0], { subject })
      .catch((thrown: unknown) => thrown);
    expect(isCode(error, "22012")).toBe(true);
    expect(await database.run(PID, [], { subject })).toEqual([before]);
  });

  test("that takes too long is ended by the server, so that its fate is known", async () => {
    const database = open({ ...at(dsn), callTimeoutMs: 300 });
    const { fields, cause } = await unavailability(
      database.run(new Statement("SELECT pg_sleep(30) IS NULL AS never"), [], { subject }),
    );
    expect(fields).toEqual({ queue: subject, accepted: "no", retryable: true, ids: [] });
    expect(cause).toMatchObject({ code: "57014" });
    expect(await database.run(ONE, [], { subject })).toEqual([{ one: 1 }]);
  });

  test("is answered when the loop was blocked for longer than its deadline", async () => {
    const database = open({ ...at(dsn), callTimeoutMs: 200 });
    await database.run(ONE, [], { subject });
    const answer = database.run(ONE, [], { subject });
    for (const since = performance.now(); performance.now() - since < 600;);
    expect(await answer).toEqual([{ one: 1 }]);
  });

  test("waits for a free connection no longer than its deadline", async () => {
    const pool = new Pool({ connectionString: dsn, max: 1 });
    onTestFinished(() => pool.end());
    const database = open({ target: { kind: "pool", pool }, callTimeoutMs: 300 });
    await database.run(ONE, [], { subject });
    const held = await pool.connect();
    const { fields } = await unavailability(database.run(ONE, [], { subject }));
    expect(fields).toMatchObject({ accepted: "no", retryable: true });
    held.release();
    expect(await database.run(ONE, [], { subject })).toEqual([{ one: 1 }]);
  });
});

describe("a transaction", () => {
  const make = new Statement("CREATE TEMPORARY TABLE lexigram_t ON COMMIT DROP AS SELECT 1 AS a");

  test("commits what was done, and leaves nothing when the work throws", async () => {
    const database = open({ ...at(dsn), poolSize: 1, random: () => systemRandom() });
    const mine = new Error("mine");
    await expect(
      database.transaction({ subject }, async (session) => {
        await session.run(make, []);
        throw mine;
      }),
    ).rejects.toBe(mine);
    const done = await database.transaction({ subject }, async (session) => {
      await session.run(make, []);
      return session.run(new Statement("SELECT a FROM lexigram_t"), []);
    });
    expect(done).toEqual([{ a: 1 }]);
  });

  test("goes back to the pool clean after a statement of it has failed", async () => {
    const database = open({ ...at(dsn), poolSize: 1, random: () => systemRandom() });
    const failing = database.transaction({ subject }, (session) => session.execute("SELECT nonsense"));
    await expect(failing).rejects.toMatchObject({ code: "42703" });
    expect(await database.run(ONE, [], { subject })).toEqual([{ one: 1 }]);
  });
});

describe("a transaction of the caller's", () => {
  test("holds what runs in it, until the caller ends it", async () => {
    const pool = new Pool({ connectionString: dsn, max: 1 });
    onTestFinished(() => pool.end());
    const client = await pool.connect();
    onTestFinished(() => client.release());
    await client.query("BEGIN; CREATE TEMPORARY TABLE lexigram_c (a bigint) ON COMMIT DROP");
    const session = callersSession(client, subject, (call) => call);
    await session.run(new Statement("INSERT INTO lexigram_c VALUES ($1)"), [5]);
    expect(await session.run(new Statement("SELECT a::text FROM lexigram_c"), [])).toEqual([{ a: "5" }]);
    await expect(session.execute("SELECT nonsense")).rejects.toMatchObject({ code: "42703" });
    await client.query("ROLLBACK");
    await client.query("BEGIN; SET LOCAL statement_timeout = 50");
    const { fields } = await unavailability(
      session.run(new Statement("SELECT pg_sleep(10) IS NULL AS never"), []),
    );
    expect(fields).toEqual({ queue: subject, accepted: "no", retryable: true, ids: [] });
    await client.query("ROLLBACK");
  });
});

describe("a server", () => {
  test("is told to those who log once what it risks, also to who comes later", async () => {
    const server = ending(await privatePostgres());
    const [first, second] = [heardLogger(), heardLogger()];
    const database = open({ ...at(server.url), logger: first });
    await database.run(ONE, [], { subject });
    await open({ ...at(server.url), logger: second }).run(ONE, [], { subject });
    for (const { lines } of [first, second])
      expect(lines).toEqual([
        {
          level: "warn",
          message: "the PostgreSQL server risks accepted jobs",
          fields: { risk: expect.stringMatching(/^fsync off/) },
        },
      ]);
    expect((await database.health()).server).toMatchObject({ durability: "unsafe" });
  });

  test("whose transactions see no others' is refused", async () => {
    const pool = new Pool({
      connectionString: dsn,
      options: String.raw`-c default_transaction_isolation=repeatable\ read`,
    });
    onTestFinished(() => pool.end());
    const database = open({ target: { kind: "pool", pool } });
    await expect(database.run(ONE, [], { subject })).rejects.toThrow(TaskConfigError);
  });

  test("that knows no such database is not worth another call", async () => {
    const url = new URL(dsn);
    url.pathname = "/lexigram_no_such";
    const { fields } = await unavailability(open(at(url.href)).run(ONE, [], { subject }));
    expect(fields).toMatchObject({ accepted: "no", retryable: false });
  });
});
