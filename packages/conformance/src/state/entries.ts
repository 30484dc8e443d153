import type { JsonValue, StateEntry } from "@lexigram/contracts";
import { holds, present, rejects, same } from "../kit/expect.ts";
import type { StateCase } from "../kit/run-case.ts";
import type { StateEnv } from "../kit/state-env.ts";

/** Writes a value that must be stored. @returns its version. */
async function write(env: StateEnv, key: string, value: JsonValue, ttlMs?: number): Promise<number> {
  const outcome = await env.store.put(key, value, ttlMs === undefined ? {} : { ttlMs });
  if (!outcome.stored) throw new Error("a put without conditions was not stored");
  return outcome.version;
}

const entry = async (env: StateEnv, key: string): Promise<StateEntry> =>
  present(await env.store.get(key), `the entry ${key}`);

const values: readonly JsonValue[] = [
  null,
  false,
  0,
  -1.5e-7,
  Number.MAX_SAFE_INTEGER,
  "",
  "ü\u0000\u{1f4ee}\n\"'",
  [],
  [1, [null, { a: [] }]],
  {},
  { a: { b: { c: [true, "x"] } }, "": 1, "a.b": null },
];

export const entries: readonly StateCase[] = [
  {
    law: "S-01",
    name: "gives back what was put, of every kind of value",
    run: async (env) => {
      for (const value of values) {
        const key = env.name("value");
        const version = await write(env, key, value);
        same(await env.store.get(key), { key, value, version }, "the entry");
      }
      same(await env.store.get(env.name("nothing")), undefined, "an entry that was never put");
    },
  },
  {
    law: "S-01",
    name: "holds a copy, of its own and for each reader",
    run: async (env) => {
      const key = env.name("copy");
      const value = { list: [1, 2] };
      await write(env, key, value);
      value.list.push(3);
      same((await entry(env, key)).value, { list: [1, 2] }, "the value after the writer changed its object");
    },
  },
  {
    law: "S-01",
    name: "replaces a value, and deletes it",
    run: async (env) => {
      const key = env.name("value");
      await write(env, key, "a");
      await write(env, key, "b");
      same((await entry(env, key)).value, "b", "the value");
      same(await env.store.delete(key), true, "the first delete");
      same(await env.store.delete(key), false, "the second delete");
      same(await env.store.get(key), undefined, "the entry");
    },
  },
  {
    law: "S-02",
    name: "writes with ifAbsent only where no live entry is, and shows the one that is there",
    run: async (env) => {
      const key = env.name("absent");
      same((await env.store.put(key, 1, { ifAbsent: true })).stored, true, "the first write");
      const second = await env.store.put(key, 2, { ifAbsent: true });
      same(second, { stored: false, current: await entry(env, key) }, "the second write");
      same((await entry(env, key)).value, 1, "the value");
      await env.store.delete(key);
      same((await env.store.put(key, 3, { ifAbsent: true })).stored, true, "a write after a delete");
    },
  },
  {
    law: "S-02",
    name: "takes an expired entry for absent",
    run: async (env) => {
      const key = env.name("absent");
      await write(env, key, 1, env.span(2));
      await env.pass(env.span(3));
      same((await env.store.put(key, 2, { ifAbsent: true })).stored, true, "a write after the expiry");
    },
  },
  {
    law: "S-03",
    name: "writes with ifVersion only over that version",
    run: async (env) => {
      const key = env.name("cas");
      const version = await write(env, key, "a");
      const good = await env.store.put(key, "b", { ifVersion: version });
      same(good.stored, true, "a write over the version that is there");
      const stale = await env.store.put(key, "c", { ifVersion: version });
      same(stale, { stored: false, current: await entry(env, key) }, "a write over an older version");
      same((await entry(env, key)).value, "b", "the value");
      const absent = await env.store.put(env.name("nothing"), 1, { ifVersion: 1 });
      same(absent.stored, false, "a write over a version of nothing");
    },
  },
  {
    law: "S-04",
    name: "forgets an entry when its time is up, not before",
    run: async (env) => {
      const key = env.name("ttl");
      await write(env, key, 1, env.span(4));
      const left = (await entry(env, key)).expiresInMs ?? -1;
      holds(left > 0 && left <= env.span(4), `expiresInMs is ${left} at first`);
      await env.pass(env.span(2.5));
      same((await entry(env, key)).value, 1, "the value within its time");
      await env.pass(env.span(2));
      same(await env.store.get(key), undefined, "the entry after its time");
      same(await env.store.delete(key), false, "a delete after its time");
      same(await env.store.touch(key, { ttlMs: 1_000 }), false, "a touch after its time");
    },
  },
  {
    law: "S-04",
    name: "clears an earlier time to live with a write that names none",
    run: async (env) => {
      const key = env.name("ttl");
      await write(env, key, 1, env.span(2));
      await write(env, key, 2);
      same((await entry(env, key)).expiresInMs, undefined, "expiresInMs");
      await env.pass(env.span(3));
      same((await entry(env, key)).value, 2, "the value");
    },
  },
  {
    law: "S-05",
    name: "raises the version with every write of a key, increments included",
    run: async (env) => {
      const key = env.name("version");
      let last = await write(env, key, 0);
      for (let i = 1; i < 5; i++) {
        if (i % 2 === 0) await write(env, key, i);
        else await env.store.increment(key, 1);
        const { version } = await entry(env, key);
        holds(version > last, `version ${version} follows ${last}`);
        last = version;
      }
    },
  },
  {
    law: "S-05",
    name: "never repeats or lowers a version, over deletion and expiry too",
    run: async (env) => {
      const key = env.name("version");
      let last = await write(env, key, 0);
      for (const end of ["delete", "expiry", "delete"] as const) {
        if (end === "delete") await env.store.delete(key);
        else await env.pass(env.span(3));
        const version = await write(env, key, 1, env.span(2));
        holds(version > last, `version ${version} after ${end} follows ${last}`);
        last = version;
      }
      await env.store.delete(key);
      await env.store.increment(key, 1);
      const { version } = await entry(env, key);
      holds(version > last, `version ${version} of an increment after a delete follows ${last}`);
    },
  },
  {
    law: "S-06",
    name: "sets a live entry's time and keeps its value and version",
    run: async (env) => {
      const key = env.name("touch");
      const version = await write(env, key, "v", env.span(3));
      same(await env.store.touch(key, { ttlMs: env.span(8) }), true, "the answer");
      await env.pass(env.span(5));
      const { value, version: after } = await entry(env, key);
      same({ value, version: after }, { value: "v", version }, "the entry");
      same(await env.store.touch(key, { ttlMs: env.span(1), ifVersion: version }), true, "at its version");
      await env.pass(env.span(2));
      same(await env.store.get(key), undefined, "the entry after its shorter time");
    },
  },
  {
    law: "S-06",
    name: "leaves an entry of another version, or none, as it is",
    run: async (env) => {
      const key = env.name("touch");
      const old = await write(env, key, "a");
      await write(env, key, "b");
      same(await env.store.touch(key, { ttlMs: env.span(1), ifVersion: old }), false, "at an older version");
      await env.pass(env.span(2));
      same((await entry(env, key)).value, "b", "the value");
      same(await env.store.touch(env.name("nothing"), { ttlMs: 1_000 }), false, "of nothing");
    },
  },
  {
    law: "S-07",
    name: "deletes with ifVersion only that version",
    run: async (env) => {
      const key = env.name("delete");
      const old = await write(env, key, "a");
      const version = await write(env, key, "b");
      same(await env.store.delete(key, { ifVersion: old }), false, "at an older version");
      same((await entry(env, key)).value, "b", "the value");
      same(await env.store.delete(key, { ifVersion: version }), true, "at its version");
      same(await env.store.get(key), undefined, "the entry");
    },
  },
  {
    law: "S-08",
    name: "lists the live entries of a prefix in the order of their keys, page by page",
    run: async (env) => {
      const prefix = `${env.name("list")}:`;
      const keys = Array.from(
        { length: 25 },
        (_, i) => `${prefix}${((i * 7) % 25).toString().padStart(2, "0")}`,
      );
      for (const [i, key] of keys.entries()) await write(env, key, i);
      await write(env, `${prefix.slice(0, -1)};beyond`, 0);
      await env.store.delete(`${prefix}03`);
      await env.store.put(`${prefix}04`, 0, { ttlMs: env.span(1) });
      await env.pass(env.span(2));
      const expected = keys.toSorted().filter((key) => !key.endsWith("03") && !key.endsWith("04"));
      const seen: string[] = [];
      let cursor: string | undefined;
      do {
        const page = await env.store.list(prefix, { limit: 10, ...(cursor === undefined ? {} : { cursor }) });
        holds(page.items.length <= 10, "a page is no longer than its limit");
        seen.push(...page.items.map((e) => e.key));
        cursor = page.cursor;
      } while (cursor !== undefined);
      same(seen, expected, "the keys");
    },
  },
  {
    law: "S-08",
    name: "takes a prefix for what it is, not for a pattern",
    run: async (env) => {
      const base = env.name("literal");
      for (const sign of ["%", "_", "*", "?", "[a]", "\\", "ü"]) await write(env, `${base}${sign}x`, sign);
      await write(env, `${base}ax`, "a");
      for (const sign of ["%", "_", "*", "?", "[a]", "\\", "ü"])
        same(
          (await env.store.list(`${base}${sign}`)).items.map((e) => e.value),
          [sign],
          `the values of ${sign}`,
        );
    },
  },
  {
    law: "S-08",
    name: "shows on later pages what was there all the time, while others come and go",
    run: async (env) => {
      const prefix = `${env.name("list")}:`;
      const key = (i: number): string => `${prefix}${i.toString().padStart(2, "0")}`;
      for (let i = 0; i < 20; i += 2) await write(env, key(i), i);
      const first = await env.store.list(prefix, { limit: 4 });
      await env.store.delete(key(6));
      await write(env, key(1), 1);
      await env.store.delete(key(8));
      const rest = await env.store.list(prefix, { limit: 100, cursor: first.cursor ?? "" });
      same(
        [...first.items, ...rest.items].map((e) => e.key),
        [0, 2, 4, 6, 10, 12, 14, 16, 18].map(key),
        "keys",
      );
    },
  },
  {
    law: "S-09",
    name: "adds to a number, 0 when absent",
    run: async (env) => {
      const key = env.name("sum");
      same(await env.store.increment(key, 5), 5, "the first sum");
      same(await env.store.increment(key, -7), -2, "the second sum");
      same((await entry(env, key)).value, -2, "the value");
      await write(env, key, 10);
      same(await env.store.increment(key, 1), 11, "the sum over a value that was put");
    },
  },
  {
    law: "S-09",
    name: "refuses to add to what is no number, and changes nothing",
    run: async (env) => {
      const key = env.name("sum");
      await write(env, key, "text");
      await rejects(env.store.increment(key, 1), "LEX_ERR_TASK_VALIDATION", "an increment of a text");
      same((await entry(env, key)).value, "text", "the value");
    },
  },
  {
    law: "S-10",
    name: "counts the time of a sum from the write that created it",
    run: async (env) => {
      const key = env.name("window");
      await env.store.increment(key, 1, { ttlMs: env.span(6) });
      await env.pass(env.span(3));
      same(await env.store.increment(key, 1, { ttlMs: env.span(6) }), 2, "the sum within the time");
      await env.pass(env.span(4));
      same(await env.store.increment(key, 1, { ttlMs: env.span(6) }), 1, "the sum after the time");
    },
  },
  {
    law: "S-23",
    name: "lets one of many writers win who saw the same version",
    run: async (env) => {
      const key = env.name("race");
      const peer = await env.peer();
      const version = await write(env, key, 0);
      const racers = Array.from({ length: 12 }, (_, i) =>
        (i % 2 === 0 ? env.store : peer).put(key, i, { ifVersion: version }),
      );
      same((await Promise.all(racers)).filter((o) => o.stored).length, 1, "writers that won");
      const fresh = env.name("race");
      const firsts = Array.from({ length: 12 }, (_, i) =>
        (i % 2 === 0 ? env.store : peer).put(fresh, i, { ifAbsent: true }),
      );
      same((await Promise.all(firsts)).filter((o) => o.stored).length, 1, "creators that won");
    },
  },
  {
    law: "S-23",
    name: "loses no increment of many at once",
    run: async (env) => {
      const key = env.name("race");
      const peer = await env.peer();
      const sums = await Promise.all(
        Array.from({ length: 40 }, (_, i) => (i % 2 === 0 ? env.store : peer).increment(key, 1)),
      );
      same(
        sums.toSorted((a, b) => a - b),
        Array.from({ length: 40 }, (_, i) => i + 1),
        "the sums",
      );
    },
  },
];
