import type { PutOptions, StateStoreProtocol } from "@lexigram/contracts";
import type { LockLaw } from "../kit/case.ts";
import type { SchedulerStores } from "../kit/schedule-harness.ts";
import { type StoreLiar, withState } from "./store-liars.ts";

/** Of the entries that one prefix names, and honest of all others. */
const puts =
  (prefix: string, change: (options: PutOptions | undefined) => PutOptions) =>
  (state: StateStoreProtocol): Partial<StateStoreProtocol> => ({
    put: (key, value, options) => state.put(key, value, key.startsWith(prefix) ? change(options) : options),
  });

const withoutCondition = ({ ifAbsent: _absent, ...rest }: PutOptions = {}): PutOptions => rest;

/** Stores that are broken in one way, under locks that are not. */
export const lockLiars: readonly StoreLiar<LockLaw, SchedulerStores>[] = [
  {
    name: "says that it publishes",
    breaks: ["K-04"],
    lie: (stores) => withState(stores, () => ({ publish: async () => undefined })),
  },
  {
    name: "deletes at any version",
    breaks: ["K-06"],
    lie: (stores) => withState(stores, (state) => ({ delete: (key) => state.delete(key) })),
  },
  {
    name: "says that it renews",
    breaks: ["K-03"],
    lie: (stores) =>
      withState(stores, (state) => ({
        touch: async (key, { ifVersion }) => {
          const entry = await state.get(key);
          return entry !== undefined && (ifVersion === undefined || entry.version === ifVersion);
        },
      })),
  },
  {
    name: "writes a key of work over that of another",
    breaks: ["K-07", "K-09", "K-10"],
    lie: (stores) => withState(stores, puts("idempotency:", withoutCondition)),
  },
  {
    name: "completes at any version",
    breaks: ["K-08"],
    lie: (stores) =>
      withState(
        stores,
        puts("idempotency:", ({ ifVersion: _version, ...rest } = {}) => rest),
      ),
  },
];
