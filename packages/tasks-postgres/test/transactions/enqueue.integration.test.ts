import { task, type TaskDispatcher } from "@lexigram/tasks";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { taking } from "../connection/opened.ts";
import { behindPooler, type PostgresServer, sharedPostgres } from "../postgres-server.ts";
import { Gate, Shop } from "./shop.ts";

describe.each([
  ["", sharedPostgres],
  [" behind a pooler", behindPooler],
])("an enqueue in a caller's transaction%s", (_how, making) => {
  let server: PostgresServer;
  let shop: Shop;
  beforeAll(async () => {
    server = await making();
  });
  afterAll(() => server.end());

  const mail = task({ name: "mail" }, async () => "sent");
  /** Runs nothing, so that what is stored stays. */
  const producer = async (): Promise<TaskDispatcher> => {
    shop = await Shop.open(server);
    return shop.app([mail], { workers: 0 });
  };

  test("is seen when it is committed, and not before", async () => {
    const tasks = await producer();
    const { client, commit } = await shop.begun();
    await shop.effect(client, "order-1");
    const handle = await tasks.enqueue(mail, undefined, { transaction: client });
    expect([await handle.status(), await shop.notes("order-1")]).toEqual(["unknown", []]);
    await commit();
    expect([await handle.status(), await shop.notes("order-1")]).toEqual(["pending", ["done"]]);
  });

  test("leaves nothing behind when it is rolled back, so that its id can be used again", async () => {
    const tasks = await producer();
    const { client, rollback } = await shop.begun();
    const options = { id: "mail-1", unique: { key: "customer-1" } };
    const handle = await tasks.enqueue(mail, undefined, { ...options, transaction: client });
    await rollback();
    expect(await handle.status()).toBe("unknown");
    const again = await tasks.enqueue(mail, undefined, options);
    expect([again.id, await again.status()]).toEqual(["mail-1", "pending"]);
  });

  test("takes many jobs, by name, with unique keys and delays, and judges each by itself", async () => {
    const tasks = await producer();
    await tasks.enqueue(mail, undefined, { unique: { key: "taken" } });
    const { client: transaction, commit } = await shop.begun();
    const results = await tasks.enqueueMany([
      { task: mail, options: { transaction } },
      { task: "elsewhere", input: { n: 1 }, options: { transaction, queue: "work" } },
      { task: mail, options: { transaction, unique: { key: "free" } } },
      { task: mail, options: { transaction, unique: { key: "free" } } },
      { task: mail, options: { transaction, unique: { key: "taken" } } },
      { task: mail, options: { transaction, delay: "1h" } },
    ]);
    const stands = (): Promise<string[]> =>
      Promise.all(results.map(async (r) => (r.ok ? r.value.status() : r.error.code)));
    const duplicate = "LEX_ERR_TASK_DUPLICATE";
    expect(await stands()).toEqual(["unknown", "unknown", "unknown", duplicate, duplicate, "unknown"]);
    await commit();
    expect(await stands()).toEqual(["pending", "pending", "pending", duplicate, duplicate, "scheduled"]);
  });

  test("wakes an idle worker of another process when it is committed", async () => {
    const tasks = await producer();
    const started: Gate<number>[] = [];
    const wake = task({ name: "wake" }, async () => started.at(-1)?.open(performance.now()));
    await shop.app([wake]);
    const spans: number[] = [];
    for (let i = 0; i < 7; i++) {
      started.push(new Gate());
      const { client, commit } = await shop.begun();
      await tasks.enqueue(wake, undefined, { transaction: client });
      const since = performance.now();
      await commit();
      spans.push(((await started.at(-1)?.opened) ?? Infinity) - since);
    }
    // It looks by itself once a second, which is half a second on average.
    const [, , , median = Infinity] = spans.toSorted((a, b) => a - b);
    if (making === sharedPostgres) expect(median).toBeLessThan(250);
    expect(Math.max(...spans)).toBeLessThan(3_000);
  });

  test("holds up nobody while its transaction is open, and answers who wants the same id or key", async () => {
    const tasks = await producer();
    const held = { id: "held", unique: { key: "held" } };
    const stranger = await shop.begun();
    await tasks.enqueue(mail, undefined, { ...held, transaction: stranger.client });

    const spans: number[] = [];
    const other = await shop.begun();
    for (let i = 0; i < 200; i++)
      spans.push(
        await taking(() =>
          tasks.enqueue(mail, undefined, i % 4 === 0 ? { transaction: other.client } : { id: `free-${i}` }),
        ),
      );
    await other.commit();
    const [, , slow = Infinity] = spans.toSorted((a, b) => b - a);
    expect(slow).toBeLessThan(250);

    const wants = [
      { id: held.id },
      { unique: held.unique },
      { unique: { ...held.unique, onConflict: "existing" as const } },
    ];
    const { client: transaction } = await shop.begun();
    for (const options of [...wants, ...wants.map((wanted) => ({ ...wanted, transaction }))])
      expect(
        await taking(() =>
          expect(tasks.enqueue(mail, undefined, options)).rejects.toMatchObject({
            code: "LEX_ERR_TASK_DUPLICATE",
            hint: "a job of a transaction that has not ended holds it; try again when that has",
          }),
        ),
      ).toBeLessThan(2_000);
    // What was refused has not spoilt the transaction.
    expect((await transaction.query("SELECT 1 AS one")).rows).toEqual([{ one: 1 }]);

    await stranger.rollback();
    expect((await tasks.enqueue(mail, undefined, held)).id).toBe("held");
  });

  test("takes what a query builder makes of it", async () => {
    const tasks = await producer();
    const { client, commit } = await shop.begun();
    const texts: string[] = [];
    let [asked, most] = [0, 0];
    const transaction = {
      query: async (text: string, values: unknown[] = []) => {
        texts.push(text);
        most = Math.max(most, ++asked);
        const { rows } = await client.query<Record<string, unknown>>(text, values);
        asked--;
        return { rows };
      },
    };
    const handles = await Promise.all([1, 2, 3].map(() => tasks.enqueue(mail, undefined, { transaction })));
    await commit();
    expect(await Promise.all(handles.map((handle) => handle.status()))).toEqual(Array(3).fill("pending"));
    // Whoever enqueues several at once has them told to the client one after the other.
    expect(most).toBe(1);
    // Each value once and in order, so that `?` may stand in the place of each.
    for (const text of texts) {
      const numbers = [...text.matchAll(/\$(\d+)/g)].map(([, n]) => Number(n));
      expect(numbers).toEqual(numbers.map((_, i) => i + 1));
      expect(text).not.toContain("?");
    }
    expect(texts).not.toEqual([]);
  });

  test("is refused on what is no client, and with a link that broke", async () => {
    const tasks = await producer();
    const refused = { code: "LEX_ERR_TASK_VALIDATION", fields: { subject: "transaction" } };
    for (const handle of [{}, null, "BEGIN", shop.pool, { query: 1 }])
      await expect(tasks.enqueue(mail, undefined, { transaction: handle as never })).rejects.toMatchObject(
        refused,
      );

    const { client } = await shop.begun();
    const {
      rows: [own],
    } = await client.query<{ pid: number }>("SELECT pg_backend_pid() AS pid");
    await server.owner("SELECT pg_terminate_backend($1)", [own?.pid]);
    await expect(tasks.enqueue(mail, undefined, { transaction: client })).rejects.toMatchObject({
      code: "LEX_ERR_TASK_QUEUE_UNAVAILABLE",
      fields: { accepted: "no" },
    });
  });
});
