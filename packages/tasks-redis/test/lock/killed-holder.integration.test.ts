import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { uniqueName } from "@lexigram/conformance";
import { type PrivateServer, privateRedis } from "@lexigram/services";
import { afterAll, beforeAll } from "vitest";
// oxlint-disable-next-line no-restricted-imports -- the tests of all backends share it
import { describeKilledHolders } from "../../../tasks/test/lock/killed-holder.ts";
import { redisBackend } from "../../src/index.ts";

const home = fileURLToPath(new URL("../..", import.meta.url));

let server: PrivateServer;

// What is published is what runs there: Node cannot run the sources.
beforeAll(async () => {
  execFileSync(join(home, "../../node_modules/.bin/tsc"), ["-b", home, join(home, "../tasks")]);
  server = await privateRedis();
}, 120_000);
afterAll(() => server.stop());

describeKilledHolders({
  home,
  open: `async ({ url, namespace }) => (await import("@lexigram/tasks-redis")).redisBackend({ url, namespace })`,
  place: () => {
    const where = { url: server.url, namespace: uniqueName("test") };
    return { where, here: () => redisBackend(where) };
  },
});
