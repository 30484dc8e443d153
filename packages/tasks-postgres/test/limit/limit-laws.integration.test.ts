import { judgeLimitCase, limitCases, type LimitHarness, title, uniqueName } from "@lexigram/conformance";
import type { TaskBackend } from "@lexigram/contracts";
import { afterAll, beforeAll, describe, test, vi } from "vitest";
// oxlint-disable-next-line no-restricted-imports -- a process of the product, which the tests of all backends share
import { crewOn, limiters } from "../../../tasks/test/limit/limit-subject.ts";
import { postgresBackend } from "../../src/index.ts";
import { type PostgresServer, sharedPostgres } from "../postgres-server.ts";
import { ownSchema } from "../state/postgres-state-harness.ts";

vi.setConfig({ maxConcurrency: 20, testTimeout: 60_000 });

describe.concurrent("limits over postgres", () => {
  let server: PostgresServer;
  const opened: TaskBackend[] = [];
  beforeAll(async () => {
    server = await sharedPostgres();
  });
  afterAll(async () => {
    for (const backend of opened) await backend.close();
    await server.end();
  });

  const harness: LimitHarness = {
    name: "postgres",
    async open() {
      const schema = ownSchema("limits");
      const [a, b] = [uniqueName("a"), uniqueName("b")];
      return async () => {
        // A random of its own keeps its connection from being shared.
        const backend = postgresBackend({
          dsn: server.url,
          schema: schema.name,
          poolSize: 1,
          random: () => 0.5,
        });
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
