import { holds, rejects, same } from "../kit/expect.ts";
import type { QueueEnv } from "../kit/queue-env.ts";
import type { QueueCase } from "../kit/run-case.ts";
import { type QueueCall, queueCalls } from "./queue-calls.ts";

const PARALLEL = 12;

const onEvery = (
  law: QueueCase["law"],
  name: (method: string) => string,
  run: (call: QueueCall, env: QueueEnv) => Promise<void>,
): QueueCase[] =>
  queueCalls.map((call) => ({
    law,
    name: name(call.name),
    needs: call.needs ?? [],
    run: (env) => run(call, env),
  }));

/** Calls that answer alike however often they are made, when nothing happens between. */
const repeatable: ReadonlySet<string> = new Set([
  "extend",
  "waitForWork",
  "setPolicy",
  "getPolicy",
  "pause",
  "resume",
  "isPaused",
  "cancel",
  "getJob",
  "deleteJob",
  "list",
  "listActive",
  "count",
  "getTaskCount",
  "clear",
  "results",
  "onSettled",
  "ack",
  "nack",
  "deadLetters.get",
  "deadLetters.list",
  "deadLetters.retryAll",
  "deadLetters.remove",
  "deadLetters.purge",
  "deadLetters.clear",
  "deadLetters.size",
  "deadLetters.stats",
]);

const afterClose = onEvery(
  "Q-96",
  (method) => `rejects ${method} after close`,
  async (call, env) => {
    await env.queue.close();
    await rejects(call.call(env.queue, env), "LEX_ERR_TASK_CLOSED", call.name);
  },
);

const twice = onEvery(
  "Q-98",
  (method) => `answers ${method} a second time as the first`,
  async (call, env) => {
    const first = await call.call(env.queue, env);
    same(await call.call(env.queue, env), first, `the second answer of ${call.name}`);
  },
).filter((_, i) => repeatable.has(queueCalls[i]?.name ?? ""));

const inParallel = onEvery(
  "Q-99",
  (method) => `takes ${method} from many callers at once`,
  async (call, env) => {
    const peer = await env.peer();
    await Promise.all(
      Array.from({ length: PARALLEL }, (_, i) => call.call(i % 2 === 0 ? env.queue : peer, env)),
    );
    if (answersPause(env)) await env.queue.resume();
    await env.drain();
    const id = await env.putOne();
    same(await env.drain(), [id], `what is delivered after ${PARALLEL} calls of ${call.name}`);
  },
);

const answersPause = (env: QueueEnv): boolean => env.queue.capabilities.pause !== "none";

export const queueTraits: readonly QueueCase[] = [
  ...afterClose,
  {
    law: "Q-96",
    name: "ends waits when it is closed, and may be closed again",
    run: async (env) => {
      const wait = env.queue.waitForWork(env.span(60), new AbortController().signal).catch(() => undefined);
      await env.pass(env.span(0.1));
      await env.queue.close();
      holds(await env.time.endsWithin(wait, env.span(2)), "a wait ended with the queue");
      await env.queue.close();
    },
  },
  {
    law: "Q-96",
    name: "ends announcements when it is closed",
    needs: ["results"],
    run: async (env) => {
      const ids = env.queue.onSettled([env.name("nobody")], new AbortController().signal);
      const end = (async (): Promise<void> => {
        for await (const id of ids) holds(id === "", "nothing is announced");
      })().catch(() => undefined);
      await env.pass(env.span(0.1));
      await env.queue.close();
      holds(await env.time.endsWithin(end, env.span(2)), "the announcements ended with the queue");
    },
  },
  {
    law: "Q-96",
    name: "keeps other connections open when one is closed",
    run: async (env) => {
      const peer = env.session(await env.peer());
      await env.put({});
      await env.queue.close();
      same((await peer.exchange({ slots: 1 })).deliveries.length, 1, "deliveries to the other connection");
    },
  },
  {
    law: "Q-97",
    name: "ends every call that takes a signal at once when it is aborted already",
    needs: ["results"],
    run: async (env) => {
      const aborted = AbortSignal.abort();
      const wait = env.queue.waitForWork(env.span(60), aborted);
      holds(await env.time.endsWithin(wait, env.span(2)), "waitForWork ended");
      const told = (async (): Promise<void> => {
        for await (const id of env.queue.onSettled([env.name("nobody")], aborted))
          holds(id === "", "announced");
      })();
      holds(await env.time.endsWithin(told, env.span(2)), "onSettled ended");
    },
  },
  {
    law: "Q-97",
    name: "leaves no listener on a signal when its call has ended",
    run: async (env) => {
      const controller = new AbortController();
      let listeners = 0;
      const { signal } = controller;
      const add = signal.addEventListener.bind(signal);
      const remove = signal.removeEventListener.bind(signal);
      const counted = new Set<unknown>();
      signal.addEventListener = (...args: Parameters<typeof add>) => {
        if (!counted.has(args[1])) listeners++;
        counted.add(args[1]);
        add(...args);
      };
      signal.removeEventListener = (...args: Parameters<typeof remove>) => {
        if (counted.delete(args[1])) listeners--;
        remove(...args);
      };
      for (let i = 0; i < 5; i++) {
        const wait = env.queue.waitForWork(env.span(0.5), signal);
        await env.pass(env.span(1));
        await wait;
      }
      same(listeners, 0, "listeners that are left");
    },
  },
  ...twice,
  ...inParallel,
];
