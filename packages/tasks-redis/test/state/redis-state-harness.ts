import { type StateHarness, uniqueName } from "@lexigram/conformance";
import { type StateStoreProtocol, systemClock } from "@lexigram/contracts";
import type { RedisConnection } from "../../src/connection/redis-connection.ts";
import { RedisScript } from "../../src/connection/redis-script.ts";
import { RedisStateStore } from "../../src/state/redis-state-store.ts";
import { DEFAULT_SHARDS, StateLayout } from "../../src/state/state-layout.ts";
import type { RedisServer } from "../redis-server.ts";

const UNLINK = new RedisScript("unlink", "return redis.call('UNLINK', unpack(KEYS))");

export interface RedisStateHarnessOptions {
  readonly name: string;
  /** Ended by the harness. */
  readonly server: RedisServer;
  readonly shards?: number;
}

/**
 * Every store that is opened has a namespace of its own; what was stored goes at the end. Peers have a connection of
 * their own.
 */
export function redisStateHarness({ name, server, shards }: RedisStateHarnessOptions): StateHarness {
  const [first, second] = [server.connect(), server.connect()];
  const namespaces = new Map<StateStoreProtocol, string>();
  const open = (namespace: string, connection: RedisConnection = first): StateStoreProtocol => {
    const store = new RedisStateStore({
      connection,
      namespace,
      clock: systemClock,
      ...(shards === undefined ? {} : { shards }),
    });
    namespaces.set(store, namespace);
    return store;
  };
  const again = (store: StateStoreProtocol, connection?: RedisConnection): StateStoreProtocol =>
    open(namespaces.get(store) ?? "", connection);
  return {
    name,
    // Wide enough for a machine that is busy with other tests.
    unitMs: 250,
    open: async () => open(uniqueName("state")),
    peer: async (store) => again(store, second),
    reopen: async (store) => {
      await store.close();
      return again(store);
    },
    sever: () => server.sever(),
    async dispose() {
      for (const namespace of new Set(namespaces.values()))
        await removeState(first, namespace, shards ?? DEFAULT_SHARDS);
      await Promise.all([first.close(), second.close()]);
      await server.end();
    },
  };
}

/** Deletes every key that a namespace may have. */
export async function removeState(
  connection: RedisConnection,
  namespace: string,
  shards: number,
): Promise<void> {
  const { keys } = new StateLayout(namespace, shards);
  await Promise.all(keys.map((key) => connection.run(UNLINK, [key], [], { subject: "test" })));
}
