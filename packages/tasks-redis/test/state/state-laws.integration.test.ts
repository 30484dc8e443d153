import { runStateCase, stateCases, type StateHarness, title } from "@lexigram/conformance";
import { type PrivateServer, sharedServers } from "@lexigram/services";
import { afterAll, beforeAll, describe, test } from "vitest";
import { oneNodeCluster } from "./one-node-cluster.ts";
import { redisStateHarness, type RedisStateHarnessOptions } from "./redis-state-harness.ts";

interface Configuration extends Omit<RedisStateHarnessOptions, "url"> {
  /** Absent: the shared server. */
  readonly server?: () => Promise<PrivateServer>;
}

const configurations: readonly Configuration[] = [
  { name: "redis" },
  { name: "redis, one shard", shards: 1 },
  { name: "redis cluster", cluster: true, server: oneNodeCluster },
];

describe.each(configurations)(
  "the state store on $name under the laws of state stores",
  ({ server: start, ...options }) => {
    let server: PrivateServer | undefined;
    let harness: StateHarness;
    beforeAll(async () => {
      server = await start?.();
      harness = redisStateHarness({ ...options, url: server?.url ?? sharedServers.redis });
    });
    afterAll(async () => {
      await harness.dispose();
      await server?.stop();
    });

    describe.concurrent("all at once", () => {
      for (const c of stateCases)
        test(`${title(c)}`, async ({ expect }) => {
          const report = await runStateCase(c, harness);
          expect(report.outcome).toBe("passed");
        });
    });
  },
);
