import { randomBytes } from "node:crypto";
import { aJob, anError, uniqueName } from "@lexigram/conformance";
import type { Delivery } from "@lexigram/contracts";
import { describe, expect, test, vi } from "vitest";
import { workedQueue } from "./worked-queue.ts";

vi.setConfig({ testTimeout: 120_000 });

describe("jobs as messages", () => {
  test("have names of any length, and texts of any kind", async () => {
    const { session, claim } = await workedQueue({ name: `q${"-long".repeat(25)}` });
    const jobs = [
      aJob({ id: uniqueName("i").padEnd(512, "ü"), task: "t".repeat(512), key: "k".repeat(512) }),
      aJob({ headers: { ["h".repeat(1_000)]: "v", "": "empty" } }),
      aJob({ body: { data: "a \uD800 lone surrogate", encoding: "text" } }),
      aJob({ body: { data: "", encoding: "text" } }),
      aJob({ body: { data: new Uint8Array(), encoding: "bytes" } }),
    ];
    expect((await session.enqueue(jobs)).map(({ ok }) => ok)).toEqual(jobs.map(() => true));
    const deliveries = await claim(10);
    for (const [i, { job }] of deliveries.entries()) {
      const { id, task, body, headers, key } = jobs[i]!;
      expect({
        id: job.id,
        task: job.task,
        body: job.body,
        headers: { ...job.headers },
        key: job.key,
      }).toEqual({
        id,
        task,
        body,
        headers,
        key,
      });
    }
    expect(deliveries.length).toBe(jobs.length);
  });

  test("have bodies of many frames", async () => {
    const { session, claim } = await workedQueue();
    const data = randomBytes(5_000_000);
    await session.enqueue([aJob({ body: { data: Uint8Array.from(data), encoding: "bytes" } })]);
    const [delivery] = (await claim(1)) as [Delivery];
    expect(data.equals(delivery.job.body.data as Uint8Array)).toBe(true);
  });

  test("whose headers fit into no frame are refused by themselves", async () => {
    const { session, claim } = await workedQueue();
    const [sound, large] = await session.enqueue([aJob(), aJob({ headers: { large: "x".repeat(60_000) } })]);
    expect(sound?.ok).toBe(true);
    expect(large).toMatchObject({
      ok: false,
      error: { code: "LEX_ERR_TASK_VALIDATION", fields: { issues: [{ path: "headers" }] } },
    });
    expect((await claim(5)).length).toBe(1);
  });

  test("keep an error of any size as a dead letter, shortened when it must be", async () => {
    const { put, claim, settle, queue } = await workedQueue();
    await put({}, {});
    const [first, second] = (await claim(2)) as [Delivery, Delivery];
    const error = { ...anError("m".repeat(50)), stack: "s".repeat(300_000) };
    await settle({ receipt: first.receipt, kind: "fail", error: anError("short") });
    await settle({ receipt: second.receipt, kind: "fail", error });
    const { items } = await queue.deadLetters.list();
    expect(items.map((letter) => letter.error.message)).toEqual(["m".repeat(50), "short"]);
  });
});

describe("a message that holds no job", () => {
  test("goes to the dead letters byte for byte, and does not stop those behind it", async () => {
    const { put, come, claim, names, server, queue } = await workedQueue();
    await put({});
    const [first] = (await come()) as [Delivery];
    const admin = await server.admin();
    const content = Buffer.from([0, 255, 1, 254]);
    for (const headers of [{}, { "x-lexigram-job": "{" }, { "x-lexigram-job": '{"v":9}', mine: "kept" }])
      admin.sendToQueue(names.band("normal"), content, { headers, type: "theirs", contentType: "image/png" });
    const [id] = await put({});
    const came: string[] = [];
    const items = await vi.waitFor(
      async () => {
        came.push(...(await claim(5)).map(({ job }) => job.id));
        const letters = await queue.deadLetters.list();
        expect(letters.items.map(({ reason }) => reason)).toEqual(["invalid", "invalid", "invalid"]);
        return letters.items;
      },
      { timeout: 10_000 },
    );
    expect(came).toEqual([id]);
    expect(first.job.id).not.toBe(id);
    for (const { job } of items) {
      expect(job.body).toEqual({ data: Uint8Array.from(content), encoding: "image/png" });
      expect(job.task).toBe("theirs");
    }
    expect({ ...items[0]?.job.headers }).toEqual({ mine: "kept" });
  });
});

describe("delays", () => {
  test("end in their order, however they were enqueued, and do not wait for each other", async () => {
    const { put, come, settle } = await workedQueue();
    const delays = [2_500, 300, 1_700, 900, 60_000];
    const ids = await put(...delays.map((delayMs) => ({ delayMs })));
    const came: string[] = [];
    while (came.length < 4) {
      const [delivery] = (await come()) as [Delivery];
      came.push(delivery.job.id);
      await settle({ receipt: delivery.receipt, kind: "complete" });
    }
    expect(came).toEqual([ids[1], ids[3], ids[2], ids[0]]);
  });

  test("keep the priority of their job", async () => {
    const { put, queue, come } = await workedQueue();
    const [low] = await put({ priority: 0, delayMs: 200 });
    await vi.waitFor(async () => expect((await queue.stats()).counts.scheduled).toBe(0), { timeout: 10_000 });
    const [high] = await put({ priority: 10 });
    const first = await come(2);
    const ids = [...first, ...(first.length < 2 ? await come(1) : [])].map(({ job }) => job.id);
    expect(ids).toEqual([high, low]);
  });
});

describe("a queue with a limit", () => {
  test("refuses what does not fit, job by job, and takes retries later", async () => {
    const { session, claim, come, settle, put, queue } = await workedQueue({
      type: "classic",
      rules: { maxSize: 2, keepFailed: { ageMs: 60_000, count: 10 } },
    });
    const answers = await session.enqueue([aJob(), aJob(), aJob()]);
    expect(answers.map((answer) => (answer.ok ? "stored" : answer.error.code))).toEqual([
      "stored",
      "stored",
      "LEX_ERR_TASK_QUEUE_FULL",
    ]);
    expect(answers[2]).toMatchObject({ error: { fields: { capacity: 2 } } });
    const [delivery] = (await claim(1)) as [Delivery];
    await put({});
    // The band is full, so there is no place for it now.
    const { receipt } = delivery;
    expect(
      await settle({ receipt, kind: "retry", delayMs: 0, countAttempt: true, error: anError() }),
    ).toEqual([]);
    expect(await queue.getPolicy()).toEqual({ maxSize: 2, keepFailed: { ageMs: 60_000, count: 10 } });
    const attempts: number[] = [];
    while (attempts.length < 3) {
      const [next] = (await come()) as [Delivery];
      attempts.push(next.attempt);
      await settle({ receipt: next.receipt, kind: "complete" });
    }
    // The retry comes off its rung into the most urgent band, before or behind the last of the others.
    expect(attempts.toSorted((a, b) => a - b)).toEqual([1, 1, 2]);
  });
});

describe("expiry", () => {
  test("spares a job that has begun in time, and drops one that has not", async () => {
    const { put, claim, come, settle } = await workedQueue();
    const [begun] = await put({ expiresInMs: 1_000 });
    const [delivery] = (await claim(1)) as [Delivery];
    const [late] = await put({ expiresInMs: 1 });
    await settle({
      receipt: delivery.receipt,
      kind: "retry",
      delayMs: 1_500,
      countAttempt: true,
      error: anError(),
    });
    const [again] = (await come()) as [Delivery];
    expect([again.job.id, again.attempt]).toEqual([begun, 2]);
    expect(again.job.id).not.toBe(late);
    expect(await claim(5)).toEqual([]);
  });
});
