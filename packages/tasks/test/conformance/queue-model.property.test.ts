import { followsModel, queueCommands, sameHistory } from "@lexigram/conformance/properties";
import type { QueueHarness } from "@lexigram/conformance";
import fc from "fast-check";
import { describe, test } from "vitest";
import { memoryQueueHarness } from "./memory-queue-harness.ts";

const numRuns = Number(process.env["LEX_PROPERTY_RUNS"] ?? 3_000);
// One seed for everybody's runs; LEX_SEED=$RANDOM looks for what it does not find.
const seed = Number(process.env["LEX_SEED"] ?? 20_261_120);

describe(`memory queue (seed ${seed})`, () => {
  test("follows the model over random commands", { timeout: 60_000 + numRuns * 50 }, async () => {
    await fc.assert(
      fc.asyncProperty(queueCommands(), (commands) => followsModel(commands, memoryQueueHarness)),
      { numRuns, seed },
    );
  });

  test("keeps one history with itself", { timeout: 60_000 + numRuns * 50 }, async () => {
    await fc.assert(
      fc.asyncProperty(queueCommands(), (commands) =>
        sameHistory(commands, memoryQueueHarness, memoryQueueHarness),
      ),
      { numRuns: Math.ceil(numRuns / 5), seed },
    );
  });

  test(
    "keeps one history with a queue whose time cannot be moved",
    { timeout: 60_000 + numRuns * 50 },
    async () => {
      const unmoved = (): QueueHarness => memoryQueueHarness({ timeMoves: false });
      await fc.assert(
        fc.asyncProperty(queueCommands({ time: false }), (commands) =>
          sameHistory(commands, unmoved, memoryQueueHarness),
        ),
        { numRuns: Math.ceil(numRuns / 10), seed },
      );
    },
  );
});
