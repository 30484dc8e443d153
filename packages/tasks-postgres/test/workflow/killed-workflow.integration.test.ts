import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, vi } from "vitest";
// oxlint-disable-next-line no-restricted-imports -- the tests of all backends share it
import { describeKilledWorkflows } from "../../../tasks/test/workflow/killed-workflow.ts";
import { type PostgresServer, sharedPostgres } from "../postgres-server.ts";
import { ownSchema } from "../state/postgres-state-harness.ts";

const home = fileURLToPath(new URL("../..", import.meta.url));

vi.setConfig({ maxConcurrency: 3 });

let server: PostgresServer;

// What is published is what runs there: Node cannot run the sources.
beforeAll(async () => {
  execFileSync(join(home, "../../node_modules/.bin/tsc"), ["-b", home, join(home, "../tasks")]);
  server = await sharedPostgres();
}, 600_000);
afterAll(() => server.end());

/** A thousand children take the server seconds: before the first child, among the children, after the last one. */
const LARGE_AT: ReadonlySet<number> = new Set([2, 7, 12]);

describeKilledWorkflows({
  home,
  open: `async ({ dsn, schema }) => (await import("@lexigram/tasks-postgres")).postgresBackend({ dsn, schema })`,
  lease: "3s",
  place: () => {
    const schema = ownSchema("flow").name;
    return {
      where: { dsn: server.url, schema },
      entry: { name: "work", type: "postgres", postgresDsn: server.url, extra: { schema } },
    };
  },
  isLarge: (n) => LARGE_AT.has(n),
});
