import {
  judgeWorkflowCase,
  title,
  uniqueName,
  workflowCases,
  type WorkflowHarness,
} from "@lexigram/conformance";
import type { TaskBackend } from "@lexigram/contracts";
import { afterAll, beforeAll, describe, test } from "vitest";
// oxlint-disable-next-line no-restricted-imports -- a process of the product, which the tests of all backends share
import { workflowProcess } from "../../../tasks/test/workflow/workflow-subject.ts";
import { postgresBackend } from "../../src/index.ts";
import { type PostgresServer, sharedPostgres } from "../postgres-server.ts";
import { ownSchema } from "../state/postgres-state-harness.ts";

describe("workflows over postgres", { timeout: 120_000 }, () => {
  let server: PostgresServer;
  const opened: TaskBackend[] = [];
  beforeAll(async () => {
    server = await sharedPostgres();
  });
  afterAll(async () => {
    await server.end();
  });

  const harness: WorkflowHarness = {
    name: "postgres",
    async open() {
      const schema = ownSchema("workflows");
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
    process: workflowProcess(() => opened[0] as TaskBackend),
    // Each has links of its own, of which a server has not many.
    dispose: async () => {
      for (const backend of opened.splice(0)) await backend.close();
    },
  };

  for (const c of workflowCases)
    test(`${title(c)}`, async ({ expect }) => {
      const report = await judgeWorkflowCase(c, async () => harness);
      expect(report.outcome === "failed" ? report.error.message : report.outcome).toBe("passed");
    });
});
