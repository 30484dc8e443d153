import { type QueueHarness, uniqueName } from "@lexigram/conformance";
import { systemClock, systemRandom, type TaskQueueProtocol } from "@lexigram/contracts";
import { ScriptedQueue } from "../../src/queue/scripted-queue.ts";
import { QueueKeys } from "../../src/lua/keys.ts";
import { RedisScript } from "../../src/connection/redis-script.ts";
import { type RedisServer, sharedRedis } from "../redis-server.ts";

const UNLINK = new RedisScript("unlink", "return redis.call('UNLINK', unpack(KEYS))");

export interface RedisQueueHarnessOptions {
  /** Default `redis`. */
  readonly name?: string;
  /** Which the harness then ends. Default: the server of the machine. */
  readonly server?: RedisServer;
  /** Default: one of its own. */
  readonly namespace?: string;
  readonly unitMs?: number;
}

/** Queues of one namespace; their keys go with the harness. Peers have a connection of their own. */
export async function redisQueueHarness(options: RedisQueueHarnessOptions = {}): Promise<QueueHarness> {
  const { name: title = "redis", namespace = uniqueName("test"), unitMs } = options;
  const server = options.server ?? (await sharedRedis());
  const [first, second] = [server.connect(), server.connect()];
  const names = new Set<string>();
  const open = (name: string, connection = first): TaskQueueProtocol => {
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
    name: title,
    ...(unitMs === undefined ? {} : { unitMs }),
    open: async () => open(uniqueName("queue")),
    peer: async (queue) => open(queue.name, second),
    reopen: async (queue) => {
      await queue.close();
      return open(queue.name);
    },
    sever: () => server.sever(),
    dispose: async () => {
      for (const name of names)
        await first.run(UNLINK, new QueueKeys(namespace, name).all, [], { subject: "test" });
      await Promise.all([first.close(), second.close()]);
      await server.end();
    },
  };
}
