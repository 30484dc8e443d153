import { judgeQueueCase, queueCases, type QueueHarness, title } from "@lexigram/conformance";
import { afterAll, beforeAll, describe, test, vi } from "vitest";
import { callersPool, sharedPostgres } from "../postgres-server.ts";
import { postgresQueueHarness } from "./postgres-queue-harness.ts";

// Many cases share the connections, and none may wait for one.
const poolSize = 16;

const configurations = [
  { name: "postgres", server: () => sharedPostgres({ poolSize }) },
  { name: "postgres through a pool of the caller's", server: () => callersPool(poolSize) },
  { name: "postgres behind a pooler", server: () => sharedPostgres({ poolSize, pooler: true }) },
];

// Cases mostly wait, in real time.
vi.setConfig({ maxConcurrency: 24, testTimeout: 60_000 });

describe.concurrent.each(configurations)("$name under the laws of queues", ({ name, server }) => {
  const harnessOf = async (): Promise<QueueHarness> =>
    postgresQueueHarness({ name, unitMs: 500, server: await server() });
  let shared: QueueHarness;
  beforeAll(async () => {
    shared = await harnessOf();
  });
  afterAll(() => shared.dispose());

  for (const c of queueCases)
    test(`${title(c)}`, async ({ expect }) => {
      // A connection that is cut serves no other case.
      const report = await judgeQueueCase(c, c.harness === "sever" ? harnessOf : shared);
      expect(report.outcome === "failed" ? report.error.message : report.outcome).toBe("passed");
    });
});
