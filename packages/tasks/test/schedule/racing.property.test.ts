import type { StateStoreProtocol, TaskQueueProtocol } from "@lexigram/contracts";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { seeded } from "../dispatch/producer.ts";
import { eventLoopTurn } from "../../src/testing/event-loop-turn.ts";
import { overlaid, Workshop } from "./workshop.ts";

/** The same calls, each begun and answered some turns of the event loop later, so that those of others come between. */
function slowed<T extends StateStoreProtocol | TaskQueueProtocol>(
  inner: T,
  names: readonly (keyof T)[],
  random: () => number,
): T {
  const later = async (): Promise<void> => {
    for (let turns = Math.floor(random() * 6); turns > 0; turns--) await eventLoopTurn();
  };
  const own: Partial<T> = {};
  for (const name of names) {
    const call = (inner[name] as (...args: unknown[]) => Promise<unknown>).bind(inner);
    own[name] = (async (...args: unknown[]) => {
      await later();
      const answer = await call(...args);
      await later();
      return answer;
    }) as T[keyof T];
  }
  return overlaid(inner, own);
}

describe("five schedulers that race", () => {
  test("make one job for each occurrence, whoever is first at each step", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer(),
        fc.constantFrom("once" as const, "all" as const),
        fc.constantFrom("allow" as const, "skip" as const, "cancel" as const),
        async (seed, misfire, overlap) => {
          const random = seeded(Math.abs(seed) + 1);
          const w = new Workshop();
          const schedulers = await Promise.all(
            Array.from({ length: 5 }, () =>
              w.started({
                state: (state) => slowed(state, ["get", "put", "list"], random),
                queue: (queue) => slowed(queue, ["enqueueMany", "results"], random),
              }),
            ),
          );
          await schedulers[0]?.scheduleJob("work", { every: "1m" }, { id: "s", misfire, overlap });
          const seen = new Map<string, number>();
          for (let minute = 0; minute < 6; minute++) {
            await w.clock.advance("1m");
            for (const id of new Set((await w.jobs()).map((job) => job.id)))
              seen.set(id, (seen.get(id) ?? 0) + 1);
            // Jobs are forgotten as soon as they are done, so that only keys and the record are left.
            await w.work();
          }
          const planned = [...seen.keys()].map((id) => Number(id.split("@")[1]));
          expect(new Set(planned).size).toBe(planned.length);
          expect(planned.toSorted((a, b) => a - b)).toEqual(
            Array.from({ length: 6 }, (_, i) => Date.UTC(2030, 0, 1, 0, i + 1)),
          );
          for (const scheduler of schedulers) await scheduler.stopScheduler();
        },
      ),
      { numRuns: 25 },
    );
  });
});
