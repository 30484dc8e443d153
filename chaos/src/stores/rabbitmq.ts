import { type PrivateRabbit, privateRabbit, privateRedis, TcpProxy } from "@lexigram/services";
import type { NamedBackendOptions } from "@lexigram/tasks";
import type { Fault } from "../accounts/figures.ts";
import { now } from "../moment.ts";
import { POISON_KINDS } from "../processes/chaos-app.ts";
import type { Cleanup } from "../run/cleanup.ts";
import type { Scenario, Scene, Stage } from "../scenario.ts";
import { endAndRestart, halfOpen, RESUME_MS } from "../scenarios/servers.ts";
import type { StoreServer } from "../scenarios/store-server.ts";
import { poison, type PoisonedQueue } from "../scenarios/poison.ts";
import { workerScenarios } from "../scenarios/workers.ts";
import type { ChaosStore } from "./store.ts";

/** Calls are not remembered: who was not answered asks again, and may store or finish a job twice. */
const FORGETS = { forgets: true } as const;
const SAFE = { safe: true, duplicates: "in flight", resumeMs: RESUME_MS, ...FORGETS } as const;

interface Node extends StoreServer {
  readonly server: PrivateRabbit;
}

const queueAt = (port: number): NamedBackendOptions => ({
  name: "chaos",
  type: "rabbitmq",
  amqpUrl: `amqp://guest:guest@127.0.0.1:${port}`,
});

async function open(cleanup: Cleanup): Promise<Node> {
  const server = await privateRabbit();
  cleanup.defer(() => server.stop());
  const { port } = server;
  return {
    server,
    port,
    queue: queueAt(port),
    // With the default of 5 seconds a run would mostly wait for the end of silent links.
    through: (through) => ({ ...queueAt(through), extra: { heartbeat: "2s" } }),
    kill: () => server.kill(),
    start: () => server.start(),
  };
}

/** A server, and what strikes it. */
const struck =
  (strike: (node: Node, scene: Scene) => Promise<Fault>) =>
  async (cleanup: Cleanup): Promise<Stage> => {
    const node = await open(cleanup);
    return { queue: node.queue, strike: (scene) => strike(node, scene) };
  };

/** Has each channel acknowledge what was never delivered, every half second: the server closes it for that. */
const endChannels = (blows: number): string =>
  `[begin
      [rabbit_channel:do(Channel, {'basic.ack', 1000000000000, false}) || Channel <- rabbit_channel:list()],
      timer:sleep(500)
    end || _ <- lists:seq(1, ${blows})].`;

const alarm = (change: "set" | "clear"): string =>
  change === "set"
    ? "rabbit_alarm:set_alarm({{resource_limit, memory, node()}, []})."
    : "rabbit_alarm:clear_alarm({resource_limit, memory, node()}).";

const serverScenarios: readonly Scenario[] = [
  {
    name: "server-restart",
    title: "an orderly end of the server every few seconds, down for up to 2 s",
    bars: SAFE,
    open: struck((node, scene) => endAndRestart(node, scene, () => node.server.kill("SIGTERM"))),
  },
  {
    name: "server-crash",
    title: "SIGKILL of the server every few seconds, down for up to 2 s",
    bars: SAFE,
    open: struck(endAndRestart),
  },
  {
    name: "connection-kill",
    title: "storms that cut every connection",
    bars: SAFE,
    open: async (cleanup) => {
      const node = await open(cleanup);
      const proxy = await TcpProxy.open(node.port);
      cleanup.defer(() => proxy.close());
      return {
        queue: node.through(proxy.port),
        observed: node.queue,
        async strike({ crew, random, pause }) {
          const at = now();
          proxy.cut();
          const struckAt = now();
          for (let left = random.between(2, 9); left > 0; left--) {
            await pause(random.between(0, 150));
            proxy.cut();
          }
          return { at, struckAt, reachableAt: now(), consumers: crew.pids };
        },
      };
    },
  },
  {
    name: "channel-kill",
    title: "the server closes every channel with PRECONDITION_FAILED, again and again for up to 2 s",
    bars: SAFE,
    open: struck(async ({ server }, { crew, random }) => {
      const at = now();
      await server.ctl("eval", endChannels(random.between(1, 4)));
      return { at, struckAt: now(), reachableAt: now(), consumers: crew.pids };
    }),
  },
  {
    name: "memory-alarm",
    title: "the server has an alarm of memory for up to 2 s, and takes no messages",
    bars: SAFE,
    open: struck(async ({ server }, { crew, random, pause }) => {
      const at = now();
      await server.ctl("eval", alarm("set"));
      const struckAt = now();
      await pause(random.between(0, 2_000));
      await server.ctl("eval", alarm("clear"));
      return { at, struckAt, reachableAt: now(), consumers: crew.pids };
    }),
  },
];

/** The same queue with an index of its jobs in a Redis of its own, which counts the workers that each job took along. */
async function openIndexed(cleanup: Cleanup): Promise<PoisonedQueue> {
  const node = await open(cleanup);
  const index = await privateRedis("--appendonly", "yes", "--appendfsync", "always");
  cleanup.defer(() => index.stop());
  const { queue } = node;
  return {
    queue: { ...queue, state: "index", extra: { ...queue.extra, jobIndex: true } },
    beside: [{ name: "index", type: "redis", redisUrl: `redis://127.0.0.1:${index.port}`, consume: false }],
  };
}

/** Nobody beside the loop ends a process here, whose leases are its own. */
const POISONS = POISON_KINDS.filter((kind) => kind !== "loop");

export const rabbitmq: ChaosStore = {
  name: "rabbitmq",
  safeSettings: "quorum queues, on one node",
  scenarios: [
    ...workerScenarios(open, FORGETS),
    ...serverScenarios,
    halfOpen(open, FORGETS),
    poison(openIndexed, POISONS),
  ],
};
