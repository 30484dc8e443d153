import { aJob, uniqueName } from "@lexigram/conformance";
import type { Body } from "@lexigram/contracts";
import { task, type TaskDispatcher } from "@lexigram/tasks";
import { postgresBackend } from "@lexigram/tasks-postgres";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { ending } from "../connection/opened.ts";
import { type PostgresServer, sharedPostgres } from "../postgres-server.ts";
import { Shop } from "../transactions/shop.ts";

let server: PostgresServer;
beforeAll(async () => {
  server = await sharedPostgres();
});
afterAll(() => server.end());

const ran: string[] = [];
const work = task({ name: "work" }, async (ctx) => {
  ran.push(ctx.job.id);
  return ctx.headers;
});

let shop: Shop;
let tasks: TaskDispatcher;
let queue: ReturnType<ReturnType<typeof postgresBackend>["queue"]>;
beforeEach(async () => {
  ran.length = 0;
  shop = await Shop.open(server);
  queue = ending(postgresBackend({ dsn: server.url, schema: shop.schema })).queue("work");
  tasks = await shop.app([work]);
});

/** A job whose row somebody else changes before a worker sees it. */
async function changed(set: string, values: readonly unknown[]): Promise<string> {
  await queue.pause();
  const { id } = await tasks.enqueue(work, undefined, { id: uniqueName("job") });
  const { rowCount } = await shop.pool.query(`UPDATE ${shop.schema}.job SET ${set} WHERE id = $1`, [
    id,
    ...values,
  ]);
  expect(rowCount).toBe(1);
  await queue.resume();
  return id;
}

/** Ends among the dead letters with the body that came, and is in nobody's way. */
async function expectBuried(id: string, body: Body): Promise<void> {
  await vi.waitFor(async () => expect(await queue.deadLetters.size()).toBe(1), 10_000);
  expect(await queue.deadLetters.get(id)).toMatchObject({
    job: { id, task: "work", body, attempt: 1 },
    reason: "invalid",
    error: { code: "LEX_ERR_TASK_VALIDATION" },
  });
  const good = await tasks.enqueue(work);
  await good.result({ timeout: "10s" });
  expect(ran).toEqual([good.id]);
}

describe("a body that nobody here can read", () => {
  test.each<[string, string, string, Body]>([
    ["that is no JSON", "{", "tjson", { data: "{", encoding: "json" }],
    ["that is no envelope", "[]", "tjson", { data: "[]", encoding: "json" }],
    ["of a form that is not ours", "\\x0001", "json", { data: "\\x0001", encoding: "json" }],
    ["of the form of JSON that is none", "a", "", { data: "a", encoding: "json" }],
    ["of an unknown form", "a", "qjson", { data: "a", encoding: "qjson" }],
    ["of bytes that are none", "***", "bjson", { data: "***", encoding: "json" }],
    ["of half its bytes", "AAAAA", "bx-packed", { data: "AAAAA", encoding: "x-packed" }],
    [
      "of an unknown encoding",
      "AAEC",
      "bx-packed",
      { data: new Uint8Array([0, 1, 2]), encoding: "x-packed" },
    ],
  ])("ends among the dead letters as it lies in its row: %s", async (_, data, encoding, body) => {
    await expectBuried(await changed("data = $2, encoding = $3", [data, encoding]), body);
  });

  test("ends there as well when a producer stored it", async () => {
    const body = { data: new Uint8Array([0, 255, 10, 13, 128]), encoding: "x-unknown" };
    const bad = aJob({ task: "work", body });
    await queue.enqueueMany([bad], { session: "foreign", seq: 1 });
    await expectBuried(bad.id, body);
  });
});

test.each(["{", "7", '{"a":1}', '["b"]'])("headers that are none count as absent: %s", async (headers) => {
  const id = await changed("headers = $2", [headers]);
  expect(await tasks.handle("work", id).result({ timeout: "10s" })).toEqual({});
});
