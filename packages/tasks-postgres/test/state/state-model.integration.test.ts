import { ManualClock } from "@lexigram/conformance";
import type { JsonValue, PutOutcome, StateEntry, StateStoreProtocol } from "@lexigram/contracts";
import { memoryBackend } from "@lexigram/tasks";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { callersPool, serverOfTest, sharedPostgres } from "../postgres-server.ts";
import { ownSchema, storeIn } from "./postgres-state-harness.ts";

/** The server's time cannot be moved, so what ends either has ended by the next call or outlasts the test. */
const BRIEF_MS = 0.001;
const LONG_MS = 3_600_000;

const NO_VERSION = 0.5;

const seed = process.env["LEX_SEED"];
const settings = { numRuns: 25, ...(seed === undefined ? {} : { seed: Number(seed) }) };

const key = fc.constantFrom(
  "a",
  "a\u0000",
  "a\u0001",
  "x".repeat(512),
  "\uffff".repeat(512),
  "a:1",
  "a:2",
  "a\ud800",
  "a\udbff\udfff",
  "a\ue000",
  "a\uffff",
  "b",
  "ü",
  "*",
  "1",
);
const text = fc
  .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 5 })
  .map((u) => String.fromCharCode(...u));
const value = fc.oneof(
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  text,
  fc.jsonValue(),
);
const ttlMs = fc.constantFrom(undefined, undefined, BRIEF_MS, LONG_MS);
/** A version as it is, as it was before, or none. */
const version = fc.constantFrom("none", "none", "current", "stale" as const);
const bucket = fc.constantFrom(
  { key: "never", rate: 1, perMs: 1e12, burst: 5 },
  { key: "other", rate: 2, perMs: 1e12, burst: 3.5 },
  { key: "at once", rate: 1, perMs: BRIEF_MS / 10, burst: 4 },
);

const command = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant("put"), key, value, ttlMs, ifAbsent: fc.boolean(), version }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("get"), key }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("touch"), key, ttlMs, version }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("delete"), key, version }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("increment"),
      key,
      by: fc.oneof(fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true })),
      ttlMs,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("list"),
      prefix: fc.constantFrom("", "a", "a:", "a\ud800", "a\udbff", "b", "\uffff"),
      limit: fc.integer({ min: 1, max: 5 }),
      after: fc.option(key, { nil: undefined }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("takeTokens"),
      buckets: fc.uniqueArray(bucket, { maxLength: 3, selector: (b) => b.key }),
      n: fc.integer({ min: 0, max: 5 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("acquire"),
      key,
      holder: key,
      limit: fc.integer({ min: 0, max: 6 }),
      n: fc.integer({ min: 0, max: 5 }),
      ttlMs: fc.constantFrom(BRIEF_MS, LONG_MS),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("release"),
      key,
      holder: key,
      n: fc.option(fc.integer({ min: 0, max: 4 }), { nil: undefined }),
    }),
  },
);
type Command = typeof command extends fc.Arbitrary<infer C> ? C : never;

const defined = <T extends object>(members: T): { [K in keyof T]: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(members).filter(([, member]) => member !== undefined)) as never;

/** One of the two stores, with the versions that it has given out for each key. */
class Side {
  readonly #store: StateStoreProtocol;
  readonly #versions = new Map<string, number[]>();

  constructor(store: StateStoreProtocol) {
    this.#store = store;
  }

  /** What a call did, in words that are the same for both stores. */
  async play(c: Command): Promise<unknown> {
    try {
      return await this.#play(c);
    } catch (error) {
      const { code, fields } = error as { code?: string; fields?: unknown };
      if (code !== "LEX_ERR_TASK_VALIDATION") throw error;
      return fields;
    }
  }

  async #play(c: Command): Promise<unknown> {
    switch (c.do) {
      case "put": {
        const { ttlMs: ttl, ifAbsent } = c as { ttlMs?: number; ifAbsent: boolean };
        const condition = this.#condition(c);
        const outcome = await this.#store.put(
          c.key,
          c.value as JsonValue,
          defined({ ttlMs: ttl, ifAbsent, ...condition }),
        );
        return this.#told(c.key, outcome);
      }
      case "get": {
        const entry = await this.#store.get(c.key);
        return entry && this.#seen(entry);
      }
      case "touch":
        return this.#store.touch(c.key, { ttlMs: c.ttlMs ?? LONG_MS, ...this.#condition(c) });
      case "delete":
        return this.#store.delete(c.key, this.#condition(c));
      case "increment":
        return this.#store.increment(c.key, c.by, defined({ ttlMs: c.ttlMs }));
      case "list": {
        const page = await this.#store.list(c.prefix, { limit: c.limit, ...defined({ cursor: c.after }) });
        return { ...page, items: page.items.map((entry) => this.#seen(entry)) };
      }
      case "takeTokens":
        return this.#tokens(c);
      case "acquire":
        return this.#store.acquire(c.key, c);
      case "release":
        return this.#store.release(c.key, defined({ holder: c.holder, n: c.n }));
      default:
        return undefined;
    }
  }

  async #tokens({ buckets, n }: Extract<Command, { buckets: unknown }>): Promise<unknown> {
    const { granted, retryInMs } = await this.#store.takeTokens(buckets, n);
    if (retryInMs === undefined) return { granted };
    // Time passes on the server; in the digits of an hour and more it does not show.
    return { granted, retryInMs: Number(retryInMs.toPrecision(3)) };
  }

  #condition({ key: of, version: which }: { key: string; version: string }): { ifVersion?: number } {
    const given = this.#versions.get(of) ?? [];
    if (which === "current") return { ifVersion: given.at(-1) ?? NO_VERSION };
    return which === "stale" ? { ifVersion: given.at(-2) ?? NO_VERSION } : {};
  }

  /** Versions are told by their place among those of the key. */
  #place(of: string, given: number): number {
    const versions = this.#versions.get(of) ?? [];
    this.#versions.set(of, versions);
    if (!versions.includes(given)) {
      if (given <= (versions.at(-1) ?? 0))
        throw new Error(`version ${given} of ${of} follows ${versions.join()}`);
      versions.push(given);
    }
    return versions.indexOf(given);
  }

  #seen({ expiresInMs, ...entry }: StateEntry): unknown {
    const place = this.#place(entry.key, entry.version);
    // The sign of nothing is not kept by JSON, and neither is it here.
    return { ...entry, value: JSON.stringify(entry.value), version: place, ends: expiresInMs !== undefined };
  }

  #told(of: string, outcome: PutOutcome): unknown {
    if (outcome.stored) return { stored: true, version: this.#place(of, outcome.version) };
    return { stored: false, current: outcome.current && this.#seen(outcome.current) };
  }
}

describe("the state store on PostgreSQL", () => {
  test.each([
    { name: "over its address", making: sharedPostgres },
    { name: "over a pool of the caller's", making: callersPool },
  ])("does $name what the memory store does", async ({ making }) => {
    const server = await serverOfTest(making);
    const database = server.connect();
    await fc.assert(
      fc.asyncProperty(
        fc.array(command, { minLength: 100, maxLength: 200, size: "max" }),
        async (commands) => {
          const clock = new ManualClock();
          const memory = new Side(memoryBackend({ clock }).state as StateStoreProtocol);
          const postgres = new Side(storeIn(database, ownSchema("model")));
          for (const [i, c] of commands.entries())
            for (const step of c.do === "increment" ? [c, { do: "get", key: c.key } as const] : [c]) {
              // The wait of a round trip ends what is brief, on this side too.
              await clock.advance(1);
              const expected = await memory.play(step);
              expect(await postgres.play(step), `command ${i}: ${JSON.stringify(step)}`).toEqual(expected);
            }
        },
      ),
      settings,
    );
    await database.close();
  });

  test("keeps any value and any key, and lists keys in the order of the memory store", async () => {
    const server = await serverOfTest();
    const database = server.connect();
    const store = storeIn(database, ownSchema("model"));
    const anyKey = fc
      .array(fc.oneof(fc.integer({ min: 0, max: 0xffff }), fc.integer({ min: 0xd7f0, max: 0xe00f })), {
        minLength: 1,
        maxLength: 4,
      })
      .map((units) => String.fromCharCode(...units));
    await fc.assert(
      fc.asyncProperty(fc.dictionary(anyKey, value, { maxKeys: 30, noNullPrototype: true }), async (all) => {
        for (const { key: old } of (await store.list("", { limit: 1_000 })).items) await store.delete(old);
        const entries = Object.entries(all);
        await Promise.all(entries.map(([name, member]) => store.put(name, member as JsonValue)));
        const { items } = await store.list("", { limit: 1_000 });
        expect(items.map((item) => item.key)).toEqual(entries.map(([name]) => name).toSorted());
        for (const item of items) expect(JSON.stringify(item.value)).toBe(JSON.stringify(all[item.key]));
      }),
      settings,
    );
    await database.close();
  });
});
