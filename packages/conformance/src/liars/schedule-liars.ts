import type { TaskQueueProtocol } from "@lexigram/contracts";
import type { ScheduleLaw } from "../kit/case.ts";
import type { ScheduleHarness, SchedulerStores } from "../kit/schedule-harness.ts";
import { overriding } from "./overriding.ts";

/** Stores that are broken in one way, under schedulers that are not. */
export interface ScheduleLiar {
  readonly name: string;
  readonly breaks: readonly ScheduleLaw[];
  lie(stores: SchedulerStores): SchedulerStores;
}

const withQueue = (stores: SchedulerStores, own: Partial<TaskQueueProtocol>): SchedulerStores => ({
  ...stores,
  queue: overriding(stores.queue, own),
});

export const scheduleLiars: readonly ScheduleLiar[] = [
  {
    name: "forgets a unique key with its job",
    breaks: ["T-07"],
    lie: (stores) =>
      withQueue(stores, {
        enqueueMany: (jobs, options) =>
          stores.queue.enqueueMany(
            jobs.map(({ unique: _unique, ...job }) => job),
            options,
          ),
      }),
  },
  {
    name: "says that it cancels",
    breaks: ["T-09"],
    lie: (stores) => withQueue(stores, { cancel: async () => "cancelled" }),
  },
  {
    name: "says that it deletes",
    breaks: ["T-04"],
    lie: (stores) => ({
      ...stores,
      state: overriding(stores.state, {
        delete: async (key) => (await stores.state.get(key)) !== undefined,
      }),
    }),
  },
];

/** A harness whose stores lie. */
export function lyingScheduleHarness(liar: ScheduleLiar, honest: ScheduleHarness): ScheduleHarness {
  return {
    ...honest,
    name: `${honest.name} that ${liar.name}`,
    open: async () => {
      const connect = await honest.open();
      return async () => liar.lie(await connect());
    },
  };
}
