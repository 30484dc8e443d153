import { aJob, anError, type QueueHarness } from "@lexigram/conformance";
import { silentLogger, systemClock, systemRandom } from "@lexigram/contracts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { backendFactory } from "../../src/index.ts";
import { QueueKeys } from "../../src/lua/keys.ts";
import { redisQueueHarness } from "./redis-queue-harness.ts";

const services = { clock: systemClock, logger: silentLogger, random: systemRandom };

let harness: QueueHarness;
beforeAll(async () => {
  harness = await redisQueueHarness();
});
afterAll(() => harness.dispose());

describe("texts that no script can read", () => {
  test("travel in headers, and harm no job beside them", async () => {
    const queue = await harness.open();
    const headers = { half: "\ud800" };
    const jobs = [aJob({ id: "before" }), aJob({ id: "odd", headers, key: "k" }), aJob({ id: "after" })];
    await queue.enqueueMany(jobs, { session: "p", seq: 1 });
    expect(await queue.getTaskCount()).toBe(3);
    const claim = { slots: 3, ahead: 0, leaseMs: 60_000, maxBytes: 1_000_000 };
    const { deliveries } = await queue.exchange({ session: "w", seq: 1, settle: [], started: [], claim });
    expect(deliveries.map(({ job }) => job.headers)).toEqual([{}, headers, {}]);
    const settle = deliveries.map(({ receipt }) => ({ receipt, kind: "fail" as const, error: anError() }));
    const reply = await queue.exchange({ session: "w", seq: 2, settle, started: [], claim });
    expect(reply.lost).toEqual([]);
    expect(await queue.deadLetters.size()).toBe(3);
    await queue.close();
  });
});

describe("names", () => {
  test("of namespace and queue never meet", () => {
    expect(new QueueKeys("a", "b:c").all[0]).not.toBe(new QueueKeys("a:b", "c").all[0]);
  });
});

describe("settings of the environment", () => {
  test("may be numbers as text", async () => {
    await backendFactory({ waitReplicas: "1", redisUrl: "redis://127.0.0.1:1" }, services).close();
    expect(() => backendFactory({ waitReplicas: "one", redisUrl: "redis://127.0.0.1:1" }, services)).toThrow(
      expect.objectContaining({ code: "LEX_ERR_TASK_CONFIG" }),
    );
  });
});
