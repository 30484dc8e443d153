import type { TaskQueueProtocol } from "@lexigram/contracts";
import type { WorkflowLaw } from "../kit/case.ts";
import type { WorkflowHarness, WorkflowStores } from "../kit/workflow-harness.ts";
import { overriding } from "./overriding.ts";

/** Stores that are broken in one way, under workflows that are not. */
export interface WorkflowLiar {
  readonly name: string;
  readonly breaks: readonly WorkflowLaw[];
  lie(stores: WorkflowStores): WorkflowStores;
}

const withQueue = (stores: WorkflowStores, own: Partial<TaskQueueProtocol>): WorkflowStores => ({
  ...stores,
  queue: overriding(stores.queue, own),
});

export const workflowLiars: readonly WorkflowLiar[] = [
  {
    name: "forgets a unique key with its job",
    breaks: ["W-06"],
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
    breaks: ["W-07"],
    lie: (stores) => withQueue(stores, { cancel: async () => "cancelled" }),
  },
  {
    name: "says that it deletes",
    breaks: ["W-09"],
    lie: (stores) => ({
      ...stores,
      state: overriding(stores.state, {
        delete: async (key) => (await stores.state.get(key)) !== undefined,
      }),
    }),
  },
];

/** A harness whose stores lie. */
export function lyingWorkflowHarness(liar: WorkflowLiar, honest: WorkflowHarness): WorkflowHarness {
  return {
    ...honest,
    name: `${honest.name} that ${liar.name}`,
    open: async () => {
      const connect = await honest.open();
      return async () => liar.lie(await connect());
    },
  };
}
