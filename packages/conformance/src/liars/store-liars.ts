import type { StateStoreProtocol, TaskQueueProtocol } from "@lexigram/contracts";
import { overriding } from "./overriding.ts";

/** What a subject over a backend works with. */
interface Stores {
  readonly queue: TaskQueueProtocol;
  readonly state: StateStoreProtocol;
}

/** Stores that are broken in one way, under a subject that is not. */
export interface StoreLiar<Law extends string, S> {
  readonly name: string;
  readonly breaks: readonly Law[];
  lie(stores: S): S;
}

function withQueue<S extends Pick<Stores, "queue">>(stores: S, own: Partial<TaskQueueProtocol>): S {
  return { ...stores, queue: overriding(stores.queue, own) };
}

export function withState<S extends Pick<Stores, "state">>(
  stores: S,
  own: (state: StateStoreProtocol) => Partial<StateStoreProtocol>,
): S {
  return { ...stores, state: overriding(stores.state, own(stores.state)) };
}

/** Lies that whatever enqueues jobs by name, cancels and deletes must notice, and which law each of them breaks. */
export function commonLiars<Law extends string, S extends Stores>(laws: {
  readonly forgetsKeys: Law;
  readonly cancelsNothing: Law;
  readonly deletesNothing: Law;
}): readonly StoreLiar<Law, S>[] {
  return [
    {
      name: "forgets a unique key with its job",
      breaks: [laws.forgetsKeys],
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
      breaks: [laws.cancelsNothing],
      lie: (stores) => withQueue(stores, { cancel: async () => "cancelled" }),
    },
    {
      name: "says that it deletes",
      breaks: [laws.deletesNothing],
      lie: (stores) =>
        withState(stores, (state) => ({ delete: async (key) => (await state.get(key)) !== undefined })),
    },
  ];
}

/** A harness whose stores lie. */
export function lyingStoresHarness<S, H extends { readonly name: string; open(): Promise<() => Promise<S>> }>(
  liar: Pick<StoreLiar<string, S>, "name" | "lie">,
  honest: H,
): H {
  return {
    ...honest,
    name: `${honest.name} that ${liar.name}`,
    open: async () => {
      const connect = await honest.open();
      return async () => liar.lie(await connect());
    },
  };
}
