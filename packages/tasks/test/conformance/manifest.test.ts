import { readFile } from "node:fs/promises";
import { parseManifests } from "@lexigram/conformance";
import { describe, expect, test } from "vitest";
import { memoryQueueHarness } from "./memory-queue-harness.ts";

describe("manifest of the memory queue", () => {
  test("is the one that the laws require", async () => {
    const page = await readFile(new URL("../../../../docs/laws/manifests.md", import.meta.url), "utf8");
    const queue = await memoryQueueHarness().open();
    expect(queue.capabilities).toEqual(parseManifests(page).get("memory"));
  });

  test("stays as it is over everything that a queue goes through", async () => {
    const harness = memoryQueueHarness();
    const queue = await harness.open();
    const before = structuredClone(queue.capabilities);
    await queue.setPolicy({ maxSize: 1 });
    await queue.pause();
    await queue.close();
    expect(queue.capabilities).toEqual(before);
    expect((await harness.peer(queue)).capabilities).toEqual(before);
  });
});
