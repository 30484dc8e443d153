import { judgeLockCase, lockCases, type LockHarness, title, uniqueName } from "@lexigram/conformance";
import type { TaskBackend } from "@lexigram/contracts";
import { afterAll, beforeAll, describe, test, vi } from "vitest";
// oxlint-disable-next-line no-restricted-imports -- a process of the product, which the tests of all backends share
import { lockProcess } from "../../../tasks/test/lock/lock-subject.ts";
import { postgresBackend } from "../../src/index.ts";
import { type PostgresServer, sharedPostgres } from "../postgres-server.ts";
import { ownSchema } from "../state/postgres-state-harness.ts";

vi.setConfig({ maxConcurrency: 4, testTimeout: 60_000 });

describe.concurrent("locks over postgres", () => {
  let server: PostgresServer;
  const opened: TaskBackend[] = [];
  beforeAll(async () => {
    server = await sharedPostgres();
  });
  afterAll(async () => {
    for (const backend of opened) await backend.close();
    await server.end();
  });

  const harness: LockHarness = {
    name: "postgres",
    unitMs: 600,
    async open() {
      const schema = ownSchema("locks");
      const name = uniqueName("queue");
      return async () => {
        // A random of its own keeps its connections from being shared.
        const backend = postgresBackend({
          dsn: server.url,
          schema: schema.name,
          poolSize: 1,
          random: () => 0.5,
        });
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
