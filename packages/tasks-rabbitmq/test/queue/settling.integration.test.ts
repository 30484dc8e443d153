import { aJob, anError, Session, uniqueName } from "@lexigram/conformance";
import type { Delivery } from "@lexigram/contracts";
import { describe, expect, test, vi } from "vitest";
import { workedQueue } from "./worked-queue.ts";

vi.setConfig({ testTimeout: 120_000 });

describe("settling", () => {
  test("acknowledges in any order, and leaves what runs", async () => {
    const { put, claim, settle, queue, names, server } = await workedQueue();
    const ids = await put(...Array.from({ length: 9 }, () => ({})));
    const deliveries = await claim(9);
    const done = [7, 1, 0, 5, 2].map((i) => deliveries[i]!);
    expect(await settle(...done.map(({ receipt }) => ({ receipt, kind: "complete" as const })))).toEqual([]);
    expect((await queue.stats()).counts.running).toBe(4);
    await queue.close();
    const admin = await server.admin();
    await vi.waitFor(
      async () => expect((await admin.checkQueue(names.band("normal"))).messageCount).toBe(4),
      { timeout: 10_000 },
    );
    const left: string[] = [];
    const { peer } = await workedQueue({ server, name: queue.name });
    const other = peer();
    for (let delivery = await other.dequeue(); delivery !== undefined; delivery = await other.dequeue())
      left.push(delivery.job.id);
    expect(left.toSorted()).toEqual([3, 4, 6, 8].map((i) => ids[i]!).toSorted());
  });

  test("answers a call that is sent again as settled, and what came on a lost channel as lost", async () => {
    const { put, claim, queue, server, session } = await workedQueue();
    await put({}, {});
    const [first, second] = (await claim(2)) as [Delivery, Delivery];
    await session.exchange({ settle: [{ receipt: first.receipt, kind: "complete" }] });
    expect((await session.resendExchange()).lost).toEqual([]);
    expect((await session.exchange({ settle: [{ receipt: first.receipt, kind: "complete" }] })).lost).toEqual(
      [first.receipt],
    );
    await server.sever();
    await vi.waitFor(async () =>
      expect((await queue.extend([second.receipt], 10_000)).lost).toEqual([second.receipt]),
    );
    const settle = [{ receipt: second.receipt, kind: "complete" } as const];
    await vi.waitFor(
      async () => expect((await session.exchange({ settle })).lost).toEqual([second.receipt]),
      {
        timeout: 10_000,
      },
    );
  });

  test("refuses a call that is older than one that was applied", async () => {
    const { queue } = await workedQueue();
    const call = { session: uniqueName("s"), settle: [], started: [] };
    const claim = { slots: 0, ahead: 0, leaseMs: 60_000, maxBytes: 1 };
    await queue.exchange({ ...call, seq: 2, claim });
    await expect(queue.exchange({ ...call, seq: 1, claim })).rejects.toMatchObject({
      code: "LEX_ERR_TASK_VALIDATION",
    });
  });

  test("stores a retry before it lets go of the job: nothing is lost when that cannot be stored", async () => {
    const { put, claim, come, session, names, server, queue } = await workedQueue();
    const [id] = await put({});
    const [delivery] = (await claim(1)) as [Delivery];
    const { receipt } = delivery;
    const admin = await server.admin();
    // Retries have nowhere to go.
    await admin.deleteQueue(names.band("normal"));
    const settle = [{ receipt, kind: "retry", delayMs: 0, countAttempt: true, error: anError() } as const];
    await expect(session.exchange({ settle })).rejects.toMatchObject({
      code: "LEX_ERR_TASK_QUEUE_UNAVAILABLE",
      fields: { retryable: true },
    });
    expect((await session.resendExchange()).lost).toEqual([]);
    const [again] = (await come()) as [Delivery];
    expect([again.job.id, again.attempt]).toEqual([id, 2]);
    expect((await queue.stats()).counts.running).toBe(1);
  });

  test("goes on while a burst is claimed by many sessions", async () => {
    const { queue, peer, put, server } = await workedQueue();
    const other = peer();
    const total = 2_000;
    const ids = new Set(await put(...Array.from({ length: total }, () => ({}))));
    const seen: string[] = [];
    const work = async (through: typeof queue): Promise<void> => {
      const session = new Session(through, uniqueName("worker"), 600_000);
      let settle: { receipt: Delivery["receipt"]; kind: "complete" }[] = [];
      while (seen.length < total || settle.length > 0) {
        const { deliveries, lost } = await session.exchange({ settle, slots: 20 });
        expect(lost).toEqual([]);
        seen.push(...deliveries.map(({ job }) => job.id));
        settle = deliveries.map(({ receipt }) => ({ receipt, kind: "complete" as const }));
        if (deliveries.length === 0 && seen.length < total)
          await through.waitForWork(500, AbortSignal.any([]));
      }
    };
    await Promise.all([work(queue), work(queue), work(other), work(other)]);
    expect(seen.length).toBe(total);
    expect(new Set(seen)).toEqual(ids);
    const admin = await server.admin();
    expect((await admin.checkQueue(server.names(queue.name).band("normal"))).messageCount).toBe(0);
  });
});

describe("an enqueue", () => {
  test("of a queue that is gone is sent again and stored once it is there", async () => {
    const { queue, put, names, server, claim } = await workedQueue();
    await put({});
    await claim(1);
    const admin = await server.admin();
    for (const name of names.bands) await admin.deleteQueue(name);
    const answer = await queue.enqueue(aJob({ id: "late" }));
    expect(answer).toEqual({ ok: true, value: "late" });
    expect((await claim(5)).map(({ job }) => job.id)).toEqual(["late"]);
  });
});
