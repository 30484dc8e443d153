import fc from "fast-check";
import { expect, test } from "vitest";
import { TaskConfig } from "../../src/config/task-config.ts";
import type { TaskConfigOptions } from "../../src/config/task-config-options.ts";

const maybe = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(arbitrary, { nil: undefined });
const count = fc.integer({ min: 0, max: 9 });
const span = fc.integer({ min: 100, max: 9_000 });

const options: fc.Arbitrary<TaskConfigOptions> = fc
  .record({
    name: maybe(fc.constantFrom("a", "b")),
    worker: maybe(fc.record({ workerCount: maybe(count), lease: maybe(span) })),
    retry: maybe(
      fc.oneof(
        fc.record({ maxRetries: maybe(count) }),
        fc.record({ maxAttempts: fc.integer({ min: 1, max: 9 }) }),
      ),
    ),
    backends: maybe(
      fc.uniqueArray(fc.record({ name: fc.constantFrom("x", "y", "z"), priority: maybe(count) }), {
        minLength: 1,
        selector: ({ name }) => name,
      }),
    ),
  })
  .map((made) => made as TaskConfigOptions);

test("stronger options are all there, and weaker ones where the stronger say nothing", () => {
  fc.assert(
    fc.property(options, options, (weak, strong) => {
      const [below, above] = [new TaskConfig(weak), new TaskConfig(strong)];
      const both = below.with(strong);
      expect(both.name).toBe(strong.name ?? below.name);
      expect(both.worker.workerCount).toBe(strong.worker?.workerCount ?? below.worker.workerCount);
      expect(both.worker.leaseMs).toBe(strong.worker?.lease ?? below.worker.leaseMs);
      const counted = strong.retry?.maxRetries ?? strong.retry?.maxAttempts;
      expect(both.retry.maxRetries).toBe(
        counted === undefined ? below.retry.maxRetries : above.retry.maxRetries,
      );
      for (const { name } of [...(weak.backends ?? []), ...(strong.backends ?? [])]) {
        const of = (config: TaskConfig): number | undefined =>
          config.queues.find((queue) => queue.name === name)?.priority;
        expect(of(both)).toBe(of(above) ?? of(below));
      }
    }),
  );
});

test("laying the same options over themselves changes nothing", () => {
  fc.assert(
    fc.property(options, (some) => {
      const once = new TaskConfig(some);
      expect(JSON.stringify(once.with(some).queues)).toBe(JSON.stringify(once.queues));
      expect(once.with({}).worker).toEqual(once.worker);
    }),
  );
});
