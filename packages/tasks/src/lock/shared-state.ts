import { type StateStoreProtocol, UnsupportedError } from "@lexigram/contracts";
import type { QueueBinding } from "../dispatch/queue-binding.ts";

/**
 * Where what processes must agree on is kept for a queue: its state store, or, where its backend keeps none and its
 * entry names no other, one that refuses each call. What stands in for it there is the memory of one process, which
 * would let each process have the same lock.
 */
export function sharedStateOf(binding: QueueBinding): StateStoreProtocol {
  if (binding.standIn !== true) return binding.state;
  let refusing = refusals.get(binding);
  if (refusing === undefined) refusals.set(binding, (refusing = refusingState(binding)));
  return refusing;
}

const refusals = new WeakMap<QueueBinding, StateStoreProtocol>();

function refusingState({ name, backend }: QueueBinding): StateStoreProtocol {
  const refuse = (): Promise<never> =>
    Promise.reject(
      new UnsupportedError(
        { subject: `backend "${backend.type}" of queue "${name}"`, capability: "state" },
        {
          hint: `add an entry of type redis or postgres to backends, and name it in the entry: state: "<its name>"`,
        },
      ),
    );
  return {
    get: refuse,
    put: refuse,
    touch: refuse,
    delete: refuse,
    list: refuse,
    increment: refuse,
    takeTokens: refuse,
    acquire: refuse,
    release: refuse,
    publish: refuse,
    subscribe: refuse,
    close: async () => undefined,
  };
}
