import {
  type CrewSettings,
  type CrewSubject,
  judgeLimitCase,
  limitCases,
  type LimiterSettings,
  type LimitHarness,
  type LimitStores,
  title,
  uniqueName,
} from "@lexigram/conformance";
import { silentLogger, systemClock, type TaskBackend } from "@lexigram/contracts";
import {
  GlobalRateLimiter,
  HandlerRegistry,
  type QueueBinding,
  QueueRateLimiter,
  QueueSet,
  type RateOptions,
  SharedLimits,
  WorkerPool,
} from "@lexigram/tasks";
import { afterAll, beforeAll, describe, test, vi } from "vitest";
import { postgresBackend } from "../../src/index.ts";
import { type PostgresServer, sharedPostgres } from "../postgres-server.ts";
import { ownSchema } from "../state/postgres-state-harness.ts";

vi.setConfig({ maxConcurrency: 20, testTimeout: 60_000 });

const bucketOf = ({ rate, perMs, burst }: LimiterSettings): RateOptions => ({ rate, per: perMs, burst });

/** A process's limiters. */
const limiters: Pick<LimitHarness, "limiter" | "limiterUnder"> = {
  limiter({ state }, settings) {
    const limiter = new GlobalRateLimiter({ ...bucketOf(settings), name: settings.name, state });
    return {
      acquire: (signal) => limiter.acquire({ signal }),
      tryAcquire: () => limiter.tryAcquire(),
    };
  },
  limiterUnder({ state }, own, all) {
    const limiter = new QueueRateLimiter({
      global: new GlobalRateLimiter({ ...bucketOf(all), name: all.name, state }),
    });
    limiter.addLimit(own.name, bucketOf(own));
    return {
      acquire: (signal) => limiter.acquire(own.name, { signal }),
      tryAcquire: () => limiter.tryAcquire(own.name),
    };
  },
};

/** The workers of a process. */
function crewOn(
  { queues, state }: LimitStores,
  { limit, breaker, slots, leaseMs, work }: CrewSettings,
  backend: TaskBackend,
): CrewSubject {
  const bindings = queues.map((queue, i): QueueBinding => ({
    name: queue.name,
    primary: i === 0,
    queue,
    backend,
    state,
    defaults: { priority: undefined, maxRetries: 0, timeoutMs: undefined, backoff: undefined },
    consume: true,
    concurrency: undefined,
    weight: 1,
    policy: undefined,
    breaker: breaker === undefined || i > 0 ? undefined : { ...breaker, isFailure: undefined },
  }));
  const handlers = new HandlerRegistry();
  handlers.register("work", work);
  const { name = "", concurrency, rate } = limit ?? {};
  return new WorkerPool({
    queues: new QueueSet(bindings),
    handlers,
    maxConcurrentTasks: slots,
    settings: { leaseMs, pollIntervalMs: 20 },
    services: {
      sharedLimits: new SharedLimits({
        limits: limit === undefined ? [] : [{ name, queues: undefined, rate, concurrency }],
        state,
        clock: systemClock,
        logger: silentLogger,
        holder: uniqueName("process"),
        leaseMs,
      }),
    },
  });
}

describe.concurrent("limits over postgres", () => {
  let server: PostgresServer;
  const opened: TaskBackend[] = [];
  beforeAll(async () => {
    server = await sharedPostgres();
  });
  afterAll(async () => {
    for (const backend of opened) await backend.close();
    await server.end();
  });

  const harness: LimitHarness = {
    name: "postgres",
    async open() {
      const schema = ownSchema("limits");
      const [a, b] = [uniqueName("a"), uniqueName("b")];
      return async () => {
        // A random of its own keeps its connection from being shared.
        const backend = postgresBackend({
          dsn: server.url,
          schema: schema.name,
          poolSize: 1,
          random: () => 0.5,
        });
        opened.push(backend);
        const { state } = backend;
        if (state === undefined) throw new Error("the backend has no state");
        return { queues: [backend.queue(a), backend.queue(b)], state };
      };
    },
    ...limiters,
    crew: (stores, settings) => crewOn(stores, settings, opened[0] as TaskBackend),
    dispose: async () => {},
  };

  for (const c of limitCases)
    test(`${title(c)}`, async ({ expect }) => {
      const report = await judgeLimitCase(c, harness);
      expect(report.outcome === "failed" ? report.error.message : report.outcome).toBe("passed");
    });
});
