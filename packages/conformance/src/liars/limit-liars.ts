import type { LimitLaw } from "../kit/case.ts";
import type { LimitStores } from "../kit/limit-harness.ts";
import { type StoreLiar, withState } from "./store-liars.ts";

/** State stores that are broken in one way, under limits that are not. */
export const limitLiars: readonly StoreLiar<LimitLaw, LimitStores>[] = [
  {
    name: "gives tokens that it does not have",
    breaks: ["L-01", "L-02", "L-04"],
    lie: (stores) => withState(stores, () => ({ takeTokens: async (_buckets, n) => ({ granted: n }) })),
  },
  {
    name: "takes from one bucket what another refuses",
    breaks: ["L-02"],
    lie: (stores) =>
      withState(stores, (state) => ({
        takeTokens: async (buckets, n) => {
          const outcomes = [];
          for (const bucket of buckets) outcomes.push(await state.takeTokens([bucket], n));
          const granted = Math.min(...outcomes.map((outcome) => outcome.granted));
          return granted === n ? { granted } : { granted, retryInMs: 10 };
        },
      })),
  },
  {
    name: "gives each holder a permit too many",
    breaks: ["L-03", "L-05", "L-07"],
    lie: (stores) =>
      withState(stores, (state) => ({
        acquire: async (key, request) => (await state.acquire(key, request)) + 1,
      })),
  },
  {
    name: "never ends permits",
    breaks: ["L-05"],
    lie: (stores) =>
      withState(stores, (state) => ({
        acquire: (key, request) => state.acquire(key, { ...request, ttlMs: request.ttlMs * 1_000 }),
      })),
  },
  {
    name: "forgets what has a time to live",
    breaks: ["L-06"],
    lie: (stores) =>
      withState(stores, (state) => ({
        put: async (key, value, options) =>
          key.endsWith(":hold") ? { stored: true, version: 1 } : state.put(key, value, options),
      })),
  },
];
