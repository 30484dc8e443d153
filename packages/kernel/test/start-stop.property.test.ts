import fc from "fast-check";
import { expect, test } from "vitest";
import { Application, Provider } from "../src/index.ts";
import { quiet } from "./fixtures/boot.ts";

/** Boots and shuts down after a number of turns, and keeps count. */
class Turning extends Provider {
  booted = 0;
  stopped = 0;
  readonly #turns: number;
  readonly #fails: boolean;

  constructor(name: string, priority: number, turns: number, fails: boolean) {
    super();
    this.name = name;
    this.priority = priority;
    this.#turns = turns;
    this.#fails = fails;
  }

  override async boot(): Promise<void> {
    for (let turn = 0; turn < this.#turns; turn++) await Promise.resolve();
    if (this.#fails) throw new Error(`${this.name} fails`);
    this.booted++;
  }

  override async shutdown(): Promise<void> {
    for (let turn = 0; turn < this.#turns; turn++) await Promise.resolve();
    this.stopped++;
  }
}

const drafts = fc.array(
  fc.record({
    priority: fc.integer({ min: 0, max: 2 }),
    turns: fc.nat({ max: 6 }),
    fails: fc.oneof({ weight: 4, arbitrary: fc.constant(false) }, fc.constant(true)),
  }),
  { maxLength: 5 },
);
const racers = fc.array(
  fc.record({ call: fc.constantFrom("start" as const, "stop" as const), turns: fc.nat({ max: 40 }) }),
  { minLength: 1, maxLength: 8 },
);

test("however start and stop race, it ends stopped, and everything that booted is shut down once", async () => {
  await fc.assert(
    fc.asyncProperty(drafts, racers, async (made, calls) => {
      const providers = made.map(
        ({ priority, turns, fails }, index) => new Turning(`p${index}`, priority, turns, fails),
      );
      const app = new Application({ ...quiet, providers });
      const started: unknown[] = [];
      await Promise.all(
        calls.map(async ({ call, turns }) => {
          for (let turn = 0; turn < turns; turn++) await Promise.resolve();
          if (call === "stop") return app.stop();
          return app.start().then(
            () => started.push(true),
            () => {},
          );
        }),
      );
      expect(started.length).toBeLessThanOrEqual(1);
      await app.stop();
      await app.stopped;
      expect(app.state).toBe("stopped");
      for (const provider of providers) {
        expect(provider.booted).toBeLessThanOrEqual(1);
        expect(provider.stopped).toBe(provider.booted);
      }
    }),
    { numRuns: 300 },
  );
});
