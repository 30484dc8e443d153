import type { ExchangeRequest, NewJob, TaskQueueProtocol } from "@lexigram/contracts";
import { MemoryTaskQueue } from "@lexigram/tasks";
import { TestClock } from "@lexigram/tasks/testing";
import { describe, expect, onTestFinished, test } from "vitest";
import { brokenEntry } from "../src/broken/broken-backend.ts";
import { BROKEN_BUILDS } from "../src/broken/builds.ts";
import { overlaid } from "../src/broken/overlaid.ts";
import { verdictOnBroken } from "../src/broken/verdict-on-broken.ts";
import type { Outcome } from "../src/run/drive.ts";
import { STORES } from "../src/stores/index.ts";

const LEASE_MS = 1_000;
const job = (id: string): NewJob => ({
  id,
  task: "t",
  body: { data: "1", encoding: "json" },
  headers: {},
  priority: 5,
});
const claim = (session: string, seq: number, more: Partial<ExchangeRequest> = {}): ExchangeRequest => ({
  session,
  seq,
  settle: [],
  started: [],
  claim: { slots: 1, ahead: 0, leaseMs: LEASE_MS, maxBytes: 1_000 },
  ...more,
});

function broken(name: string) {
  const clock = new TestClock();
  const honest = new MemoryTaskQueue({ name: "q", clock });
  onTestFinished(() => honest.close());
  const build = BROKEN_BUILDS.find((one) => one.name === name);
  const queue: TaskQueueProtocol = overlaid<TaskQueueProtocol>(honest, build?.lie(honest) ?? {});
  return { clock, honest, queue };
}

describe("a broken build", () => {
  test("that settles first has completed a job which nobody ran", async () => {
    const { queue, honest } = broken("settles-first");
    await queue.enqueueMany([job("a")], { session: "p", seq: 1 });
    const { deliveries } = await queue.exchange(claim("w", 1));
    expect(deliveries.map((delivery) => delivery.job.id)).toEqual(["a"]);
    expect((await honest.getJob("a"))?.status).toBe("completed");
    // The worker does not learn of it.
    const settle = [{ receipt: deliveries[0]!.receipt, kind: "complete" } as const];
    expect((await queue.exchange(claim("w", 2, { settle }))).lost).toEqual([]);
    expect((await queue.extend([deliveries[0]!.receipt], LEASE_MS)).lost).toEqual([]);
  });

  test("that confirms first calls a job accepted which the store refused", async () => {
    const { queue, honest } = broken("confirms-first");
    await honest.setPolicy({ maxSize: 1 });
    await honest.enqueueMany([job("b")], { session: "q", seq: 1 });
    const [answer] = await queue.enqueueMany([job("a")], { session: "p", seq: 1 });
    expect(answer).toEqual({ ok: true, value: { id: "a", outcome: "accepted" } });
    expect(await honest.getJob("a")).toBeUndefined();
  });

  test("that recovers nothing leaves a job with its dead worker", async () => {
    const { queue, clock } = broken("no-recovery");
    await queue.enqueueMany([job("a")], { session: "p", seq: 1 });
    await queue.exchange(claim("w", 1));
    await clock.advance(10 * LEASE_MS);
    expect((await queue.exchange(claim("v", 1))).deliveries).toEqual([]);
  });

  test("without a fence takes a late outcome for one that counts", async () => {
    const { queue, honest, clock } = broken("no-fence");
    await queue.enqueueMany([job("a")], { session: "p", seq: 1 });
    const { deliveries } = await queue.exchange(claim("w", 1));
    await clock.advance(10 * LEASE_MS);
    const settle = [{ receipt: deliveries[0]!.receipt, kind: "complete" } as const];
    expect((await honest.exchange(claim("v", 1, { settle }))).lost).toHaveLength(1);
    expect((await queue.exchange(claim("w", 2, { settle }))).lost).toEqual([]);
  });

  test("is made of a queue's entry, and of no other name", async () => {
    const entry = await brokenEntry({ name: "chaos", type: "memory", weight: 2 }, "no-fence");
    expect(entry).toMatchObject({ name: "chaos", weight: 2, backend: { type: "memory" } });
    expect(entry).not.toHaveProperty("type");
    await entry.backend?.close();
    await expect(brokenEntry({ name: "chaos" }, "no-wheels")).rejects.toThrow("no broken build no-wheels");
  });

  test("has its scenario on each store on which it can go wrong", () => {
    const without = Object.entries(STORES).flatMap(([store, { scenarios }]) =>
      BROKEN_BUILDS.filter(({ notOn }) => notOn?.includes(store) !== true)
        .filter((build) => !build.scenarios.every((one) => scenarios.some(({ name }) => name === one)))
        .map(({ name }) => `${store}: ${name}`),
    );
    expect(without).toEqual([]);
  });
});

describe("the verdict on a broken build", () => {
  const outcome = { scenario: "zombie", missed: [] as readonly string[] } as Outcome;

  test("is good when it turned red for its reason", () => {
    const missed = ["3 jobs were finished by two attempts", "40 duplicates, more than 3"];
    expect(verdictOnBroken({ ...outcome, missed }, "no-fence")).toEqual({
      scenario: "zombie, no-fence",
      missed: [],
    });
  });

  test.each([[[]], [["took longer than it may"]]])(
    "is bad when it stayed green, or was red for %j",
    (missed) => {
      expect(verdictOnBroken({ ...outcome, missed }, "no-fence").missed).toEqual([
        "it stayed green: an attempt that lost its lease is told that it finished the job",
      ]);
    },
  );
});
