import { uniqueName } from "@lexigram/conformance";
import { systemRandom } from "@lexigram/contracts";
import { sharedServers, TcpProxy } from "@lexigram/services";
import { type Channel, type ChannelModel, connect } from "amqplib";
import { onTestFinished } from "vitest";
import { targetOfUrl } from "../src/connection/amqp-target.ts";
import { type Broker, type BrokerOptions, openBroker } from "../src/connection/broker.ts";
import { RUNG_WAITS } from "../src/topology/ladder.ts";
import { QueueNames } from "../src/topology/names.ts";

type Extra = Omit<BrokerOptions, "target" | "random">;

/** The server of the machine, as one test file reaches it: over a wire of its own, and in a namespace of its own. */
export interface RabbitServer {
  readonly namespace: string;
  /** The address of the wire. */
  readonly url: string;
  readonly wire: TcpProxy;
  /** Connections that nobody else shares. */
  connect(extra?: Extra): Broker;
  /** What the queues of one name are called. They are deleted in the end. */
  readonly names: (queue: string) => QueueNames;
  /** Deletes what one queue is made of. */
  remove(queue: string): Promise<void>;
  /** A channel of an administrator. */
  admin(): Promise<Channel>;
  /** Cuts all connections that were opened here. */
  sever(): Promise<void>;
  /** Ends what was opened here, and deletes what it made. */
  end(): Promise<void>;
}

/** @param url of the server. Default: that of the machine. */
export async function rabbitServer(url: string = sharedServers.rabbitmq): Promise<RabbitServer> {
  const namespace = uniqueName("test");
  const { port } = new URL(url);
  const wire = await TcpProxy.open(port === "" ? 5672 : Number(port));
  const wired = new URL(url);
  wired.hostname = "127.0.0.1";
  wired.port = String(wire.port);
  const brokers: Broker[] = [];
  const named = new Map<string, QueueNames>();
  let owner: Promise<ChannelModel> | undefined;
  let remover: Promise<Channel> | undefined;
  const admin = async (): Promise<Channel> => {
    owner ??= connect(url).then((model) => model.on("error", () => {}));
    const channel = await (await owner).createChannel();
    return channel.on("error", () => {});
  };
  const remove = async (queue: string): Promise<void> => {
    const names = named.get(queue);
    named.delete(queue);
    if (names === undefined) return;
    remover ??= admin();
    const channel = await remover;
    for (const name of allOf(names)) await channel.deleteQueue(name);
    await channel.deleteExchange(names.mark);
  };
  return {
    namespace,
    url: wired.href,
    wire,
    admin,
    remove,
    connect(extra = {}) {
      const { target } = targetOfUrl(wired.href, "url");
      // A random of its own keeps it from being shared.
      const broker = openBroker({ ...extra, target, random: () => systemRandom() });
      brokers.push(broker);
      return broker;
    },
    names(queue) {
      const known = named.get(queue) ?? new QueueNames(namespace, queue);
      named.set(queue, known);
      return known;
    },
    async sever() {
      wire.cut();
    },
    async end() {
      await Promise.all(brokers.map((broker) => broker.close()));
      await wire.close();
      try {
        await Promise.all([...named.keys()].map(remove));
      } finally {
        await (await owner)?.close();
      }
    },
  };
}

function allOf(names: QueueNames): string[] {
  return [...names.bands, names.dead, names.workers, ...RUNG_WAITS.map((waitMs) => names.rung(waitMs))];
}

/** A server that ends with the test. */
export async function serverOfTest(url?: string): Promise<RabbitServer> {
  const server = await rabbitServer(url);
  onTestFinished(() => server.end());
  return server;
}
