import { aJob, uniqueName } from "@lexigram/conformance";
import { TaskConfigError } from "@lexigram/contracts";
import { Application } from "@lexigram/kernel";
import { type PrivateServer, privateRedis } from "@lexigram/services";
import { task, TaskDispatcher, TasksModule } from "@lexigram/tasks";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { RedisTaskQueue } from "../../src/index.ts";
import { QueueKeys } from "../../src/lua/keys.ts";
import { ending } from "../connection/opened.ts";

let server: PrivateServer;
beforeAll(async () => {
  server = await privateRedis();
});
afterAll(() => server.stop());

const opened = (name: string): RedisTaskQueue =>
  ending(new RedisTaskQueue({ url: server.url, name, namespace: "test" }));

describe("a queue that newer code laid out anew", () => {
  test("is left alone by this code, which says what to do", async () => {
    const name = uniqueName("queue");
    const before = opened(name);
    await before.enqueue(aJob());
    const meta = new QueueKeys("test", name).all[0] ?? "";
    const client = new Redis(server.url);
    expect(await client.hmget(meta, "layout", "oldestLayout")).toEqual(["1", "1"]);
    await client.hset(meta, { layout: "3", oldestLayout: "2" });
    const stored = await client.hgetall(meta);
    const queue = opened(name);
    const call = { session: "s", seq: 1 };
    const claim = { slots: 1, ahead: 0, leaseMs: 60_000, maxBytes: 1e9 };
    for (const use of [
      () => queue.count(),
      () => queue.enqueueMany([aJob()], call),
      () => queue.enqueue(aJob()),
      () => queue.exchange({ ...call, settle: [], started: [], claim }),
      () => queue.setPolicy({ maxSize: 1 }),
      () => queue.clear(),
    ]) {
      const error: unknown = await use().catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(TaskConfigError);
      expect(error).toMatchObject({
        message: expect.stringContaining("layout 3"),
        hint: expect.stringContaining("update @lexigram/tasks-redis"),
      });
    }
    expect(await client.hgetall(meta)).toEqual(stored);
    // One that still allows this code is used.
    await client.hset(meta, { oldestLayout: "1" });
    expect(await queue.count()).toBe(1);
    client.disconnect();
  });
});

describe("a body that nobody here can read", () => {
  test.each([
    ["of an unknown encoding", { data: new Uint8Array([0, 255, 10, 13, 128]), encoding: "x-unknown" }],
    ["that is text of an unknown encoding", { data: "\n{]\u0000", encoding: "x-unknown" }],
    ["that is no JSON", { data: "{", encoding: "json" }],
  ])("ends among the dead letters as it came: %s", async (_, body) => {
    const queueName = uniqueName("queue");
    const ran: string[] = [];
    const work = task({ name: "work" }, async (ctx) => void ran.push(ctx.job.id));
    const app = await Application.boot({
      modules: [
        TasksModule.configure({
          backends: [
            { name: "work", queueName, type: "redis", redisUrl: server.url, extra: { namespace: "test" } },
          ],
        }),
        TasksModule.scope(work),
      ],
      config: { logging: { level: "error" } },
    });
    try {
      const foreign = opened(queueName);
      const bad = aJob({ task: "work", body });
      const results = await foreign.enqueueMany([bad], { session: "foreign", seq: 1 });
      expect(results).toMatchObject([{ ok: true }]);
      await vi.waitFor(async () => expect(await foreign.deadLetters.size()).toBe(1), 10_000);
      const letter = await foreign.deadLetters.get(bad.id);
      expect(letter?.job).toMatchObject({ id: bad.id, task: "work", body });
      expect(letter).toMatchObject({ reason: expect.stringMatching(/undecodable|invalid|malformed/) });
      const good = await app.get(TaskDispatcher).enqueue(work);
      await good.result({ timeout: "10s" });
      expect(ran).toEqual([good.id]);
    } finally {
      await app.stop();
    }
  });
});
