import { ManualClock } from "@lexigram/conformance";
import type { StateStoreProtocol, TaskQueueProtocol } from "@lexigram/contracts";
import { Application } from "@lexigram/kernel";
import { silentLogger } from "@lexigram/contracts";
import { describe, expect, test } from "vitest";
import {
  CacheBackendProgressStore,
  CacheBackendResultStore,
  HandlerRegistry,
  InMemoryProgressStore,
  InMemoryResultStore,
  memoryBackend,
  MemoryStateStore,
  MemoryTaskQueue,
  QueueResultStore,
  SharedProgressTracker,
  TasksModule,
  TaskWorker,
  WorkerPool,
} from "../../src/index.ts";

const body = { data: '{"v":1}', encoding: "json" };
const job = { id: "j", task: "t", body, headers: {}, priority: 5 };

interface LongLived {
  readonly start?: (() => Promise<void>) | undefined;
  readonly stop: () => Promise<void>;
  /** Sets something going that only a stop ends. */
  readonly use: () => Promise<unknown> | undefined;
}

const ended = (wait: Promise<unknown>): Promise<unknown> => wait.catch((error: unknown) => error);

function followed(subscribe: (signal: AbortSignal) => AsyncIterable<unknown>): Promise<unknown> {
  return (async () => {
    for await (const _ of subscribe(new AbortController().signal));
  })();
}

const worked = (clock: ManualClock, queue: TaskQueueProtocol) => ({
  queue,
  handlers: new HandlerRegistry(),
  services: { clock },
});

const kinds: readonly [name: string, make: (clock: ManualClock) => LongLived][] = [
  [
    "a memory queue",
    (clock) => {
      const queue = new MemoryTaskQueue({ clock });
      return {
        stop: () => queue.close(),
        use: () => followed((signal) => queue.onSettled(["j"], signal)),
      };
    },
  ],
  [
    "a memory backend",
    (clock) => {
      const backend = memoryBackend({ clock });
      return {
        stop: () => backend.close(),
        use: () => backend.queue("q").waitForWork(60_000, new AbortController().signal),
      };
    },
  ],
  [
    "a memory state store",
    (clock) => {
      const state: StateStoreProtocol = new MemoryStateStore({ clock });
      return {
        stop: () => state.close(),
        use: async () => {
          const topic = await state.subscribe("t", new AbortController().signal);
          return followed(() => topic);
        },
      };
    },
  ],
  [
    "results in memory",
    (clock) => {
      const store = new InMemoryResultStore({ clock });
      return { stop: () => store.close(), use: () => store.wait("j", { timeout: null }) };
    },
  ],
  [
    "results in a state store",
    (clock) => {
      const store = new CacheBackendResultStore(new MemoryStateStore({ clock }), { clock });
      return { stop: () => store.close(), use: () => store.wait("j", { timeout: null }) };
    },
  ],
  [
    "results of a queue",
    (clock) => {
      const queue = new MemoryTaskQueue({ clock });
      const store = new QueueResultStore(queue, { clock });
      return {
        stop: () => store.close(),
        use: async () => {
          await queue.enqueue(job);
          return store.wait("j", { timeout: null });
        },
      };
    },
  ],
  [
    "progress in memory",
    (clock) => {
      const store = new InMemoryProgressStore({ clock });
      return {
        stop: () => store.close(),
        use: () => followed((signal) => new SharedProgressTracker(store, { clock }).subscribe("j", signal)),
      };
    },
  ],
  [
    "progress in a state store",
    (clock) => {
      const store = new CacheBackendProgressStore(new MemoryStateStore({ clock }), { clock });
      return {
        stop: () => store.close(),
        use: () => followed((signal) => new SharedProgressTracker(store, { clock }).subscribe("j", signal)),
      };
    },
  ],
  [
    "a worker",
    (clock) => {
      const worker = new TaskWorker(worked(clock, new MemoryTaskQueue({ clock })));
      return { start: () => worker.start(), stop: () => worker.stop(), use: () => undefined };
    },
  ],
  [
    "a pool of workers",
    (clock) => {
      const { queue, ...rest } = worked(clock, new MemoryTaskQueue({ clock }));
      const pool = new WorkerPool({ queues: queue, size: 2, ...rest });
      return { start: () => pool.start(), stop: () => pool.stop({ drain: false }), use: () => undefined };
    },
  ],
  [
    "an application",
    (clock) => {
      const app = new Application({
        modules: [TasksModule.configure()],
        clock,
        logger: silentLogger,
        configFile: false,
        env: {},
      });
      // An application starts once; a start that a stop ends is no failure of the stop.
      let started = false;
      const start = async (): Promise<void> => {
        if (started) return;
        started = true;
        await app
          .start()
          .catch((error: unknown) => expect([app.state, error instanceof Error]).toEqual(["stopped", true]));
      };
      return { start, stop: () => app.stop(), use: () => undefined };
    },
  ],
];

describe.each(kinds)("%s", (_name, make) => {
  test("bears stops in any number and at any time, ends what waits for it, and leaves no timer behind", async () => {
    for (let round = 0; round < 24; round++) {
      const clock = new ManualClock();
      const object = make(clock);
      const { start } = object;
      const used = round % 2 === 0 ? undefined : object.use();
      const waits = used === undefined ? [] : [ended(used)];
      // Some stop what is about to begin, others what has begun.
      if (round % 3 !== 0) for (let i = 0; i < 8; i++) await Promise.resolve();
      const starting = start === undefined ? [] : [start()];
      if (round % 4 === 0) await Promise.all(starting);
      if (round % 4 === 1) await Promise.all([object.stop(), object.stop(), ...starting]);
      if (start !== undefined && round % 4 === 2)
        await Promise.all([...starting, object.stop(), start(), object.stop(), start(), start()]);
      await Promise.all(starting);
      await object.stop();
      await Promise.all([object.stop(), object.stop()]);
      await Promise.all(waits);
      expect(clock.pendingTimers).toBe(0);
    }
  });
});
