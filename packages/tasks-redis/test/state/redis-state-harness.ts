import { type StateHarness, uniqueName } from "@lexigram/conformance";
import { type StateStoreProtocol, systemClock } from "@lexigram/contracts";
import { RedisStateStore } from "../../src/state/redis-state-store.ts";
import { DEFAULT_SHARDS, StateLayout } from "../../src/state/state-layout.ts";
import { PlainConnection } from "./plain-connection.ts";

export interface RedisStateHarnessOptions {
  readonly name: string;
  readonly url: string;
  readonly shards?: number;
  readonly cluster?: boolean;
}

/** Every store that is opened has a namespace of its own and every one a connection; what was stored goes at the end. */
export function redisStateHarness({ name, url, shards, cluster }: RedisStateHarnessOptions): StateHarness {
  const connect = (): PlainConnection => new PlainConnection(url, { cluster: cluster === true });
  const connections: PlainConnection[] = [];
  const namespaces = new Map<StateStoreProtocol, string>();
  const open = (namespace: string): StateStoreProtocol => {
    const connection = connect();
    connections.push(connection);
    const store = new RedisStateStore({
      connection,
      namespace,
      clock: systemClock,
      ...(shards === undefined ? {} : { shards }),
    });
    namespaces.set(store, namespace);
    return store;
  };
  const again = (store: StateStoreProtocol): StateStoreProtocol => open(namespaces.get(store) ?? "");
  return {
    name,
    open: async () => open(uniqueName("state")),
    peer: async (store) => again(store),
    reopen: async (store) => {
      await store.close();
      return again(store);
    },
    async dispose() {
      const last = connect();
      for (const namespace of new Set(namespaces.values()))
        await removeState(last, namespace, shards ?? DEFAULT_SHARDS);
      for (const connection of [...connections, last]) connection.close();
    },
  };
}

/** Deletes every key that a namespace may have. */
export async function removeState(
  { commands }: PlainConnection,
  namespace: string,
  shards: number,
): Promise<void> {
  await Promise.all(new StateLayout(namespace, shards).keys.map((key) => commands.unlink(key)));
}
