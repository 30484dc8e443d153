import { type NewJob, systemRandom } from "@lexigram/contracts";
import { Application } from "@lexigram/kernel";
import { task, TaskDispatcher, TasksModule } from "@lexigram/tasks";
import { redisBackend } from "@lexigram/tasks-redis";
import { sharedServers } from "@lexigram/services";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { z } from "zod";
import { postgresBackend } from "../../src/index.ts";
import { behindPooler, type PostgresServer, sharedPostgres } from "../postgres-server.ts";
import { Gate, Shop } from "../transactions/shop.ts";
import { Arrivals, letter, Post, TARGETS } from "./post.ts";

const names = (prefix: string, n: number): string[] => Array.from({ length: n }, (_, i) => `${prefix}${i}`);

let server: PostgresServer;
beforeAll(async () => {
  server = await sharedPostgres();
});
afterAll(() => server.end());

describe.each(TARGETS)("an enqueue to a queue on %s in a transaction of another store", (target) => {
  test("arrives when it is committed, in the order of its transaction, and never when it is rolled back", async () => {
    const post = await Post.open(server, target);
    const app = await post.app();
    const { client, commit } = await post.shop.begun();
    // Two transactions at once, and more than a batch holds.
    await post.enqueue(app, names("slow-", 300), client);
    await post.send(app, names("gone-", 3), "ROLLBACK");
    await post.send(app, names("fast-", 20));
    await post.enqueue(app, names("late-", 700), client);
    const arrivals = new Arrivals();
    await post.app({ workers: 1, tasks: [arrivals.task] });
    await arrivals.atLeast(20);
    expect(arrivals.names).toEqual(names("fast-", 20));
    await commit();
    await arrivals.atLeast(1_020);
    expect(arrivals.names.slice(20)).toEqual([...names("slow-", 300), ...names("late-", 700)]);
    await vi.waitFor(async () => expect(await post.left()).toBe(0));
  });

  test("hands its handle the result", async () => {
    const post = await Post.open(server, target);
    const echo = task({ name: "echo", queue: "mail", input: z.string() }, async (name) => name.toUpperCase());
    const app = await post.app({ workers: 1, tasks: [echo] });
    const { client, commit } = await post.shop.begun();
    const handle = await app
      .get(TaskDispatcher)
      .enqueue(echo, "ada", { transaction: client, id: "greeting" });
    expect(handle.id).toBe("greeting");
    await commit();
    await vi.waitFor(async () => expect(await handle.status()).toBe("completed"));
    expect(await handle.result({ timeout: "10s" })).toBe("ADA");
  });

  test("waits for room in its queue, and keeps its order", async () => {
    const post = await Post.open(server, target);
    const app = await post.app({ mail: { maxSize: 3 } });
    const queue = post.queue();
    await post.send(app, names("n", 9));
    await vi.waitFor(async () => expect(await queue.count()).toBe(3));
    const arrivals = new Arrivals();
    await post.app({ workers: 1, tasks: [arrivals.task], mail: { maxSize: 3 } });
    await arrivals.atLeast(9);
    expect(arrivals.names).toEqual(names("n", 9));
  });

  test("is a dead letter where its queue refuses it, and is dropped where its unique key is held", async () => {
    const post = await Post.open(server, target);
    const app = await post.app();
    const tasks = app.get(TaskDispatcher);
    const held = await tasks.enqueue(letter, "first", { unique: { key: "one" } });
    const { client: transaction, commit } = await post.shop.begun();
    await tasks.enqueue(letter, "second", { id: "dropped", unique: { key: "one" }, transaction });
    await tasks.enqueue(letter, "orphan", { id: "orphan", dependsOn: ["nobody"], transaction });
    await tasks.enqueue(letter, "fine", { id: "fine", transaction });
    await commit();
    const queue = post.queue();
    await vi.waitFor(async () => expect(await post.left()).toBe(0));
    expect((await queue.getJob("fine"))?.status).toBe("pending");
    expect(await queue.getJob("dropped")).toBeUndefined();
    expect((await queue.getJob(held.id))?.status).toBe("pending");
    const dead = await queue.deadLetters.get("orphan");
    expect([dead?.reason, dead?.error.code]).toEqual(["rejected", "LEX_ERR_TASK_JOB_NOT_FOUND"]);
  });

  test("counts delays and expiries from the enqueue", async () => {
    const post = await Post.open(server, target);
    const begun = new Gate();
    const go = new Gate();
    const app = await post.app({
      send: async (send) => {
        begun.open();
        await go.opened;
        return send();
      },
    });
    // The first holds the relay up, so that the others are taken after they have waited.
    await post.send(app, ["first"]);
    await begun.opened;
    const { client: transaction, commit } = await post.shop.begun();
    const tasks = app.get(TaskDispatcher);
    await tasks.enqueue(letter, "due", { id: "due", delay: "1h", transaction });
    await tasks.enqueue(letter, "early", { id: "early", delay: "3h", transaction });
    await tasks.enqueue(letter, "late", { id: "late", expiresIn: "1h", transaction });
    await commit();
    await post.tables("UPDATE @outbox SET added = added - 7200000");
    go.open();
    const queue = post.queue();
    const status = async (id: string): Promise<string | undefined> => (await queue.getJob(id))?.status;
    await vi.waitFor(async () => expect(await status("due")).toBe("pending"));
    expect(await status("early")).toBe("scheduled");
    const left =
      ((await queue.getJob("early"))?.runAt ?? 0) - ((await queue.getJob("early"))?.createdAt ?? 0);
    expect(Math.round(left / 60_000)).toBe(60);
    const claim = { slots: 10, ahead: 0, leaseMs: 1_000, maxBytes: 1_000_000 };
    await vi.waitFor(async () => {
      await queue.exchange({ session: "late", seq: Date.now(), settle: [], started: [], claim });
      expect(await status("late")).toBe("expired");
    });
  });
});

describe("an outbox", () => {
  test("works behind a pooler", async () => {
    const pooled = await behindPooler();
    onTestFinished(() => pooled.end());
    const post = await Post.open(pooled, "redis");
    const arrivals = new Arrivals();
    const app = await post.app({ workers: 1, tasks: [arrivals.task] });
    await post.send(app, ["one", "two"]);
    await arrivals.atLeast(2);
    expect(arrivals.names).toEqual(["one", "two"]);
  });

  test("gives back the jobs that it was given", async () => {
    const shop = await Shop.open(server);
    const backend = postgresBackend({ dsn: server.url, schema: shop.schema, random: () => systemRandom() });
    onTestFinished(() => backend.close());
    const outbox = backend.outbox!("anywhere");
    const jobs: NewJob[] = [
      { id: "plain", task: "t", body: { data: "{}", encoding: "json" }, headers: {}, priority: 5 },
      {
        id: "odd\u0001\uD800",
        task: "t\u0000",
        body: { data: "a\u0000\uDC00\"'\\", encoding: "json\u0000" },
        headers: { "x\u0000": "\uD800", quote: "\"'" },
        priority: 0,
        key: "k\u0000",
        unique: { key: "u\uD800", until: { ttlMs: 5_000 }, onConflict: "existing" },
        notifies: "plain",
        maxRecoveries: 0,
        resultTtlMs: null,
      },
      {
        id: "bytes",
        task: "t",
        body: { data: new Uint8Array([0, 255, 1]), encoding: "raw" },
        headers: {},
        priority: 20,
        dependsOn: ["plain"],
        barrier: { size: 2 },
      },
    ];
    const { client, commit } = await shop.begun();
    expect((await outbox.add(client, jobs)).every(({ ok }) => ok)).toBe(true);
    await commit();
    const reply = await outbox.take({ holder: "a", leaseMs: 5_000, limit: 10 });
    expect(reply).toMatchObject({ state: "batch", batch: { jobs } });
    // Another one has to wait, and a report of a batch that is not the last changes nothing.
    const report = { seq: 1, again: [], refused: [] };
    expect(await outbox.take({ holder: "b", leaseMs: 5_000, limit: 10 })).toMatchObject({ state: "held" });
    expect(await outbox.take({ holder: "a", leaseMs: 5_000, limit: 10, report })).toEqual(reply);
  });

  test("sets aside what nobody takes, with the reason, and goes on", async () => {
    const shop = await Shop.open(server);
    const backend = postgresBackend({ dsn: server.url, schema: shop.schema, random: () => systemRandom() });
    onTestFinished(() => backend.close());
    const outbox = backend.outbox!("anywhere");
    const job = (id: string): NewJob => ({
      id,
      task: "t",
      body: { data: "{}", encoding: "json" },
      headers: {},
      priority: 5,
    });
    const { client, commit } = await shop.begun();
    await outbox.add(client, ["a", "b", "c"].map(job));
    await commit();
    const request = { holder: "me", leaseMs: 5_000, limit: 10 };
    const first = await outbox.take(request);
    if (first.state !== "batch") throw new Error("nothing was taken");
    const { seq } = first.batch;
    const error = { name: "Error", message: "no" };
    const second = await outbox.take({
      ...request,
      report: { seq, again: [2], refused: [{ at: 1, error }] },
    });
    expect(second).toMatchObject({ state: "batch", batch: { jobs: [{ id: "c" }] } });
    const { rows } = await shop.pool.query(
      `SELECT job::json->>'id' AS id, error FROM ${shop.schema}.outbox_refused`,
    );
    expect(rows).toEqual([{ id: "b", error: JSON.stringify(error) }]);
    const { details, status } = await backend.health();
    expect([status, details?.["outbox"]]).toEqual([
      "healthy",
      { waiting: 1, oldestMs: expect.any(Number), refused: 1 },
    ]);
    expect(details?.["warnings"]).toContainEqual(expect.stringContaining("outbox"));
  });

  test("is an entry whose store has transactions, and another one", async () => {
    const booting = async (outbox: string): Promise<Application> =>
      Application.boot({
        modules: [
          TasksModule.configure({
            backends: [
              { name: "mail", type: "redis", redisUrl: sharedServers.redis, outbox },
              { name: "other", backend: redisBackend({ url: sharedServers.redis }) },
            ],
          }),
        ],
        config: { logging: { level: "silent" } },
      });
    await expect(booting("other")).rejects.toMatchObject({
      cause: { message: expect.stringContaining('backend of type "redis" has no transactions') },
    });
    await expect(booting("othr")).rejects.toThrow('names no entry: there is no "othr"');
    await expect(booting("mail")).rejects.toThrow("is the queue itself");
  });
});
