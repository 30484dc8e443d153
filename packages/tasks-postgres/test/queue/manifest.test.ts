import { readFile } from "node:fs/promises";
import { parseManifests } from "@lexigram/conformance";
import { describe, expect, test } from "vitest";
import { postgresBackend, PostgresTaskQueue } from "../../src/index.ts";

const dsn = "postgres://127.0.0.1:1/none";

describe("manifest of the postgres queue", () => {
  test("is the one that the laws require, of a backend's queue and of one by itself", async () => {
    const page = await readFile(new URL("../../../../docs/laws/manifests.md", import.meta.url), "utf8");
    const required = parseManifests(page).get("postgres");
    const backend = postgresBackend({ dsn });
    const queues = [backend.queue("emails"), new PostgresTaskQueue({ dsn })];
    expect(queues.map(({ capabilities }) => capabilities)).toEqual([required, required]);
    for (const queue of queues) await queue.close();
    expect(queues.map(({ capabilities }) => capabilities)).toEqual([required, required]);
    await backend.close();
  });
});
