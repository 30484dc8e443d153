import { judgeLockCase, lockCases, type LockHarness, title, uniqueName } from "@lexigram/conformance";
import type { TaskBackend } from "@lexigram/contracts";
import { type PrivateServer, privateRedis } from "@lexigram/services";
import { afterAll, beforeAll, describe, test, vi } from "vitest";
// oxlint-disable-next-line no-restricted-imports -- a process of the product, which the tests of all backends share
import { lockProcess } from "../../../tasks/test/lock/lock-subject.ts";
import { redisBackend } from "../../src/index.ts";

vi.setConfig({ maxConcurrency: 20, testTimeout: 30_000 });

describe.concurrent("locks over redis", () => {
  let server: PrivateServer;
  const opened: TaskBackend[] = [];
  beforeAll(async () => {
    server = await privateRedis();
  });
  afterAll(async () => {
    for (const backend of opened) await backend.close();
    await server.stop();
  });

  const harness: LockHarness = {
    name: "redis",
    async open() {
      const namespace = uniqueName("test");
      const name = uniqueName("queue");
      return async () => {
        // A random of its own keeps its connection from being shared.
        const backend = redisBackend({ url: server.url, namespace, random: () => 0.5 });
        opened.push(backend);
        const { state } = backend;
        if (state === undefined) throw new Error("the backend has no state");
        return { queue: backend.queue(name), state };
      };
    },
    ...lockProcess(() => opened[0] as TaskBackend),
    dispose: async () => {},
  };

  for (const c of lockCases)
    test(`${title(c)}`, async ({ expect }) => {
      const report = await judgeLockCase(c, harness);
      expect(report.outcome === "failed" ? report.error.message : report.outcome).toBe("passed");
    });
});
