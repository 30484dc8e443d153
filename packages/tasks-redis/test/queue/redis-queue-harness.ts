import { type QueueHarness, uniqueName } from "@lexigram/conformance";
import { sharedServers } from "@lexigram/services";
import { systemClock, systemRandom, type TaskQueueProtocol } from "@lexigram/contracts";
import { openConnection } from "../../src/connection/open-connection.ts";
import { QueueKeys } from "../../src/lua/keys.ts";
import { ScriptedQueue } from "../../src/queue/scripted-queue.ts";
import { RedisScript } from "../../src/connection/redis-script.ts";

const UNLINK = new RedisScript("unlink", "return redis.call('UNLINK', unpack(KEYS))");

/** Queues of a namespace of their own on the server of the machine; their keys go with the harness. */
export function redisQueueHarness(options: { readonly unitMs?: number } = {}): QueueHarness {
  const namespace = uniqueName("test");
  const connection = openConnection({ target: { kind: "url", url: sharedServers.redis } });
  const names = new Set<string>();
  const connect = (name: string): TaskQueueProtocol => {
    names.add(name);
    return new ScriptedQueue({
      name,
      namespace,
      connection,
      clock: systemClock,
      random: systemRandom,
      onClose: () => {},
    });
  };
  return {
    name: "redis",
    ...(options.unitMs === undefined ? {} : { unitMs: options.unitMs }),
    open: async () => connect(uniqueName("queue")),
    peer: async (queue) => connect(queue.name),
    reopen: async (queue) => {
      await queue.close();
      return connect(queue.name);
    },
    dispose: async () => {
      for (const name of names)
        await connection.run(UNLINK, new QueueKeys(namespace, name).all, [], { subject: "test" });
      await connection.close();
    },
  };
}
