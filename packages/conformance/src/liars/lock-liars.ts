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

/** Looks whether an entry is there, and writes it a little later. */
const inTwoSteps = (state: StateStoreProtocol): Partial<StateStoreProtocol> => ({
  async put(key, value, { ifAbsent, ...rest } = {}) {
    if (ifAbsent !== true || !key.startsWith("locks:"))
      return state.put(key, value, { ...rest, ...(ifAbsent && { ifAbsent }) });
    const current = await state.get(key);
    if (current !== undefined) return { stored: false, current };
    await Promise.resolve();
    return state.put(key, value, rest);
  },
});

const HIGHEST = 2 ** 40;
const mirrored = (version: number): number => HIGHEST - version;

/** Tells versions apart, and counts those of locks down. */
const downwards = (state: StateStoreProtocol): Partial<StateStoreProtocol> => {
  const shown = <T extends { readonly version: number }>(key: string, entry: T): T =>
    key.startsWith("locks:") ? { ...entry, version: mirrored(entry.version) } : entry;
  const meant = <O extends { readonly ifVersion?: number }>(key: string, options: O): O =>
    options.ifVersion === undefined || !key.startsWith("locks:")
      ? options
      : { ...options, ifVersion: mirrored(options.ifVersion) };
  return {
    async get(key) {
      const entry = await state.get(key);
      return entry === undefined ? undefined : shown(key, entry);
    },
    async put(key, value, options = {}) {
      const outcome = await state.put(key, value, meant(key, options));
      if (outcome.stored) return shown(key, outcome);
      const { current } = outcome;
      return current === undefined ? outcome : { ...outcome, current: shown(key, current) };
    },
    touch: (key, options) => state.touch(key, meant(key, options)),
    delete: (key, options = {}) => state.delete(key, meant(key, options)),
  };
};

/** Lets a waiter leave its line only when it has the lock. */
const withoutQuitting = (state: StateStoreProtocol): Partial<StateStoreProtocol> => ({
  async delete(key, options) {
    const [, length, rest = ""] = /^lock-line:(\d+):(.*)$/.exec(key) ?? [];
    if (length === undefined) return state.delete(key, options);
    const [place, lock] = [await state.get(key), await state.get(`locks:${rest.slice(0, Number(length))}`)];
    const isHolder = JSON.stringify(place?.value) === JSON.stringify(lock?.value);
    return isHolder ? state.delete(key, options) : true;
  },
});

/** Stores that are broken in one way, under locks that are not. */
export const lockLiars: readonly StoreLiar<LockLaw, SchedulerStores>[] = [
  {
    name: "looks first and writes then",
    breaks: ["K-01"],
    lie: (stores) => withState(stores, inTwoSteps),
  },
  {
    name: "counts versions down",
    breaks: ["K-02", "K-06"],
    lie: (stores) => withState(stores, downwards),
  },
  {
    name: "says that it publishes",
    breaks: ["K-04"],
    lie: (stores) => withState(stores, () => ({ publish: async () => undefined })),
  },
  {
    name: "keeps the places of those who gave up",
    breaks: ["K-05"],
    lie: (stores) => withState(stores, withoutQuitting),
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
