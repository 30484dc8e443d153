import { aJob, type OpenTransaction, type QueueHarness, uniqueName } from "@lexigram/conformance";
import type { Delivery, NewJob, TaskQueueProtocol } from "@lexigram/contracts";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { sharedPostgres } from "../postgres-server.ts";
import { postgresQueueHarness } from "./postgres-queue-harness.ts";

let harness: QueueHarness;
beforeAll(async () => {
  harness = postgresQueueHarness({ server: await sharedPostgres() });
});
afterAll(() => harness.dispose());

async function opened(): Promise<{ queue: TaskQueueProtocol; open: OpenTransaction }> {
  const queue = await harness.open();
  onTestFinished(() => queue.close());
  await queue.count();
  return { queue, open: (await harness.transaction?.(queue)) as OpenTransaction };
}

const call = (): { session: string; seq: number } => ({ session: uniqueName("call"), seq: 1 });

async function claimed(queue: TaskQueueProtocol, leaseMs = 60_000): Promise<Delivery[]> {
  const claim = { slots: 10, ahead: 0, leaseMs, maxBytes: 1e9 };
  return [...(await queue.exchange({ ...call(), settle: [], started: [], claim })).deliveries];
}

const outcomes = async (
  queue: TaskQueueProtocol,
  jobs: readonly NewJob[],
  transaction?: OpenTransaction,
): Promise<string[]> => {
  const options = transaction === undefined ? call() : { ...call(), transaction: transaction.handle };
  return (await queue.enqueueMany(jobs, options)).map((r) => (r.ok ? r.value.outcome : r.error.code));
};

const unique = (onConflict: "reject" | "existing" | "replace"): Pick<NewJob, "unique"> => ({
  unique: { key: "k", until: "settled", onConflict },
});

describe("an open transaction", () => {
  test("holds up nobody: who carries its ids or keys is refused, all else goes on", async () => {
    const { queue, open } = await opened();
    const [mine, keyed] = [aJob(), aJob(unique("reject"))];
    expect(await outcomes(queue, [mine, keyed], open)).toEqual(["accepted", "accepted"]);
    const [plain, other] = [aJob(), aJob()];
    expect(await outcomes(queue, [plain, mine, other])).toEqual([
      "accepted",
      "LEX_ERR_TASK_DUPLICATE",
      "accepted",
    ]);
    expect(await outcomes(queue, [aJob(unique("reject")), aJob({ key: "lane" })])).toEqual([
      "LEX_ERR_TASK_DUPLICATE",
      "accepted",
    ]);
    expect((await claimed(queue)).map(({ job }) => job.id)).toHaveLength(3);
    expect(await queue.getJob(mine.id)).toBeUndefined();
    await open.rollback();
    expect(await outcomes(queue, [mine, keyed])).toEqual(["accepted", "accepted"]);
  });

  test("keeps its rules of ids, keys, places and dependencies to itself", async () => {
    const { queue, open } = await opened();
    await queue.setPolicy({ maxSize: 4 });
    const held = aJob(unique("reject"));
    await outcomes(queue, [held]);
    const first = aJob();
    expect(
      await outcomes(
        queue,
        [
          first,
          first,
          aJob(unique("reject")),
          aJob(unique("existing")),
          aJob({ dependsOn: [first.id] }),
          aJob({ dependsOn: ["nobody"] }),
          aJob(),
          aJob(),
        ],
        open,
      ),
    ).toEqual([
      "accepted",
      "LEX_ERR_TASK_DUPLICATE",
      "LEX_ERR_TASK_DUPLICATE",
      "existing",
      "accepted",
      "LEX_ERR_TASK_JOB_NOT_FOUND",
      "accepted",
      "LEX_ERR_TASK_QUEUE_FULL",
    ]);
    await open.commit();
    expect(await queue.count()).toBe(4);
    expect((await claimed(queue)).map(({ job }) => job.id)).toContain(first.id);
    expect(await queue.count("waiting")).toBe(1);
  });

  test("replaces the holder of a key when it commits", async () => {
    const { queue, open } = await opened();
    const [before, after] = [aJob(unique("replace")), aJob(unique("replace"))];
    await outcomes(queue, [before]);
    expect(await outcomes(queue, [after], open)).toEqual(["replaced"]);
    expect((await queue.getJob(before.id))?.status).toBe("pending");
    await open.commit();
    expect((await queue.getJob(before.id))?.status).toBe("cancelled");
    expect((await claimed(queue)).map(({ job }) => job.id)).toEqual([after.id]);
  });

  test("is seen by every look as soon as it has committed", async () => {
    const { queue, open } = await opened();
    const running = aJob();
    await outcomes(queue, [running]);
    const [delivery] = (await claimed(queue)) as [Delivery];
    const job = aJob();
    await outcomes(queue, [job], open);
    const result = { data: '"done"', encoding: "json" };
    const settlement = { receipt: delivery.receipt, kind: "complete", result } as const;
    expect(await queue.settleIn(open.handle, settlement)).toBe("settled");
    expect(await queue.settleIn(open.handle, settlement)).toBe("lost");
    expect((await queue.extend([delivery.receipt], 60_000)).lost).toEqual([]);
    await open.commit();
    expect((await queue.extend([delivery.receipt], 60_000)).lost).toEqual([delivery.receipt]);
    expect(await queue.results([running.id, job.id])).toEqual([
      { id: running.id, status: "completed", attempt: 1, result },
      { id: job.id, status: "pending", attempt: 0 },
    ]);
    expect((await queue.stats()).counts).toMatchObject({ pending: 1, running: 0, completed: 1 });
  });

  test("keeps the job that it settles until it ends, and then gives it back when it was rolled back", async () => {
    const { queue, open } = await opened();
    const job = aJob();
    await outcomes(queue, [job]);
    const [delivery] = (await claimed(queue, 300)) as [Delivery];
    await queue.settleIn(open.handle, { receipt: delivery.receipt, kind: "complete" });
    await expect.poll(() => queue.getJob(job.id).then((view) => view?.status)).toBe("running");
    await expect(queue.deleteJob(job.id)).rejects.toMatchObject({
      code: "LEX_ERR_TASK_QUEUE_UNAVAILABLE",
      fields: { retryable: true, accepted: "no" },
    });
    expect(await claimed(queue)).toEqual([]);
    await open.rollback();
    await expect
      .poll(async () => (await claimed(queue)).map((again) => [again.job.id, again.recoveries]))
      .toEqual([[job.id, 1]]);
  });

  test("must be a client, and is refused otherwise", async () => {
    const { queue, open } = await opened();
    await open.rollback();
    await expect(queue.enqueueMany([aJob()], { ...call(), transaction: {} })).rejects.toMatchObject({
      code: "LEX_ERR_TASK_VALIDATION",
    });
  });
});
