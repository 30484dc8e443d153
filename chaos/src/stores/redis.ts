import { statSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { privateRedis, redisCommand, redisSays } from "@lexigram/services";
import type { NamedBackendOptions } from "@lexigram/tasks";
import { now } from "../moment.ts";
import { POISON_KINDS } from "../processes/chaos-app.ts";
import type { Cleanup } from "../run/cleanup.ts";
import type { Scenario } from "../scenario.ts";
import { blockedLoop } from "../scenarios/blocked-loop.ts";
import { endAndRestart, halfOpen, RESUME_MS } from "../scenarios/servers.ts";
import type { OpenServer, StoreServer } from "../scenarios/store-server.ts";
import { partition } from "../scenarios/partition.ts";
import { poison } from "../scenarios/poison.ts";
import { clockSkew } from "../scenarios/clocks.ts";
import { workerScenarios } from "../scenarios/workers.ts";
import { clusterFailover } from "./redis-cluster.ts";
import { failoverScenario } from "./redis-failover.ts";
import type { ChaosStore } from "./store.ts";

const ALWAYS = ["--appendonly", "yes", "--appendfsync", "always"];
const EVERY_SECOND = ["--appendonly", "yes", "--appendfsync", "everysec"];
const NOTHING = ["--appendonly", "no"];

const queueAt = (port: number): NamedBackendOptions => ({
  name: "chaos",
  type: "redis",
  redisUrl: `redis://127.0.0.1:${port}`,
});

/** Opens a standalone server with these settings. */
const standalone =
  (settings: readonly string[]): OpenServer =>
  async (cleanup: Cleanup): Promise<StoreServer> => {
    const server = await privateRedis(...settings);
    cleanup.defer(() => server.stop());
    const { port } = server;
    return {
      port,
      queue: queueAt(port),
      through: queueAt,
      kill: () => server.kill(),
      async start() {
        await server.start();
        // A server that still reads its file takes connections and refuses commands.
        await redisSays(port, "PING", /^\+PONG/);
      },
    };
  };

const restart = (
  name: string,
  title: string,
  settings: readonly string[],
  bars: Scenario["bars"],
): Scenario => ({
  name,
  title,
  bars,
  open: async (cleanup) => {
    const server = await standalone(settings)(cleanup);
    return { queue: server.queue, strike: (scene) => endAndRestart(server, scene) };
  },
});

const MEASURED = { safe: false, duplicates: "any" } as const;

/** What the disk holds for sure under `appendfsync everysec` was written this long ago, in milliseconds. */
const SYNCED_BEFORE = 1_000;

const powerCut: Scenario = {
  name: "power-cut-everysec",
  title: "the same, and the file loses its last second as in a power cut: its loss is measured",
  bars: MEASURED,
  open: async (cleanup) => {
    const server = await privateRedis(...EVERY_SECOND, "--auto-aof-rewrite-percentage", "0");
    cleanup.defer(() => server.stop());
    const file = join(server.directory, "appendonlydir", "appendonly.aof.1.incr.aof");
    let sizes = [{ at: -Infinity, size: 0 }];
    const look = setInterval(() => {
      sizes.push({ at: now(), size: statSync(file).size });
      sizes = sizes.slice(-100);
    }, 50);
    cleanup.defer(() => clearInterval(look));
    return {
      queue: queueAt(server.port),
      async strike({ crew, random, pause }) {
        const at = now();
        await server.kill();
        const struckAt = now();
        truncateSync(file, sizes.findLast((sample) => sample.at <= at - SYNCED_BEFORE)?.size ?? 0);
        sizes = [{ at: -Infinity, size: statSync(file).size }];
        await pause(random.between(0, 2_000));
        await server.start();
        await redisSays(server.port, "PING", /^\+PONG/);
        return { at, struckAt, reachableAt: now(), consumers: crew.pids };
      },
    };
  },
};

const clientKill: Scenario = {
  name: "client-kill",
  title: "storms of CLIENT KILL TYPE normal and pubsub",
  bars: { safe: true, duplicates: "in flight", resumeMs: RESUME_MS },
  open: async (cleanup) => {
    const { queue, port } = await standalone(ALWAYS)(cleanup);
    return {
      queue,
      async strike({ crew, random, pause }) {
        const kill = async (): Promise<void> => {
          await redisCommand(port, "CLIENT KILL TYPE normal");
          await redisCommand(port, "CLIENT KILL TYPE pubsub");
        };
        const at = now();
        await kill();
        const struckAt = now();
        for (let left = random.between(2, 9); left > 0; left--) {
          await pause(random.between(0, 150));
          await kill();
        }
        return { at, struckAt, reachableAt: now(), consumers: crew.pids };
      },
    };
  },
};

export const redis: ChaosStore = {
  name: "redis",
  safeSettings: "appendfsync always; with replicas waitReplicas: 1",
  scenarios: [
    ...workerScenarios(standalone(ALWAYS)),
    blockedLoop(standalone(ALWAYS)),
    clockSkew(standalone(ALWAYS)),
    poison(standalone(ALWAYS), POISON_KINDS),
    partition(standalone(ALWAYS)),
    restart("server-restart", "SIGKILL of the server every few seconds, down for up to 2 s", ALWAYS, {
      safe: true,
      duplicates: "in flight",
      resumeMs: RESUME_MS,
    }),
    halfOpen(standalone(ALWAYS)),
    clientKill,
    failoverScenario({
      name: "failover",
      title: "SIGKILL of the primary under Sentinel, with waitReplicas: 1",
      settings: ALWAYS,
      waitReplicas: 1,
      bars: { safe: true, duplicates: "in flight", resumeMs: RESUME_MS },
    }),
    clusterFailover(ALWAYS, { safe: true, duplicates: "in flight", resumeMs: RESUME_MS }),
    restart(
      "restart-everysec",
      "SIGKILL of a server with appendfsync everysec: its loss is measured",
      EVERY_SECOND,
      MEASURED,
    ),
    powerCut,
    restart(
      "restart-no-persistence",
      "SIGKILL of a server that keeps nothing on disk: its loss is measured",
      NOTHING,
      MEASURED,
    ),
    failoverScenario({
      name: "failover-no-wait",
      title: "the same failover without WAIT: its loss is measured",
      settings: ALWAYS,
      waitReplicas: 0,
      bars: MEASURED,
    }),
  ],
};
