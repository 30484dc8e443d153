import { type QueueHarness, uniqueName } from "@lexigram/conformance";
import type { StateStoreProtocol, TaskQueueProtocol } from "@lexigram/contracts";
import { BrokerQueue } from "../../src/queue/broker-queue.ts";
import type { QueueType } from "../../src/topology/topology.ts";
import type { RabbitServer } from "../rabbit-server.ts";

export interface RabbitQueueHarnessOptions {
  readonly name: string;
  /** Which the harness then ends. */
  readonly server: RabbitServer;
  readonly type: QueueType;
  readonly unitMs?: number;
  /** Where the queues have an index of their jobs; closed with the harness. */
  readonly state?: StateStoreProtocol;
  /** With an index: a delivery is acknowledged when it was held for half of this. */
  readonly ackTimeoutMs?: number;
}

/**
 * All cases share two connections, which one late answer would end for all of them. How late is too late is no law's
 * subject, and a machine that runs everything at once may keep a server from its disk for seconds.
 */
const PATIENCE = { callTimeoutMs: 30_000, heartbeat: 30 };

/** Queues of one namespace, which are deleted with the harness. Peers have connections of their own. */
export function rabbitQueueHarness({
  name: title,
  server,
  type,
  unitMs,
  state,
  ackTimeoutMs,
}: RabbitQueueHarnessOptions): QueueHarness {
  const { namespace } = server;
  const [first, second] = [server.connect(PATIENCE), server.connect(PATIENCE)];
  const opened = new Map<string, number>();
  const closed = async ({ name }: TaskQueueProtocol): Promise<void> => {
    const left = (opened.get(name) ?? 0) - 1;
    opened.set(name, left);
    // A server has handles for so many queues, so what a case has made goes with it.
    if (left === 0) await server.remove(name);
  };
  const open = (name: string, broker = first): TaskQueueProtocol => {
    server.names(name);
    opened.set(name, (opened.get(name) ?? 0) + 1);
    return new BrokerQueue({ name, namespace, broker, type, state, ackTimeoutMs, onClose: closed });
  };
  return {
    name: title,
    ...(unitMs === undefined ? {} : { unitMs }),
    open: async () => open(uniqueName("queue")),
    peer: async (queue) => open(queue.name, second),
    reopen: async (queue) => {
      const reopened = open(queue.name);
      await queue.close();
      return reopened;
    },
    sever: () => server.sever(),
    async dispose() {
      await server.end();
      await state?.close();
    },
  };
}
