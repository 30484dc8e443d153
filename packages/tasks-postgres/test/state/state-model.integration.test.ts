import { ManualClock } from "@lexigram/conformance";
import { keepsEntries, sameState, stateCommands, stateEntries } from "@lexigram/conformance/properties";
import type { StateStoreProtocol } from "@lexigram/contracts";
import { memoryBackend } from "@lexigram/tasks";
import fc from "fast-check";
import { describe, test } from "vitest";
import { callersPool, serverOfTest, sharedPostgres } from "../postgres-server.ts";
import { ownSchema, storeIn } from "./postgres-state-harness.ts";

const seed = process.env["LEX_SEED"];
/** Thousands of round trips, which take their time on a busy machine. */
const TIMEOUT_MS = 120_000;
const settings = { numRuns: 25, ...(seed === undefined ? {} : { seed: Number(seed) }) };

describe("the state store on PostgreSQL", () => {
  test.each([
    { name: "over its address", making: sharedPostgres },
    { name: "over a pool of the caller's", making: callersPool },
  ])("does $name what the memory store does", { timeout: TIMEOUT_MS }, async ({ making }) => {
    const server = await serverOfTest(making);
    const database = server.connect();
    await fc.assert(
      fc.asyncProperty(stateCommands(), async (commands) => {
        const clock = new ManualClock();
        const memory = memoryBackend({ clock }).state as StateStoreProtocol;
        await sameState(commands, storeIn(database, ownSchema("model")), memory, () => clock.advance(1));
      }),
      settings,
    );
    await database.close();
  });

  test("keeps any value and any key, and lists keys in the order of the memory store", async () => {
    const server = await serverOfTest();
    const database = server.connect();
    const store = storeIn(database, ownSchema("model"));
    await fc.assert(
      fc.asyncProperty(stateEntries(), (all) => keepsEntries(all, store)),
      settings,
    );
    await database.close();
  });
});
