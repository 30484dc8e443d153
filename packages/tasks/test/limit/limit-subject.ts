import {
  type CrewSettings,
  type CrewSubject,
  type LimiterSettings,
  type LimitHarness,
  type LimitStores,
  uniqueName,
} from "@lexigram/conformance";
import { type Clock, silentLogger, systemClock, type TaskBackend } from "@lexigram/contracts";
import {
  GlobalRateLimiter,
  HandlerRegistry,
  type QueueBinding,
  QueueRateLimiter,
  QueueSet,
  type RateOptions,
  SharedLimits,
  WorkerPool,
} from "../../src/index.ts";

const bucketOf = ({ rate, perMs, burst }: LimiterSettings): RateOptions => ({ rate, per: perMs, burst });

/** The limiters of a process of the product, which the tests of all backends share. */
export const limitersOn = (clock: Clock): Pick<LimitHarness, "limiter" | "limiterUnder"> => ({
  limiter({ state }, settings) {
    const limiter = new GlobalRateLimiter({ ...bucketOf(settings), name: settings.name, state, clock });
    return {
      acquire: (signal) => limiter.acquire({ signal }),
      tryAcquire: () => limiter.tryAcquire(),
    };
  },
  limiterUnder({ state }, own, all) {
    const limiter = new QueueRateLimiter({
      global: new GlobalRateLimiter({ ...bucketOf(all), name: all.name, state, clock }),
      clock,
    });
    limiter.addLimit(own.name, bucketOf(own));
    return {
      acquire: (signal) => limiter.acquire(own.name, { signal }),
      tryAcquire: () => limiter.tryAcquire(own.name),
    };
  },
});

export const limiters = limitersOn(systemClock);

/** The workers of a process. */
export function crewOn(
  { queues, state }: LimitStores,
  { limit, breaker, slots, leaseMs, work }: CrewSettings,
  backend: TaskBackend,
  clock: Clock = systemClock,
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
      clock,
      sharedLimits: new SharedLimits({
        limits: limit === undefined ? [] : [{ name, queues: undefined, rate, concurrency }],
        state,
        clock,
        logger: silentLogger,
        holder: uniqueName("process"),
        leaseMs,
      }),
    },
  });
}
