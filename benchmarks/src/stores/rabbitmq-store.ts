import { readdirSync, readFileSync } from "node:fs";
import { privateRabbit } from "@lexigram/services";
import { connect } from "amqplib";
import { rabbitQueue } from "../rabbit-queue.ts";
import type { Gauge } from "./gauge.ts";
import type { RunningStore } from "./stores.ts";

/** Ticks of a second in which the kernel tells of CPU time. */
const TICKS = 100;

const RUNGS = 26;
const SHORTEST_RUNG_MS = 50;

/** Every queue that a system makes. */
const QUEUES = (["quorum", "classic"] as const).flatMap((type) => {
  const namespace = rabbitQueue("ours", type);
  const waits = Array.from({ length: RUNGS }, (_, rung) => `wait.${SHORTEST_RUNG_MS * 2 ** rung}`);
  const parts = ["critical", "high", "normal", "low", "dead", "workers", ...waits];
  return [rabbitQueue("plain", type), ...parts.map((part) => `${namespace}.bench.${part}`)];
});

/** A RabbitMQ of its own for one benchmark, on a free port, ended with it. */
export async function startRabbit(): Promise<RunningStore> {
  const server = await privateRabbit();
  try {
    const model = await connect(server.url);
    const { version } = (model.connection as unknown as { serverProperties: { version: string } })
      .serverProperties;
    await model.close();
    return {
      url: server.url,
      line: `rabbitmq ${version}, a server of its own on the same machine, one node, its schedulers do not spin`,
      stop: () => server.stop(),
    };
  } catch (error) {
    await server.stop();
    throw error;
  }
}

/** @param url of a server on this machine that this benchmark started. */
export function rabbitGauge(url: string): Gauge {
  const pid = machineOf(new URL(url).port);
  return {
    cpuUs: async () => {
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      const [user, system] = stat
        .slice(stat.lastIndexOf(")") + 2)
        .split(" ")
        .slice(11, 13);
      return (Number(user) + Number(system)) * (1e6 / TICKS);
    },
    empty: async () => {
      const model = await connect(url);
      const channel = await model.createChannel();
      for (const queue of QUEUES) await channel.deleteQueue(queue);
      await model.close();
    },
  };
}

/** The virtual machine of the server that `privateRabbit` started on a port: it is told its node's name. */
function machineOf(port: string): number {
  const node = `RABBITMQ_NODENAME=t${port}@localhost\0`;
  const pid = readdirSync("/proc").find((name) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      const isMachine = readFileSync(`/proc/${name}/comm`, "utf8") === "beam.smp\n";
      return isMachine && `${readFileSync(`/proc/${name}/environ`, "latin1")}\0`.includes(node);
    } catch {
      // Gone, or another user's.
      return false;
    }
  });
  if (pid === undefined) throw new Error("the server runs on another machine, or this one has no /proc");
  return Number(pid);
}
