import { aJob, judgeQueueCase, queueCases, type QueueHarness, title } from "@lexigram/conformance";
import { afterAll, beforeAll, describe, test, vi } from "vitest";
import { callersPool, sharedPostgres } from "../postgres-server.ts";
import { postgresQueueHarness } from "./postgres-queue-harness.ts";

// Many cases share the connections.
const poolSize = 8;

const configurations = [
  { name: "postgres", server: () => sharedPostgres({ poolSize }) },
  { name: "postgres through a pool of the caller's", server: () => callersPool(poolSize) },
  { name: "postgres behind a pooler", server: () => sharedPostgres({ poolSize, pooler: true }) },
];

// Cases mostly wait, in real time.
vi.setConfig({ maxConcurrency: 24, testTimeout: 60_000, hookTimeout: 120_000 });

/** A connection reads the functions when it first calls them, which no case that measures time should wait for. */
async function warmed(harness: QueueHarness): Promise<QueueHarness> {
  const queue = await harness.open();
  const claim = { slots: 1, ahead: 0, leaseMs: 60_000, maxBytes: 1e9 };
  for (const through of [queue, await harness.peer(queue)])
    for (let seq = 1; seq <= 3; seq++)
      await Promise.all(
        Array.from({ length: poolSize }, async (_, i) => {
          const session = `warm-${through === queue}-${i}`;
          await through.enqueueMany([aJob(seq % 2 === 0 ? {} : { key: "k" })], { session, seq });
          const reply = await through.exchange({ session, seq: 2 * seq, settle: [], started: [], claim });
          const settle = reply.deliveries.map(({ receipt }) => ({ receipt, kind: "complete" as const }));
          await through.exchange({ session, seq: 2 * seq + 1, settle, started: [], claim });
        }),
      );
  return harness;
}

describe.concurrent.each(configurations)("$name under the laws of queues", ({ name, server }) => {
  const harnessOf = async (): Promise<QueueHarness> =>
    postgresQueueHarness({ name, unitMs: 500, server: await server() });
  let shared: QueueHarness;
  beforeAll(async () => {
    shared = await warmed(await harnessOf());
  });
  afterAll(() => shared.dispose());

  for (const c of queueCases)
    test(`${title(c)}`, async ({ expect }) => {
      // A connection that is cut serves no other case.
      const report = await judgeQueueCase(c, c.harness === "sever" ? harnessOf : shared);
      expect(report.outcome === "failed" ? report.error.message : report.outcome).toBe("passed");
    });
});
