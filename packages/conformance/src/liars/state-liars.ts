import type { StateEntry } from "@lexigram/contracts";
import type { StateLiar } from "./overriding.ts";

/** State stores that are broken on purpose. */
export const stateLiars: readonly StateLiar[] = [
  {
    name: "keeps an entry for ever whose time is none",
    breaks: ["S-26"],
    lie: () => (honest) => ({
      put: (key, value, options) =>
        options?.ttlMs !== undefined && options.ttlMs <= 0
          ? honest.put(key, value)
          : honest.put(key, value, options),
    }),
  },
  {
    name: "restarts versions after a deletion",
    breaks: ["S-05"],
    lie: () => {
      // Versions as shown are those that are stored, less what there was at the last deletion.
      const base = new Map<string, number>();
      const shown = (entry: StateEntry): StateEntry => ({
        ...entry,
        version: entry.version - (base.get(entry.key) ?? 0),
      });
      return (honest) => ({
        get: async (key) => {
          const entry = await honest.get(key);
          return entry === undefined ? undefined : shown(entry);
        },
        put: async (key, value, options) => {
          const offset = base.get(key) ?? 0;
          const outcome = await honest.put(
            key,
            value,
            options?.ifVersion === undefined
              ? options
              : { ...options, ifVersion: options.ifVersion + offset },
          );
          if (outcome.stored) return { stored: true, version: outcome.version - offset };
          return outcome.current === undefined ? outcome : { stored: false, current: shown(outcome.current) };
        },
        delete: async (key, options) => {
          const entry = await honest.get(key);
          if (options?.ifVersion !== undefined) return honest.delete(key, options);
          if (entry !== undefined) base.set(key, entry.version);
          return honest.delete(key);
        },
      });
    },
  },
  {
    name: "writes over any version",
    breaks: ["S-03", "S-23"],
    because: "a write that ignores the version it was to replace lets many writers win at once as well",
    lie: () => (honest) => ({
      put: (key, value, options) =>
        options?.ifVersion === undefined ? honest.put(key, value, options) : honest.put(key, value),
    }),
  },
  {
    name: "writes over a live entry",
    breaks: ["S-02", "S-23"],
    because: "a write that ignores the entry that is there lets many creators win at once as well",
    lie: () => (honest) => ({
      put: (key, value, options) =>
        options?.ifAbsent === true ? honest.put(key, value) : honest.put(key, value, options),
    }),
  },
  {
    name: "expires early",
    breaks: ["S-04"],
    lie: () => (honest) => ({
      put: (key, value, options) =>
        options?.ttlMs === undefined
          ? honest.put(key, value, options)
          : honest.put(key, value, { ...options, ttlMs: options.ttlMs / 2 }),
    }),
  },
  {
    name: "deletes any version",
    breaks: ["S-07"],
    lie: () => (honest) => ({ delete: (key) => honest.delete(key) }),
  },
  {
    name: "raises the version with a touch",
    breaks: ["S-06"],
    lie: () => (honest) => ({
      touch: async (key, options) => {
        const entry = await honest.get(key);
        if (entry === undefined) return honest.touch(key, options);
        if (options.ifVersion !== undefined && options.ifVersion !== entry.version) return false;
        return (await honest.put(key, entry.value, { ttlMs: options.ttlMs })).stored;
      },
    }),
  },
  {
    name: "takes a prefix for a pattern",
    breaks: ["S-08"],
    lie: () => (honest) => ({
      list: (prefix, page) => honest.list(prefix.endsWith("%") ? prefix.slice(0, -1) : prefix, page),
    }),
  },
  {
    name: "lengthens a window with every increment",
    breaks: ["S-10"],
    lie: () => (honest) => ({
      increment: async (key, by, options) => {
        const sum = await honest.increment(key, by, options);
        if (options?.ttlMs !== undefined) await honest.touch(key, { ttlMs: options.ttlMs });
        return sum;
      },
    }),
  },
  {
    name: "has a burst off by one",
    breaks: ["S-11"],
    lie: () => (honest) => ({
      takeTokens: (buckets, n) =>
        honest.takeTokens(
          buckets.map((b) => (b.rate > 1 ? { ...b, burst: b.burst + 1 } : b)),
          n,
        ),
    }),
  },
  {
    name: "takes from each bucket by itself",
    breaks: ["S-12"],
    lie: () => (honest) => ({
      takeTokens: async (buckets, n) => {
        if (buckets.length < 2) return honest.takeTokens(buckets, n);
        const outcomes = await Promise.all(buckets.map((bucket) => honest.takeTokens([bucket], n)));
        return { granted: Math.min(...outcomes.map((o) => o.granted)) };
      },
    }),
  },
  {
    name: "gives out a permit too many",
    breaks: ["S-14"],
    lie: () => (honest) => ({
      acquire: (key, request) =>
        honest.acquire(key, { ...request, limit: request.limit + (request.limit === 3 ? 1 : 0) }),
    }),
  },
  {
    name: "forgets on reopen",
    breaks: ["S-22"],
    lie: () => () => ({}),
    harness: (honest) => ({ reopen: () => honest.open() }),
  },
  {
    name: "answers after close",
    breaks: ["S-19", "S-21"],
    because: "a store that does not close ends no subscription with it",
    lie: () => () => ({ close: async () => {} }),
  },
];
