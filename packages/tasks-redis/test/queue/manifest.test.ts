import { readFile } from "node:fs/promises";
import { parseManifests } from "@lexigram/conformance";
import { describe, expect, test } from "vitest";
import { redisBackend, RedisTaskQueue } from "../../src/index.ts";

const url = "redis://127.0.0.1:1";

describe("manifest of the redis queue", () => {
  test("is the one that the laws require, of a backend's queue and of one by itself", async () => {
    const page = await readFile(new URL("../../../../docs/laws/manifests.md", import.meta.url), "utf8");
    const required = parseManifests(page).get("redis");
    const backend = redisBackend({ url });
    const queues = [backend.queue("emails"), new RedisTaskQueue({ url })];
    expect(queues.map(({ capabilities }) => capabilities)).toEqual([required, required]);
    for (const queue of queues) await queue.close();
    expect(queues.map(({ capabilities }) => capabilities)).toEqual([required, required]);
    await backend.close();
  });
});
