import { ManualClock, uniqueName } from "@lexigram/conformance";
import { keepsEntries, sameState, stateCommands, stateEntries } from "@lexigram/conformance/properties";
import { type StateStoreProtocol, systemClock } from "@lexigram/contracts";
import { sharedServers } from "@lexigram/services";
import { memoryBackend } from "@lexigram/tasks";
import fc from "fast-check";
import { describe, test } from "vitest";
import { openConnection } from "../../src/connection/open-connection.ts";
import { RedisStateStore } from "../../src/state/redis-state-store.ts";
import { removeState } from "./redis-state-harness.ts";

const seed = process.env["LEX_SEED"];
/** Thousands of round trips, which take their time on a busy machine. */
const TIMEOUT_MS = 120_000;
const settings = { numRuns: 25, ...(seed === undefined ? {} : { seed: Number(seed) }) };

describe("the state store on Redis", () => {
  test.each([1, 3, 16])(
    "does over %d shards what the memory store does",
    { timeout: TIMEOUT_MS },
    async (shards) => {
      const connection = openConnection({ target: { kind: "url", url: sharedServers.redis } });
      await fc.assert(
        fc.asyncProperty(stateCommands(), async (commands) => {
          const namespace = uniqueName("state-model");
          const clock = new ManualClock();
          const memory = memoryBackend({ clock }).state as StateStoreProtocol;
          const redis = new RedisStateStore({ connection, namespace, clock: systemClock, shards });
          try {
            await sameState(commands, redis, memory, () => clock.advance(1));
          } finally {
            await removeState(connection, namespace, shards);
          }
        }),
        settings,
      );
      await connection.close();
    },
  );

  test("keeps any value and any key, and lists keys in the order of the memory store", async () => {
    const connection = openConnection({ target: { kind: "url", url: sharedServers.redis } });
    const namespace = uniqueName("state-model");
    const store = new RedisStateStore({ connection, namespace, clock: systemClock });
    await fc.assert(
      fc.asyncProperty(stateEntries(), (all) => keepsEntries(all, store)),
      settings,
    );
    await removeState(connection, namespace, 16);
    await connection.close();
  });
});
