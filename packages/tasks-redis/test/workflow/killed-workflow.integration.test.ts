import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { uniqueName } from "@lexigram/conformance";
import { type PrivateServer, privateRedis } from "@lexigram/services";
import { afterAll, beforeAll, vi } from "vitest";
// oxlint-disable-next-line no-restricted-imports -- the tests of all backends share it
import { describeKilledWorkflows } from "../../../tasks/test/workflow/killed-workflow.ts";

const home = fileURLToPath(new URL("../..", import.meta.url));

vi.setConfig({ maxConcurrency: 3 });

let server: PrivateServer;

// What is published is what runs there: Node cannot run the sources.
beforeAll(async () => {
  execFileSync(join(home, "../../node_modules/.bin/tsc"), ["-b", home, join(home, "../tasks")]);
  server = await privateRedis();
}, 600_000);
afterAll(() => server.stop());

describeKilledWorkflows({
  home,
  open: `async ({ url, namespace }) => (await import("@lexigram/tasks-redis")).redisBackend({ url, namespace })`,
  lease: "1s",
  place: () => {
    const namespace = uniqueName("test");
    return {
      where: { url: server.url, namespace },
      entry: { name: "work", type: "redis", redisUrl: server.url, extra: { namespace } },
    };
  },
  isLarge: () => true,
});
