import { describe, expect, test } from "vitest";
import { sql } from "../../src/migrations/sql.ts";
import type { SchemaName } from "../../src/migrations/schema-name.ts";
import { ending } from "../connection/opened.ts";
import { type PostgresServer, serverOfTest } from "../postgres-server.ts";
import { ownSchema, storeIn } from "../state/postgres-state-harness.ts";

/** Rows that one call may read, whatever is stored beside what it is about. */
const MOST_READ = 1_500;
const BACKLOG = 20_000;

const RULES = `'{"tasks":{"slow":{"c":2}},"k":{"c":1,"fifo":true,"fair":true,"rate":{"interval":1,"burst":2}},"rate":{"interval":0.01,"burst":900}}'`;
const KEPT = "3600000, 1000, 604800000, 10000, NULL";

let calls = 0;

interface Reads {
  readonly rows: number;
  /** Of whole tables. */
  readonly scans: number;
  readonly byTable: Readonly<Record<string, number>>;
}

/** One session, in which every function keeps the plans of its first calls. */
class Caller {
  readonly #server: PostgresServer;
  readonly #schema: SchemaName;

  constructor(server: PostgresServer, schema: SchemaName) {
    this.#server = server;
    this.#schema = schema;
  }

  async call(text: string, values: readonly unknown[] = []): Promise<Record<string, unknown>[]> {
    return this.#server.owner(sql`SELECT * FROM ${this.#schema}.queue_${text}`, values);
  }

  /** Rows that a call reads through indexes, and scans of whole tables. */
  async reads(text: string, values: readonly unknown[] = []): Promise<Reads> {
    await this.#server.owner("BEGIN");
    const before = await this.#counted();
    await this.call(text, values);
    const after = await this.#counted();
    await this.#server.owner("ROLLBACK");
    const byTable: Record<string, number> = {};
    let scans = 0;
    for (const [table, now] of after) {
      const was = before.get(table) ?? { rows: 0, scans: 0 };
      if (now.rows > was.rows) byTable[table] = now.rows - was.rows;
      scans += now.scans - was.scans;
    }
    return { rows: Object.values(byTable).reduce((sum, n) => sum + n, 0), scans, byTable };
  }

  async #counted(): Promise<Map<string, { rows: number; scans: number }>> {
    const rows = await this.#server.owner(
      `SELECT relname AS name, seq_tup_read + coalesce(idx_tup_fetch, 0) AS rows, seq_scan AS scans
       FROM pg_stat_xact_user_tables WHERE schemaname = $1`,
      [this.#schema.name],
    );
    return new Map(
      rows.map((row) => [String(row["name"]), { rows: Number(row["rows"]), scans: Number(row["scans"]) }]),
    );
  }
}

const jobs = (n: number, prefix: string, more: (i: number) => object = () => ({})): string =>
  JSON.stringify(
    Array.from({ length: n }, (_, i) => ({
      i: `${prefix}${i}`,
      t: "t",
      p: 5,
      d: "{}",
      e: "tjson",
      ...more(i),
    })),
  );

/** Each function once, or a few times, about the jobs of a prefix. */
function everyCall(queue: number, prefix: string): [text: string, values?: unknown[]][] {
  const seq = (): number => ++calls;
  return [
    [`enqueue_plain(${queue}, 'ep', ${seq()}, 1000, $1)`, [jobs(100, `${prefix}p`)]],
    [
      `enqueue(${queue}, 'e', ${seq()}, 1000, $1)`,
      [
        jobs(100, `${prefix}e`, (i) => ({
          k: `k${i % 7}`,
          u: `${prefix}u${i}`,
          m: "settled",
          c: "reject",
          x: 900000,
        })),
      ],
    ],
    [`enqueue_one(${queue}, 'ep', ${seq()}, 1000, '${prefix}one', 't', 5::smallint, '{}', 'tjson', NULL)`],
    [`exchange(${queue}, 'x', ${seq()}, 1000, NULL, NULL, 100, 20, 60000, 1000000)`],
    [`exchange_plain(${queue}, 'x', ${seq()}, 1000, NULL, NULL, 100, 20, 60000, 1000000)`],
    [
      `exchange(${queue}, 'y', ${seq()}, 1000, '[{"k":"c","n":1,"i":"none"}]', '[{"n":1,"i":"none"}]', 1, 0, 60000, 1000)`,
    ],
    [
      `exchange_plain(${queue}, 'y', ${seq()}, 1000, '[{"n":1,"i":"none"}]', '[{"n":1,"i":"other"}]', 1, 0, 60000, 1000)`,
    ],
    [`extend(${queue}, '[{"n":1,"i":"none"}]', 1000)`],
    [`cancel(${queue}, '${prefix}p7')`],
    [`update(${queue}, '${prefix}p8', NULL, 9::smallint, NULL, NULL)`],
    [`delete(${queue}, '${prefix}p9')`],
    [`clear(${queue}, 'p', 5)`],
    [`clear(${queue}, 's', 5)`],
    [`clear(${queue}, 'c', 5)`],
    [`await(${queue})`],
    [`bury(${queue}, $1, '{}', 'manual')`, [jobs(1, `${prefix}b`)]],
    [`redrive(${queue}, '${prefix}b0')`],
    [`unbury(${queue}, '${prefix}b0')`],
    [`each(${queue}, 'remove', NULL, NULL, 0, NULL, 5)`],
    [`get(${queue}, '${prefix}p3')`],
    [`outcomes(${queue}, '["${prefix}p3","none"]')`],
    [`counts(${queue})`],
    [`stats(${queue})`],
    [`meta(${queue})`],
    [`letters(${queue})`],
    [`watch(${queue}, 1000, '["${prefix}p3"]')`],
    ...["p", "s", "R", "c", "f", "w"].map((status): [string] => [
      `list(${queue}, '${status}', false, 20, NULL, NULL, NULL, 100)`,
    ]),
    [`list(${queue}, 'f', true, 20, 't', NULL, NULL, 100)`],
  ];
}

describe("plans that were made while the tables were empty", () => {
  test("serve a long queue by its indexes, each call at the same cost", { timeout: 120_000 }, async () => {
    const server = await serverOfTest();
    const schema = ownSchema("plans");
    await storeIn(ending(server.connect()), schema).get("k");
    // Tables that are known to be empty are scanned rather than looked up.
    const tables = await server.owner("SELECT tablename FROM pg_tables WHERE schemaname = $1", [schema.name]);
    for (const { tablename } of tables) await server.owner(sql`ANALYZE ${schema}.${String(tablename)}`);
    const caller = new Caller(server, schema);
    for (const name of ["plain", "ruled"]) await caller.call(`open('${name}')`);
    for (let round = 0; round < 7; round++)
      for (const queue of [1, 2]) {
        await caller.call(
          `set_policy(${queue}, '{}', ${queue === 1 ? "NULL, ''" : `${RULES}, 'r'`}, ${KEPT})`,
        );
        for (const [text, values] of everyCall(queue, `r${round}-`)) await caller.call(text, values);
      }
    for (let at = 0; at < BACKLOG; at += 1_000) {
      await caller.call(`enqueue_plain(1, 'ep', ${++calls}, 1000, $1)`, [jobs(1_000, `long${at}-`)]);
      await caller.call(`enqueue_plain(1, 'ep', ${++calls}, 1000, $1)`, [
        jobs(500, `late${at}-`, () => ({ y: 900_000 })),
      ]);
    }
    for (let at = 0; at < 2_000; at += 500)
      await caller.call(`enqueue(2, 'e', ${++calls}, 1000, $1)`, [
        jobs(500, `keyed${at}-`, (i) => ({ k: `key${i % 50}`, ...(i % 3 === 0 ? { t: "slow" } : {}) })),
      ]);
    const dear: unknown[] = [];
    for (const queue of [1, 2])
      for (const [text, values] of everyCall(queue, "last-")) {
        const { rows, scans, byTable } = await caller.reads(text, values);
        if (
          rows > (text.startsWith("enqueue") || text.startsWith("exchange") ? 8 : 1) * MOST_READ ||
          scans > 0
        )
          dear.push({ text, scans, byTable });
      }
    expect(dear).toEqual([]);
  });
});
