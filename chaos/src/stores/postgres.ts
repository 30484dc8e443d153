import { now } from "../moment.ts";
import { POISON_KINDS } from "../processes/chaos-app.ts";
import type { Cleanup } from "../run/cleanup.ts";
import type { Scenario, Scene, Stage } from "../scenario.ts";
import { blockedLoop } from "../scenarios/blocked-loop.ts";
import { endAndRestart, halfOpen, RESUME_MS } from "../scenarios/servers.ts";
import { partition } from "../scenarios/partition.ts";
import { poison } from "../scenarios/poison.ts";
import { clockSkew } from "../scenarios/clocks.ts";
import { workerScenarios } from "../scenarios/workers.ts";
import type { Fault } from "../accounts/figures.ts";
import { postgresFailover } from "./postgres-failover.ts";
import { PostgresServer } from "./postgres-server.ts";
import { Strangers } from "./postgres-strangers.ts";
import type { ChaosStore } from "./store.ts";

const MEASURED = { safe: false, duplicates: "any" } as const;
const SAFE = { safe: true, duplicates: "in flight", resumeMs: RESUME_MS } as const;

const open = (cleanup: Cleanup): Promise<PostgresServer> => PostgresServer.open(cleanup);

/** A server, and what strikes it. */
const struck =
  (strike: (server: PostgresServer, scene: Scene) => Promise<Fault>, ...settings: readonly string[]) =>
  async (cleanup: Cleanup): Promise<Stage> => {
    const server = await PostgresServer.open(cleanup, settings);
    return { queue: server.queue, strike: (scene) => strike(server, scene) };
  };

function crash(server: PostgresServer, scene: Scene): Promise<Fault> {
  const signal = scene.random.pick(["SIGKILL", "SIGQUIT"] as const);
  return endAndRestart(server, scene, () => server.kill(signal));
}

/** From one storm's blow to the next, in milliseconds. */
const BLOWS_EVERY = 500;

/** Connections that all applications get in the run in which there is none left: enough for ours, and soon taken. */
const ROOM = 20;
/** Connections that the server keeps for its administrator; a default. */
const RESERVED = 3;
const POOL_SIZE = 2;

const serverScenarios: readonly Scenario[] = [
  {
    name: "server-restart",
    title: "fast shutdown of the server every few seconds, down for up to 2 s",
    bars: SAFE,
    open: struck((server, scene) => endAndRestart(server, scene, () => server.kill("SIGINT"))),
  },
  {
    name: "server-crash",
    title: "SIGKILL of all processes of the server, or its immediate shutdown, down for up to 2 s",
    bars: SAFE,
    open: struck(crash),
  },
  {
    name: "session-kill",
    title: "pg_terminate_backend of all our sessions twice a second, for one to three seconds",
    bars: SAFE,
    open: struck(async (server, { crew, random, pause }) => {
      const at = now();
      await server.endSessions();
      const struckAt = now();
      for (let left = random.between(2, 6); left > 0; left--) {
        await pause(BLOWS_EVERY);
        await server.endSessions();
      }
      return { at, struckAt, reachableAt: now(), consumers: crew.pids };
    }),
  },
  {
    name: "server-full",
    title: "strangers hold every connection that the server takes, for up to 2 s, and ours are cut",
    bars: SAFE,
    open: async (cleanup) => {
      const server = await PostgresServer.open(cleanup, ["-c", `max_connections=${ROOM + RESERVED}`]);
      const strangers = await Strangers.at(server, ROOM);
      cleanup.defer(() => strangers.leave());
      return {
        queue: { ...server.queue, extra: { poolSize: POOL_SIZE } },
        async strike({ crew, random, pause }) {
          const at = now();
          await strangers.crowdOut();
          const struckAt = now();
          await pause(random.between(0, 2_000));
          await strangers.leave();
          return { at, struckAt, reachableAt: now(), consumers: crew.pids };
        },
      };
    },
  },
];

export const postgres: ChaosStore = {
  name: "postgres",
  safeSettings: "the server's defaults: fsync on, synchronous_commit on; with standbys a synchronous one",
  scenarios: [
    ...workerScenarios(open),
    blockedLoop(open),
    clockSkew(open),
    poison(open, POISON_KINDS),
    partition(open),
    ...serverScenarios,
    halfOpen(open),
    postgresFailover({
      name: "failover",
      title: "SIGKILL of the primary, with a synchronous standby that is promoted behind the same address",
      synchronous: true,
      bars: SAFE,
    }),
    {
      name: "crash-async-commit",
      title: "the same crashes of a server with synchronous_commit off: its loss is measured",
      bars: MEASURED,
      open: struck(crash, "-c", "synchronous_commit=off"),
    },
    postgresFailover({
      name: "failover-async",
      title: "the same failover to a standby that nobody waits for: its loss is measured",
      synchronous: false,
      bars: MEASURED,
    }),
  ],
};
