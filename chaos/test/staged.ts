import { expect, onTestFinished } from "vitest";
import { Books } from "../src/accounts/books.ts";
import type { Fault } from "../src/accounts/figures.ts";
import { now } from "../src/moment.ts";
import { Cleanup } from "../src/run/cleanup.ts";
import type { Crew } from "../src/run/crew.ts";
import type { Scene, Stage } from "../src/scenario.ts";
import { SeededRandom } from "../src/seeded-random.ts";
import type { ChaosStore } from "../src/stores/store.ts";

/** Everybody who would have to consume, and nobody there. */
const crew = { pids: [7] } as unknown as Crew;

/** Opens a scenario's servers, which end with the test. */
export async function staged({ scenarios }: ChaosStore, name: string): Promise<Stage> {
  const scenario = scenarios.find((one) => one.name === name);
  if (scenario === undefined) throw new Error(`there is no scenario ${name}`);
  const cleanup = new Cleanup();
  onTestFinished(() => cleanup[Symbol.asyncDispose]());
  return scenario.open(cleanup);
}

/**
 * Strikes once, and sees that the fault tells its moments in order.
 *
 * @param pause what is done where the fault waits.
 */
export async function strikes(stage: Stage, pause: () => Promise<void> = async () => {}): Promise<void> {
  const before = now();
  const scene: Scene = {
    crew,
    producers: [],
    books: new Books(),
    queue: () => Promise.reject(new Error("nobody looks on")),
    random: new SeededRandom(1),
    pause,
    busy: async () => {},
  };
  const [fault, ...others] = [await stage.strike(scene)].flat() as [Fault, ...Fault[]];
  expect(others).toEqual([]);
  expect(fault.consumers).toEqual([7]);
  const moments = [before, fault.at, fault.struckAt, fault.reachableAt, now()];
  expect(moments).toEqual(moments.toSorted((a, b) => a - b));
}
