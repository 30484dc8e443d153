import { ManualClock, type QueueHarness, uniqueName } from "@lexigram/conformance";
import { followsModel, queueCommands, sameHistory } from "@lexigram/conformance/properties";
import { memoryBackend } from "@lexigram/tasks";
import fc from "fast-check";
import { afterAll, beforeAll, describe, test } from "vitest";
import { sharedPostgres } from "../postgres-server.ts";
import { postgresQueueHarness } from "./postgres-queue-harness.ts";

const numRuns = Number(process.env["LEX_PROPERTY_RUNS"] ?? 40);
const seed = Number(process.env["LEX_SEED"] ?? 20_261_120);

/** The reference, on a clock that stands still: scripts without time must go alike. */
function memory(): QueueHarness {
  const clock = new ManualClock();
  const backend = memoryBackend({ clock });
  return {
    name: "memory",
    clock,
    open: async () => backend.queue(uniqueName("queue")),
    peer: async (queue) => backend.queue(queue.name),
    reopen: async (queue) => {
      await queue.close();
      return backend.queue(queue.name);
    },
    dispose: () => backend.close(),
  };
}

describe.each([false, true])(`postgres queue, lines marked: %s (seed ${seed})`, (isMarked) => {
  let postgres: QueueHarness;
  beforeAll(async () => {
    postgres = postgresQueueHarness({ server: await sharedPostgres(), isMarked });
  });
  afterAll(() => postgres.dispose());

  test("follows the model over random commands", { timeout: 60_000 + numRuns * 2_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(queueCommands({ time: false }), (commands) => followsModel(commands, postgres)),
      { numRuns, seed },
    );
  });

  test("keeps one history with the memory queue", { timeout: 60_000 + numRuns * 2_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(queueCommands({ time: false }), (commands) => sameHistory(commands, postgres, memory)),
      { numRuns, seed },
    );
  });
});
