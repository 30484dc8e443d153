import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll } from "vitest";
// oxlint-disable-next-line no-restricted-imports -- the tests of all backends share it
import { describeKilledHolders } from "../../../tasks/test/lock/killed-holder.ts";
import { postgresBackend } from "../../src/index.ts";
import { type PostgresServer, sharedPostgres } from "../postgres-server.ts";
import { ownSchema } from "../state/postgres-state-harness.ts";

const home = fileURLToPath(new URL("../..", import.meta.url));

let server: PostgresServer;

// What is published is what runs there: Node cannot run the sources.
beforeAll(async () => {
  execFileSync(join(home, "../../node_modules/.bin/tsc"), ["-b", home, join(home, "../tasks")]);
  server = await sharedPostgres();
}, 600_000);
afterAll(() => server.end());

describeKilledHolders({
  home,
  open: `async ({ dsn, schema }) => (await import("@lexigram/tasks-postgres")).postgresBackend({ dsn, schema })`,
  place: () => {
    const where = { dsn: server.url, schema: ownSchema("lock").name };
    return { where, here: () => postgresBackend(where) };
  },
});
