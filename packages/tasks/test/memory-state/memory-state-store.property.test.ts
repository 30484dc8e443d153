import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MemoryStateStore } from "../../src/memory/memory-state-store.ts";
import { ManualClock } from "./manual-clock.ts";

const keys = fc.constantFrom("a", "a1", "a2", "b", "b1");
const ttl = fc.option(fc.integer({ min: 1, max: 20 }), { nil: undefined });

type Command =
  | { do: "put"; key: string; ttlMs: number | undefined; ifAbsent: boolean }
  | { do: "delete"; key: string }
  | { do: "touch"; key: string; ttlMs: number }
  | { do: "increment"; key: string; ttlMs: number | undefined }
  | { do: "list"; prefix: string; limit: number }
  | { do: "wait"; ms: number };

const command: fc.Arbitrary<Command> = fc.oneof(
  fc.record({ do: fc.constant("put" as const), key: keys, ttlMs: ttl, ifAbsent: fc.boolean() }),
  fc.record({ do: fc.constant("delete" as const), key: keys }),
  fc.record({ do: fc.constant("touch" as const), key: keys, ttlMs: fc.integer({ min: 1, max: 20 }) }),
  fc.record({ do: fc.constant("increment" as const), key: keys, ttlMs: ttl }),
  fc.record({
    do: fc.constant("list" as const),
    prefix: fc.constantFrom("", "a", "b", "c"),
    limit: fc.integer({ min: 1, max: 3 }),
  }),
  fc.record({ do: fc.constant("wait" as const), ms: fc.integer({ min: 1, max: 15 }) }),
);

describe("the memory state store", () => {
  test("does what a plain map with deadlines would do", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(command, { maxLength: 60 }), async (commands) => {
        const clock = new ManualClock();
        const store = new MemoryStateStore({ clock });
        const model = new Map<string, { value: number; until: number }>();
        const versions = new Map<string, number>();
        const live = (key: string) => {
          const entry = model.get(key);
          return entry !== undefined && entry.until > clock.now() ? entry : undefined;
        };
        const written = (key: string, version: number) => {
          expect(version).toBeGreaterThan(versions.get(key) ?? 0);
          versions.set(key, version);
        };
        for (const step of commands) {
          let actual: unknown;
          let expected: unknown;
          switch (step.do) {
            case "put": {
              const until = step.ttlMs === undefined ? Infinity : clock.now() + step.ttlMs;
              const options = step.ttlMs === undefined ? {} : { ttlMs: step.ttlMs };
              const outcome = await store.put(step.key, 1, { ...options, ifAbsent: step.ifAbsent });
              actual = outcome.stored;
              expected = !(step.ifAbsent && live(step.key) !== undefined);
              if (outcome.stored) {
                model.set(step.key, { value: 1, until });
                written(step.key, outcome.version);
              }
              break;
            }
            case "delete":
              actual = await store.delete(step.key);
              expected = live(step.key) !== undefined;
              model.delete(step.key);
              break;
            case "touch": {
              const entry = live(step.key);
              actual = await store.touch(step.key, { ttlMs: step.ttlMs });
              expected = entry !== undefined;
              if (entry !== undefined) entry.until = clock.now() + step.ttlMs;
              break;
            }
            case "increment": {
              const before = live(step.key);
              const until = step.ttlMs === undefined ? Infinity : clock.now() + step.ttlMs;
              const options = step.ttlMs === undefined ? {} : { ttlMs: step.ttlMs };
              const sum = await store.increment(step.key, 2, options);
              actual = sum;
              expected = (before?.value ?? 0) + 2;
              model.set(step.key, { value: sum, until: before?.until ?? until });
              written(step.key, (await store.get(step.key))?.version ?? 0);
              break;
            }
            case "list": {
              expected = [...model.keys()]
                .filter((key) => key.startsWith(step.prefix) && live(key))
                .toSorted();
              const got: string[] = [];
              let cursor: string | undefined;
              do {
                const from = cursor === undefined ? {} : { cursor };
                const page = await store.list(step.prefix, { limit: step.limit, ...from });
                got.push(...page.items.map((item) => item.key));
                cursor = page.cursor;
              } while (cursor !== undefined);
              actual = got;
              break;
            }
            case "wait":
              clock.jump(step.ms);
          }
          expect(actual).toEqual(expected);
          for (const key of ["a", "a1", "a2", "b", "b1"])
            expect((await store.get(key))?.value).toBe(live(key)?.value);
        }
      }),
      { numRuns: 300 },
    );
  });

  test("keeps any JSON value as it is", async () => {
    await fc.assert(
      fc.asyncProperty(fc.jsonValue(), async (value) => {
        const store = new MemoryStateStore({ clock: new ManualClock() });
        await store.put("a", value as never);
        expect(JSON.stringify((await store.get("a"))?.value)).toBe(JSON.stringify(value));
      }),
    );
  });

  test("lists any set of keys in order whatever the order they came and went in", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.string({ minLength: 1, maxLength: 4 }), { maxLength: 200 }),
        fc.nat(),
        async (all, seed) => {
          const store = new MemoryStateStore({ clock: new ManualClock() });
          for (const key of all) await store.put(key, 0);
          const gone = new Set(all.filter((_, i) => (i * 7 + seed) % 3 === 0));
          for (const key of gone) await store.delete(key);
          const { items } = await store.list("", { limit: 1_000 });
          expect(items.map((item) => item.key)).toEqual(all.filter((key) => !gone.has(key)).toSorted());
        },
      ),
    );
  });

  test("never grants more than burst + rate·t in any window of length t", async () => {
    const step = fc.record({
      wait: fc.double({ min: 0, max: 700, noNaN: true }),
      n: fc.integer({ min: 1, max: 6 }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 1_000 }),
        fc.integer({ min: 1, max: 8 }),
        fc.array(step, { maxLength: 40 }),
        async (rate, perMs, burst, steps) => {
          const clock = new ManualClock();
          const store = new MemoryStateStore({ clock });
          const grants: { at: number; n: number }[] = [];
          for (const { wait, n } of steps) {
            clock.jump(wait);
            const { granted } = await store.takeTokens([{ key: "b", rate, perMs, burst }], n);
            grants.push({ at: clock.monotonic(), n: granted });
          }
          for (let i = 0; i < grants.length; i++) {
            let sum = 0;
            for (let j = i; j < grants.length; j++) {
              sum += grants[j]!.n;
              const span = grants[j]!.at - grants[i]!.at;
              expect(sum).toBeLessThanOrEqual(burst + (rate * span) / perMs + 1e-6);
            }
          }
        },
      ),
    );
  });

  test("never has more permits out than the limit", async () => {
    const step = fc.record({
      holder: fc.constantFrom("x", "y", "z"),
      n: fc.integer({ min: 0, max: 4 }),
      ttlMs: fc.integer({ min: 1, max: 30 }),
      release: fc.boolean(),
      wait: fc.integer({ min: 0, max: 12 }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 5 }),
        fc.array(step, { maxLength: 60 }),
        async (limit, steps) => {
          const clock = new ManualClock();
          const store = new MemoryStateStore({ clock });
          const model = new Map<string, { n: number; until: number }>();
          for (const { holder, n, ttlMs, release, wait } of steps) {
            clock.jump(wait);
            for (const [key, share] of model) if (share.until <= clock.now()) model.delete(key);
            const mine = model.get(holder)?.n ?? 0;
            const left = Math.max(0, mine - n);
            const others = [...model].reduce(
              (sum, [key, share]) => (key === holder ? sum : sum + share.n),
              0,
            );
            const expected = release ? left : Math.max(mine, Math.min(n, limit - others));
            const held = release
              ? store.release("p", { holder, n })
              : store.acquire("p", { holder, limit, n, ttlMs });
            expect(await held).toBe(expected);
            const until = release ? (model.get(holder)?.until ?? 0) : clock.now() + ttlMs;
            if (expected > 0) model.set(holder, { n: expected, until });
            else model.delete(holder);
            expect([...model.values()].reduce((sum, share) => sum + share.n, 0)).toBeLessThanOrEqual(limit);
          }
        },
      ),
    );
  });
});
