import { judgeQueueCase, queueCases, type QueueHarness, title, uniqueName } from "@lexigram/conformance";
import { afterAll, beforeAll, describe, test, vi } from "vitest";
import { ownCluster, sharedClient, sharedRedis } from "../redis-server.ts";
import { redisQueueHarness, type RedisQueueHarnessOptions } from "./redis-queue-harness.ts";

interface Configuration extends Omit<RedisQueueHarnessOptions, "server"> {
  readonly name: string;
  readonly server: typeof sharedRedis;
}

const configurations: readonly Configuration[] = [
  { name: "redis", server: sharedRedis },
  { name: "redis through a client of the caller's", server: sharedClient },
  { name: "redis in a namespace of odd letters", server: sharedRedis, namespace: uniqueName("App.1:x_-y") },
  { name: "redis cluster", server: ownCluster },
];

// Cases mostly wait, in real time.
vi.setConfig({ maxConcurrency: 40, testTimeout: 60_000 });

describe.concurrent.each(configurations)("$name under the laws of queues", ({ server, ...options }) => {
  const harnessOf = async (): Promise<QueueHarness> =>
    redisQueueHarness({ unitMs: 300, ...options, server: await server() });
  let shared: QueueHarness;
  beforeAll(async () => {
    shared = await harnessOf();
  });
  afterAll(() => shared.dispose());

  for (const c of queueCases)
    test(`${title(c)}`, async ({ expect }) => {
      // A connection that is cut serves no other case.
      const report = await judgeQueueCase(c, c.harness === "sever" ? harnessOf : shared);
      expect(report.outcome === "failed" ? report.error.message : report.outcome).toBe(
        c.harness === "transaction" || c.needs?.includes("transactions") === true ? "refused" : "passed",
      );
    });
});
