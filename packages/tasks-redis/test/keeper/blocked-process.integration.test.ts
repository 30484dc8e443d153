import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { uniqueName } from "@lexigram/conformance";
import { type PrivateServer, privateRedis } from "@lexigram/services";
import { afterAll, beforeAll, vi } from "vitest";
// oxlint-disable-next-line no-restricted-imports -- the tests of all backends share it
import { describeBlockedProcesses } from "../../../tasks/test/keeper/blocked-process.ts";

const home = fileURLToPath(new URL("../..", import.meta.url));

// A process that blocks has a processor to itself.
vi.setConfig({ maxConcurrency: 2 });

let server: PrivateServer;

// What is published is what runs there: Node cannot run the sources.
beforeAll(async () => {
  execFileSync(join(home, "../../node_modules/.bin/tsc"), ["-b", home, join(home, "../tasks")]);
  server = await privateRedis();
}, 600_000);
afterAll(() => server.stop());

describeBlockedProcesses({
  home,
  open: `async ({ url, namespace }) => (await import("@lexigram/tasks-redis")).redisBackend({ url, namespace })`,
  place: () => ({ url: server.url, namespace: uniqueName("test") }),
});
