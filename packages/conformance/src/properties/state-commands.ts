import fc from "fast-check";

/** A server's time cannot be moved, so what ends either has ended by the next call or outlasts the test. */
const BRIEF_MS = 0.001;
export const LONG_MS = 3_600_000;

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
/** One call of a state store. */
export type StateCommand = typeof command extends fc.Arbitrary<infer C> ? C : never;

/** Scripts of 100 to 200 calls, on few keys, so that they meet. */
export function stateCommands(): fc.Arbitrary<StateCommand[]> {
  return fc.array(command, { minLength: 100, maxLength: 200, size: "max" });
}

/** Any keys with any values. */
export function stateEntries(): fc.Arbitrary<Record<string, unknown>> {
  const anyKey = fc
    .array(fc.oneof(fc.integer({ min: 0, max: 0xffff }), fc.integer({ min: 0xd7f0, max: 0xe00f })), {
      minLength: 1,
      maxLength: 4,
    })
    .map((units) => String.fromCharCode(...units));
  return fc.dictionary(anyKey, value, { maxKeys: 30, noNullPrototype: true });
}
