import { judgeLimitCase, limitCases, type LimitHarness, title, uniqueName } from "@lexigram/conformance";
import type { TaskBackend } from "@lexigram/contracts";
import { type PrivateServer, privateRedis } from "@lexigram/services";
import { afterAll, beforeAll, describe, test, vi } from "vitest";
// oxlint-disable-next-line no-restricted-imports -- a process of the product, which the tests of all backends share
import { crewOn, limiters } from "../../../tasks/test/limit/limit-subject.ts";
import { redisBackend } from "../../src/index.ts";

vi.setConfig({ maxConcurrency: 20, testTimeout: 60_000 });

describe.concurrent("limits over redis", () => {
  let server: PrivateServer;
  const opened: TaskBackend[] = [];
  beforeAll(async () => {
    server = await privateRedis();
  });
  afterAll(async () => {
    for (const backend of opened) await backend.close();
    await server.stop();
  });

  const harness: LimitHarness = {
    name: "redis",
    async open() {
      const namespace = uniqueName("test");
      const [a, b] = [uniqueName("a"), uniqueName("b")];
      return async () => {
        // A random of its own keeps its connection from being shared.
        const backend = redisBackend({ url: server.url, namespace, random: () => 0.5 });
        opened.push(backend);
        const { state } = backend;
        if (state === undefined) throw new Error("the backend has no state");
        return { queues: [backend.queue(a), backend.queue(b)], state };
      };
    },
    ...limiters,
    crew: (stores, settings) => crewOn(stores, settings, opened[0] as TaskBackend),
    dispose: async () => {},
  };

  for (const c of limitCases)
    test(`${title(c)}`, async ({ expect }) => {
      const report = await judgeLimitCase(c, harness);
      expect(report.outcome === "failed" ? report.error.message : report.outcome).toBe("passed");
    });
});
