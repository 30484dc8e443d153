import { readFile } from "node:fs/promises";
import { parseManifests } from "@lexigram/conformance";
import { systemClock } from "@lexigram/contracts";
import { MemoryStateStore } from "@lexigram/tasks";
import { describe, expect, test } from "vitest";
import { rabbitmqBackend, RabbitMQTaskQueue } from "../../src/index.ts";

const url = "amqp://127.0.0.1:1";

describe("manifest of the rabbitmq queue", () => {
  test.each(["quorum", "classic"] as const)(
    "is the one that the laws require, of %s queues of a backend and by themselves",
    async (queueType) => {
      const page = await readFile(new URL("../../../../docs/laws/manifests.md", import.meta.url), "utf8");
      const manifests = parseManifests(page);
      const jobIndex = new MemoryStateStore({ clock: systemClock });
      for (const [name, options] of [
        ["rabbitmq", {}],
        ["rabbitmq-indexed", { jobIndex }],
      ] as const) {
        const required = manifests.get(name);
        const backend = rabbitmqBackend({ url, queueType, ...options });
        const queues = [backend.queue("emails"), new RabbitMQTaskQueue({ url, queueType, ...options })];
        expect(queues.map(({ capabilities }) => capabilities)).toEqual([required, required]);
        for (const queue of queues) await queue.close();
        expect(queues.map(({ capabilities }) => capabilities)).toEqual([required, required]);
        await backend.close();
      }
    },
  );
});
