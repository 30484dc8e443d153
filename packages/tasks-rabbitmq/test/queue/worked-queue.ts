import { aJob, Session, uniqueName } from "@lexigram/conformance";
import type { Delivery, NewJob, Settlement } from "@lexigram/contracts";
import { onTestFinished } from "vitest";
import type { Broker } from "../../src/connection/broker.ts";
import { BrokerQueue, type BrokerQueueSource } from "../../src/queue/broker-queue.ts";
import type { QueueNames } from "../../src/topology/names.ts";
import { type RabbitServer, serverOfTest } from "../rabbit-server.ts";

const LEASE_MS = 600_000;

/** One queue of a test, and the plain steps of who works on it. */
export interface WorkedQueue {
  readonly server: RabbitServer;
  readonly broker: Broker;
  readonly queue: BrokerQueue;
  readonly names: QueueNames;
  readonly session: Session;
  /** Another object over the same jobs; with connections of its own. */
  readonly peer: () => BrokerQueue;
  readonly put: (...given: Partial<NewJob>[]) => Promise<string[]>;
  readonly claim: (slots: number) => Promise<readonly Delivery[]>;
  /** Claims until something comes. */
  readonly come: (slots?: number) => Promise<readonly Delivery[]>;
  readonly settle: (...settle: Settlement[]) => Promise<readonly string[]>;
}

type Given = Partial<Omit<BrokerQueueSource, "broker" | "onClose">> & {
  readonly server?: RabbitServer;
  /** Seconds. */
  readonly heartbeat?: number;
};

export async function workedQueue(given: Given = {}): Promise<WorkedQueue> {
  const { server = await serverOfTest(), heartbeat, ...source } = given;
  const broker = server.connect(heartbeat === undefined ? {} : { heartbeat });
  const name = source.name ?? uniqueName("queue");
  const names = server.names(name);
  const open = (through: Broker): BrokerQueue => {
    const queue = new BrokerQueue({
      type: "quorum",
      ...source,
      name,
      namespace: server.namespace,
      broker: through,
      onClose: () => {},
    });
    onTestFinished(() => queue.close());
    return queue;
  };
  const queue = open(broker);
  const session = new Session(queue, uniqueName("session"), LEASE_MS);
  const claim = async (slots: number): Promise<readonly Delivery[]> =>
    (await session.exchange({ slots })).deliveries;
  return {
    server,
    broker,
    queue,
    names,
    session,
    peer: () => open(server.connect()),
    claim,
    async put(...jobs) {
      const answers = await session.enqueue(jobs.map((job) => aJob(job)));
      return answers.map((answer) => {
        if (!answer.ok) throw answer.error;
        return answer.value.id;
      });
    },
    async come(slots = 1) {
      for (;;) {
        const deliveries = await claim(slots);
        if (deliveries.length > 0) return deliveries;
        await queue.waitForWork(10_000, AbortSignal.any([]));
      }
    },
    async settle(...settle) {
      return (await session.exchange({ settle })).lost;
    },
  };
}
