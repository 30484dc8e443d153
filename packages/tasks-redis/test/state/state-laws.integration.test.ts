import { runStateCase, stateCases, type StateHarness, title } from "@lexigram/conformance";
import { sharedServers } from "@lexigram/services";
import { afterAll, beforeAll, describe, test } from "vitest";
import { redisStateHarness } from "./redis-state-harness.ts";

const configurations = [
  { name: "redis", url: sharedServers.redis },
  { name: "redis, one shard", url: sharedServers.redis, shards: 1 },
];

describe.each(configurations)("the state store on $name under the laws of state stores", (configuration) => {
  let harness: StateHarness;
  beforeAll(() => {
    harness = redisStateHarness(configuration);
  });
  afterAll(() => harness.dispose());

  describe.concurrent("each by itself and all at once", () => {
    for (const c of stateCases)
      test(title(c), async ({ skip, expect }) => {
        const report = await runStateCase(c, harness);
        if (report.outcome === "skipped") skip(report.reason);
        expect(report.outcome).toBe("passed");
      });
  });
});
