import { judgeStateCase, stateCases, type StateHarness, title } from "@lexigram/conformance";
import { afterAll, beforeAll, describe, test, vi } from "vitest";
import { ownCluster, sharedClient, sharedRedis } from "../redis-server.ts";
import { redisStateHarness, type RedisStateHarnessOptions } from "./redis-state-harness.ts";

interface Configuration extends Omit<RedisStateHarnessOptions, "server"> {
  readonly server: typeof sharedRedis;
}

const configurations: readonly Configuration[] = [
  { name: "redis", server: sharedRedis },
  { name: "redis, one shard", server: sharedRedis, shards: 1 },
  { name: "redis through a client of the caller's", server: sharedClient },
  { name: "redis cluster", server: ownCluster },
];

// Cases mostly wait, in real time.
vi.setConfig({ maxConcurrency: 40 });

describe.concurrent.each(configurations)(
  "the state store on $name under the laws of state stores",
  ({ server, ...options }) => {
    const harnessOf = async (): Promise<StateHarness> =>
      redisStateHarness({ ...options, server: await server() });
    let shared: StateHarness;
    beforeAll(async () => {
      shared = await harnessOf();
    });
    afterAll(() => shared.dispose());

    for (const c of stateCases)
      test(`${title(c)}`, async ({ expect }) => {
        // A connection that is cut serves no other case.
        const report = await judgeStateCase(c, c.harness === "sever" ? harnessOf : shared);
        expect(report.outcome === "failed" ? report.error.message : report.outcome).toBe("passed");
      });
  },
);
