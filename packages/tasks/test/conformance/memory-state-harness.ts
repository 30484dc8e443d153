import { ManualClock, type StateHarness } from "@lexigram/conformance";
import type { StateStoreProtocol } from "@lexigram/contracts";
import { MemoryStateStore } from "../../src/memory/memory-state-store.ts";

/** Stores over one `MemoryState` are to each other what connections to one server are. */
export function memoryStateHarness(): StateHarness {
  const clock = new ManualClock();
  const again = (store: StateStoreProtocol): StateStoreProtocol => {
    if (!(store instanceof MemoryStateStore)) throw new Error("not a store of this harness");
    return new MemoryStateStore({ clock, data: store.data });
  };
  return {
    name: "memory",
    clock,
    open: async () => new MemoryStateStore({ clock }),
    peer: async (store) => again(store),
    reopen: async (store) => {
      await store.close();
      return again(store);
    },
    advance: (ms) => clock.advance(ms),
    dispose: async () => {},
  };
}
