import type { StateStoreProtocol } from "@lexigram/contracts";
import type { LimitLaw } from "../kit/case.ts";
import type { LimitHarness } from "../kit/limit-harness.ts";
import { overriding } from "./overriding.ts";

/** A state store that is broken in one way, under limits that are not. */
export interface LimitLiar {
  readonly name: string;
  readonly breaks: readonly LimitLaw[];
  lie(state: StateStoreProtocol): Partial<StateStoreProtocol>;
}

export const limitLiars: readonly LimitLiar[] = [
  {
    name: "gives tokens that it does not have",
    breaks: ["L-01", "L-02", "L-04"],
    lie: () => ({ takeTokens: async (_buckets, n) => ({ granted: n }) }),
  },
  {
    name: "takes from one bucket what another refuses",
    breaks: ["L-02"],
    lie: (state) => ({
      takeTokens: async (buckets, n) => {
        const outcomes = [];
        for (const bucket of buckets) outcomes.push(await state.takeTokens([bucket], n));
        const granted = Math.min(...outcomes.map((outcome) => outcome.granted));
        return granted === n ? { granted } : { granted, retryInMs: 10 };
      },
    }),
  },
  {
    name: "gives each holder a permit too many",
    breaks: ["L-03", "L-05", "L-07"],
    lie: (state) => ({
      acquire: async (key, request) => (await state.acquire(key, request)) + 1,
    }),
  },
  {
    name: "never ends permits",
    breaks: ["L-05"],
    lie: (state) => ({
      acquire: (key, request) => state.acquire(key, { ...request, ttlMs: request.ttlMs * 1_000 }),
    }),
  },
  {
    name: "forgets what has a time to live",
    breaks: ["L-06"],
    lie: (state) => ({
      put: async (key, value, options) =>
        key.endsWith(":hold") ? { stored: true, version: 1 } : state.put(key, value, options),
    }),
  },
];

/** A harness whose state stores lie. */
export function lyingLimitHarness(liar: LimitLiar, honest: LimitHarness): LimitHarness {
  return {
    ...honest,
    name: `${honest.name} that ${liar.name}`,
    open: async () => {
      const connect = await honest.open();
      return async () => {
        const stores = await connect();
        return { ...stores, state: overriding(stores.state, liar.lie(stores.state)) };
      };
    },
  };
}
