import {
  type CrewSettings,
  type CrewSubject,
  judgeLimitCase,
  limitCases,
  type LimiterSettings,
  type LimitHarness,
  limitLiars,
  type LimitStores,
  lyingStoresHarness,
  title,
  uniqueName,
} from "@lexigram/conformance";
import { silentLogger, systemClock, type TaskBackend } from "@lexigram/contracts";
import { describe, test, vi } from "vitest";
import {
  GlobalRateLimiter,
  HandlerRegistry,
  MemoryStateStore,
  type QueueBinding,
  QueueRateLimiter,
  QueueSet,
  type RateOptions,
  SharedLimits,
  WorkerPool,
} from "../../src/index.ts";
import { memoryBackend } from "../../src/memory/memory-backend.ts";

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

/** Queue objects and stores over the same data are to each other what connections to one server are. */
function memoryLimitHarness(): LimitHarness {
  return {
    name: "memory",
    async open() {
      const backend = memoryBackend({ clock: systemClock });
      const [a, b] = [uniqueName("a"), uniqueName("b")];
      const { data } = backend.state as MemoryStateStore;
      return async () => ({
        queues: [backend.queue(a), backend.queue(b)],
        state: new MemoryStateStore({ clock: systemClock, data }),
      });
    },
    ...limiters,
    crew: (stores, settings) => crewOn(stores, settings, memoryBackend()),
    dispose: async () => {},
  };
}

describe.concurrent("limits over memory", () => {
  for (const c of limitCases)
    test(`${title(c)}`, async ({ expect }) => {
      const report = await judgeLimitCase(c, memoryLimitHarness);
      expect(report.outcome === "failed" ? report.error.message : report.outcome).toBe("passed");
    });
});

describe("a state store under limits", () => {
  for (const liar of limitLiars)
    test(`that ${liar.name} breaks ${liar.breaks.join(", ")} and nothing else`, async ({ expect }) => {
      const reports = await Promise.all(
        limitCases.map((c) =>
          judgeLimitCase(c, () => lyingStoresHarness(liar, { ...memoryLimitHarness(), patienceMs: 10_000 })),
        ),
      );
      const broken = reports.flatMap((report) => (report.outcome === "failed" ? [report.law] : []));
      expect([...new Set(broken)]).toEqual(liar.breaks);
    });
});
