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
  const opened = new Map<
    StateStoreProtocol,
    { readonly namespace: string; readonly connection: PlainConnection }
  >();
  const open = (namespace: string): StateStoreProtocol => {
    const connection = connect();
    const store = new RedisStateStore({
      connection,
      namespace,
      clock: systemClock,
      ...(shards === undefined ? {} : { shards }),
    });
    opened.set(store, { namespace, connection });
    return store;
  };
  const again = (store: StateStoreProtocol): StateStoreProtocol => open(opened.get(store)?.namespace ?? "");
  return {
    name,
    // Wide enough for a machine that is busy with other tests.
    unitMs: 250,
    open: async () => open(uniqueName("state")),
    peer: async (store) => again(store),
    reopen: async (store) => {
      await store.close();
      return again(store);
    },
    sever: async (store) => opened.get(store)?.connection.sever(),
    async dispose() {
      const last = connect();
      const namespaces = new Set([...opened.values()].map(({ namespace }) => namespace));
      for (const namespace of namespaces) await removeState(last, namespace, shards ?? DEFAULT_SHARDS);
      for (const { connection } of opened.values()) connection.close();
      last.close();
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
