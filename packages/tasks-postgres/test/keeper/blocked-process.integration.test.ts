import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, vi } from "vitest";
// oxlint-disable-next-line no-restricted-imports -- the tests of all backends share it
import { describeBlockedProcesses } from "../../../tasks/test/keeper/blocked-process.ts";
import { type PostgresServer, sharedPostgres } from "../postgres-server.ts";
import { ownSchema } from "../state/postgres-state-harness.ts";

const home = fileURLToPath(new URL("../..", import.meta.url));

// A process that blocks has a processor to itself.
vi.setConfig({ maxConcurrency: 2 });

let server: PostgresServer;

// What is published is what runs there: Node cannot run the sources.
beforeAll(async () => {
  execFileSync(join(home, "../../node_modules/.bin/tsc"), ["-b", home, join(home, "../tasks")]);
  server = await sharedPostgres();
}, 600_000);
afterAll(() => server.end());

describeBlockedProcesses({
  home,
  open: `async ({ dsn, schema }) => (await import("@lexigram/tasks-postgres")).postgresBackend({ dsn, schema })`,
  place: () => ({ dsn: server.url, schema: ownSchema("keeper").name }),
});
