import type { PutOptions, StateStoreProtocol } from "@lexigram/contracts";
import type { LockLaw } from "../kit/case.ts";
import type { LockHarness } from "../kit/lock-harness.ts";
import type { SchedulerStores } from "../kit/schedule-harness.ts";
import { overriding } from "./overriding.ts";

/** Stores that are broken in one way, under locks that are not. */
export interface LockLiar {
  readonly name: string;
  readonly breaks: readonly LockLaw[];
  lie(stores: SchedulerStores): SchedulerStores;
}

const withState = (
  stores: SchedulerStores,
  own: (state: StateStoreProtocol) => Partial<StateStoreProtocol>,
): SchedulerStores => ({ ...stores, state: overriding(stores.state, own(stores.state)) });

/** Of the entries that one prefix names, and honest of all others. */
const puts =
  (prefix: string, change: (options: PutOptions | undefined) => PutOptions) =>
  (state: StateStoreProtocol): Partial<StateStoreProtocol> => ({
    put: (key, value, options) => state.put(key, value, key.startsWith(prefix) ? change(options) : options),
  });

const withoutCondition = ({ ifAbsent: _absent, ...rest }: PutOptions = {}): PutOptions => rest;

export const lockLiars: readonly LockLiar[] = [
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

/** A harness whose stores lie. */
export function lyingLockHarness(liar: LockLiar, honest: LockHarness): LockHarness {
  return {
    ...honest,
    name: `${honest.name} that ${liar.name}`,
    open: async () => {
      const connect = await honest.open();
      return async () => liar.lie(await connect());
    },
  };
}
