import { systemClock } from "@lexigram/contracts";
import { sharedServers } from "@lexigram/services";
import { Client } from "pg";
import { describe, expect, onTestFinished, test } from "vitest";
import { sql } from "../../src/migrations/sql.ts";
import { StoredSchema } from "../../src/migrations/stored-schema.ts";
import { serverOfTest } from "../postgres-server.ts";
import { ownSchema } from "../state/postgres-state-harness.ts";

type Row = Record<string, unknown>;
type Call = (text: string, values?: readonly unknown[]) => Promise<Row[]>;

/** A queue, numbered 1, whose functions are called one by one. */
async function aQueue(): Promise<{ call: Call; table: Call; other: () => Promise<readonly [Client, Call]> }> {
  const server = await serverOfTest();
  const schema = ownSchema("short");
  const database = server.connect();
  onTestFinished(() => database.close());
  await new StoredSchema({ database, schema, clock: systemClock }).ensure();
  const call: Call = (text, values) => server.owner(sql`SELECT * FROM ${schema}.queue_${text}`, values);
  const table: Call = (text) => server.owner(text.replaceAll("@", `${String(schema)}.`));
  await call("open('q')");
  // No call goes the long way to look for what only time brings.
  await table("UPDATE @queue SET swept = 9000000000000");
  return {
    call,
    table,
    async other() {
      const client = new Client(sharedServers.postgres);
      await client.connect();
      onTestFinished(() => client.end());
      return [
        client,
        async (text) => (await client.query<Row>(sql`SELECT * FROM ${schema}.queue_${text}`)).rows,
      ];
    },
  };
}

const schemaOf = async (table: Call): Promise<string> => {
  const [row] = await table(
    "SELECT relnamespace::regnamespace::text || '.' AS own FROM pg_class WHERE oid = '@lease'::regclass",
  );
  return String(row?.["own"]);
};
const one = (seq: number, id: string): string =>
  `enqueue_one(1, 'e', ${seq}, 60000, '${id}', 't', 5::smallint, '{}', '', NULL)`;
const exchange = (seq: number, { session = "x", settles = "NULL", starts = "NULL", slots = 0, ahead = 0 }) =>
  `exchange_plain(1, '${session}', ${seq}, 60000, ${settles}, ${starts}, ${slots}, ${ahead}, 60000, 1000000)`;
const accepted = async (call: Call, text: string): Promise<unknown> =>
  (await call(text))[0]?.["queue_enqueue_one"];
const idsOf = (rows: readonly Row[]): unknown[] => rows.slice(1).map(({ id }) => id);
const headOf = ([row]: readonly Row[]): unknown => row?.["head"];
const pending = async (call: Call): Promise<unknown> => {
  const [row = {}] = await call("counts(1)");
  const counts = row["queue_counts"] as readonly number[];
  return counts[3];
};
const held = (rows: readonly Row[], ids: readonly string[]): string => {
  const { number } = headOf(rows) as { readonly number: string };
  return `'${JSON.stringify(ids.map((i) => ({ n: Number(number), i })))}'`;
};

describe("a job that comes alone", () => {
  test("is stored once, and counted with its session until the queue has a bound", async () => {
    const { call } = await aQueue();
    expect(await accepted(call, one(1, "a"))).toBe(true);
    expect(await accepted(call, one(2, "b"))).toBe(true);
    expect(await accepted(call, one(3, "b"))).toBe(false);
    expect(await accepted(call, one(2, "c"))).toBe(false);
    expect(await pending(call)).toBe(2);
    await call("set_policy(1, '{}', NULL, '', 3600000, 1000, 604800000, 10000, 3)");
    expect(await accepted(call, one(4, "d"))).toBeNull();
    expect(await pending(call)).toBe(2);
    const two = JSON.stringify(["e", "f"].map((i) => ({ i, t: "t", p: 5, d: "{}", e: "" })));
    const [row] = await call("enqueue_plain(1, 'p', 1, 60000, $1)", [two]);
    expect(JSON.parse(String(row?.["answers"]))).toEqual(["a", "f3"]);
    expect(idsOf(await call(exchange(1, { slots: 9 })))).toEqual(["a", "b", "e"]);
  });

  test("is left to the other ways while a transaction of a caller's is open", async () => {
    const { call, other } = await aQueue();
    const [client, inside] = await other();
    await client.query("BEGIN");
    await inside(`enqueue_in(1, '[{"i":"a","t":"t","p":5,"d":"{}","e":""}]', 'w')`);
    expect(await accepted(call, one(1, "b"))).toBeNull();
    await client.query("ROLLBACK");
    expect(await accepted(call, one(1, "b"))).toBe(true);
  });
});

describe("an exchange of plain jobs", () => {
  test("takes starts, and what was renewed, without a look at each", async () => {
    const { call, table } = await aQueue();
    for (const [i, id] of ["a", "b", "c"].entries()) await accepted(call, one(i + 1, id));
    const first = await call(exchange(1, { slots: 1, ahead: 2 }));
    expect(idsOf(first)).toEqual(["a", "b", "c"]);
    await call(`extend(1, ${held(first, ["a", "b"])}, 60000)`);
    const second = await call(
      exchange(2, { settles: held(first, ["a", "z"]), starts: held(first, ["b", "y"]) }),
    );
    const { lost } = headOf(second) as { readonly lost: string[] };
    expect(lost.map((receipt) => receipt.split(".")[1] ?? "").toSorted()).toEqual(["y", "z"]);
    expect(await table("SELECT id, started IS NOT NULL AS started, began FROM @lease ORDER BY id")).toEqual([
      { id: "b", started: true, began: true },
      { id: "c", started: false, began: false },
    ]);
  });

  test("is left to the other way while somebody holds one of its leases, and changes nothing", async () => {
    const { call, other, table } = await aQueue();
    for (const [i, id] of ["a", "b"].entries()) await accepted(call, one(i + 1, id));
    const first = await call(exchange(1, { slots: 2 }));
    const [client, inside] = await other();
    await client.query("BEGIN");
    await inside(`extend(1, ${held(first, ["b"])}, 60000)`);
    const [refused] = await call(exchange(2, { settles: held(first, ["a", "b"]) }));
    expect(refused?.["head"]).toMatchObject({ refused: expect.any(String) });
    expect(await table("SELECT id FROM @lease ORDER BY id")).toEqual([{ id: "a" }, { id: "b" }]);
    await client.query("COMMIT");
    const [done] = await call(exchange(2, { settles: held(first, ["a", "b"]) }));
    expect(done?.["head"]).toMatchObject({ lost: [] });
    expect(await table("SELECT id FROM @lease")).toEqual([]);
  });

  test("waits for one that takes jobs alone, and takes others beside one that does not", async () => {
    const { call, other, table } = await aQueue();
    for (const [i, id] of ["a", "b", "c", "d", "e", "f"].entries()) await accepted(call, one(i + 1, id));
    const [[alone, first], [beside, second], [, third]] = [await other(), await other(), await other()];
    await alone.query("BEGIN");
    expect(idsOf(await first(exchange(1, { session: "x1", slots: 2 })))).toEqual(["a", "b"]);
    await beside.query("BEGIN");
    const waiting = second(exchange(1, { session: "x2", slots: 2 }));
    const waits =
      "SELECT FROM pg_locks l JOIN pg_stat_activity USING (pid) WHERE NOT l.granted AND query LIKE '%@%'";
    while ((await table(waits)).length === 0);
    await alone.query("COMMIT");
    expect(idsOf(await waiting)).toEqual(["c", "d"]);
    expect(idsOf(await third(exchange(1, { session: "x3", slots: 2 })))).toEqual(["e", "f"]);
    await beside.query("COMMIT");
  });
});

describe("children of one callback", () => {
  test("are stored, given out and completed together, and counted once for their barrier", async () => {
    const { call, table, other } = await aQueue();
    const offer = { t: "t", p: 5, d: "{}", e: "" };
    const enqueue = "enqueue(1, 'e', 1, 60000, $1)";
    const back = { ...offer, i: "back", b: 50 };
    const ids = Array.from({ length: 50 }, (_, i) => `c${i + 10}`);
    const children = ids.map((i) => ({ ...offer, i, n: "back", u: i, m: "ttl", w: 60_000, c: "existing" }));
    const twice = { ...children[0], i: "twice" };
    const [row] = await call(enqueue, [JSON.stringify([back, ...children, twice])]);
    expect(JSON.parse(String(row?.["answers"])).at(-1)).toBe("ec10");
    const claim = "exchange(1, 'x', 1, 60000, NULL, NULL, 20, 80, 60000, 1000000)";
    const changes = `SELECT relname, n_tup_upd AS changed FROM pg_stat_xact_user_tables
      WHERE schemaname = (SELECT schemaname FROM pg_stat_xact_user_tables WHERE relid = '@lease'::regclass)
        AND relname IN ('lease', 'job_state') ORDER BY relname`;
    const [client, inside] = await other();
    const inStep = async (text: string): Promise<readonly [Row[], unknown]> => {
      await client.query("BEGIN");
      const rows = await inside(text);
      const { rows: changed } = await client.query(changes.replaceAll("@", await schemaOf(table)));
      await client.query("COMMIT");
      return [rows, changed];
    };
    const [first, started] = await inStep(claim);
    expect(idsOf(first)).toEqual(ids);
    expect(started).toEqual([
      { relname: "job_state", changed: "0" },
      { relname: "lease", changed: "0" },
    ]);
    const settles = held(first, ids).replaceAll('{"n"', '{"k":"c","n"');
    const [, ended] = await inStep(`exchange(1, 'x', 2, 60000, ${settles}, NULL, 0, 0, 60000, 1000000)`);
    // The callback's own row, once.
    expect(ended).toEqual([
      { relname: "job_state", changed: "1" },
      { relname: "lease", changed: "0" },
    ]);
    expect(idsOf(await call("exchange(1, 'x', 3, 60000, NULL, NULL, 9, 0, 60000, 1000000)"))).toEqual([
      "back",
    ]);
    expect(await table("SELECT DISTINCT pins, counted, kept FROM @job_state WHERE id <> 'back'")).toEqual([
      { pins: 1, counted: true, kept: false },
    ]);
  });
});
