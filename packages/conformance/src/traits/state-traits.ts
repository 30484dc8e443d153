import type { StateStoreProtocol, TaskValidationError } from "@lexigram/contracts";
import { holds, rejects, same } from "../kit/expect.ts";
import type { StateCase } from "../kit/run-case.ts";
import type { StateEnv } from "../kit/state-env.ts";

type Call = (store: StateStoreProtocol, env: StateEnv) => Promise<unknown>;

/** Every method that talks to the store, called in a way that is lawful at any moment. */
const stateCalls: Readonly<Record<string, Call>> = {
  get: (s, env) => s.get(env.name("k")),
  put: (s, env) => s.put(env.name("k"), 1),
  touch: (s, env) => s.touch(env.name("k"), { ttlMs: 1_000 }),
  delete: (s, env) => s.delete(env.name("k")),
  list: (s, env) => s.list(env.name("p")),
  increment: (s, env) => s.increment(env.name("k"), 1),
  takeTokens: (s, env) => s.takeTokens([{ key: env.name("k"), rate: 1, perMs: 3_600_000, burst: 1 }], 1),
  acquire: (s, env) => s.acquire(env.name("k"), { holder: "h", limit: 1, n: 1, ttlMs: 3_600_000 }),
  release: (s, env) => s.release(env.name("k"), { holder: "h" }),
  publish: (s, env) => s.publish(env.name("t"), 1),
  subscribe: async (s, env) => {
    for await (const message of await s.subscribe(env.name("t"), AbortSignal.abort())) return message;
    return undefined;
  },
};

/** Calls that callers without types make, and the field that is wrong. */
const malformed: Readonly<Record<string, { readonly field: string; readonly of: Call }>> = {
  "get of what is no key": { field: "key", of: (s) => s.get(5 as never) },
  "put under an empty key": { field: "key", of: (s) => s.put("", 1) },
  "put with a time to live of 0": { field: "ttlMs", of: (s, env) => s.put(env.name("k"), 1, { ttlMs: 0 }) },
  "put of what JSON cannot hold": {
    field: "value",
    of: (s, env) => s.put(env.name("k"), (() => 1) as never),
  },
  "touch without a time to live": { field: "ttlMs", of: (s, env) => s.touch(env.name("k"), {} as never) },
  "delete of what is no key": { field: "key", of: (s) => s.delete(null as never) },
  "list of pages of nothing": { field: "limit", of: (s, env) => s.list(env.name("p"), { limit: 0 }) },
  "increment by what is no number": { field: "by", of: (s, env) => s.increment(env.name("k"), Number.NaN) },
  "takeTokens of a bucket without a rate": {
    field: "buckets.0.rate",
    of: (s, env) => s.takeTokens([{ key: env.name("k"), perMs: 1, burst: 1 } as never], 1),
  },
  "acquire without a holder": {
    field: "holder",
    of: (s, env) => s.acquire(env.name("k"), { limit: 1, n: 1, ttlMs: 1 } as never),
  },
  "release of half a permit": {
    field: "n",
    of: (s, env) => s.release(env.name("k"), { holder: "h", n: 0.5 }),
  },
  "publish on an empty topic": { field: "topic", of: (s) => s.publish("", 1) },
  "subscribe without a signal": { field: "signal", of: (s, env) => s.subscribe(env.name("t"), {} as never) },
};

const onEvery = (
  law: StateCase["law"],
  name: (method: string) => string,
  run: (method: string, call: Call, env: StateEnv) => Promise<void>,
): StateCase[] =>
  Object.entries(stateCalls).map(([method, call]) => ({
    law,
    name: name(method),
    run: (env) => run(method, call, env),
  }));

export const stateTraits: readonly StateCase[] = [
  ...onEvery(
    "S-21",
    (method) => `rejects ${method} after close`,
    async (method, call, env) => {
      await env.store.close();
      await rejects(call(env.store, env), "LEX_ERR_TASK_CLOSED", method);
    },
  ),
  {
    law: "S-21",
    name: "may be closed again, and leaves other connections open",
    run: async (env) => {
      const peer = await env.peer();
      await env.store.close();
      await env.store.close();
      same(await peer.increment(env.name("k"), 1), 1, "an increment through the other connection");
    },
  },
  ...onEvery(
    "S-24",
    (method) => `takes ${method} from many callers at once`,
    async (method, call, env) => {
      const peer = await env.peer();
      const answers = await Promise.all(
        Array.from({ length: 12 }, (_, i) => call(i % 2 === 0 ? env.store : peer, env)),
      );
      if (method === "put") return;
      for (const answer of answers) same(answer, answers[0], `an answer of ${method} on a key of its own`);
    },
  ),
  {
    law: "S-22",
    name: "keeps entries, their times, their versions and permits over a reopening",
    run: async (env) => {
      const [kept, short, gone, sum, permit] = ["a", "b", "c", "d", "e"].map((n) => env.name(n)) as [
        string,
        string,
        string,
        string,
        string,
      ];
      await env.store.put(kept, { a: 1 });
      await env.store.put(short, 1, { ttlMs: env.span(4) });
      await env.store.put(gone, 1);
      await env.store.delete(gone);
      const version = (await env.store.get(kept))?.version ?? 0;
      await env.store.increment(sum, 41);
      await env.store.acquire(permit, { holder: "h", limit: 1, n: 1, ttlMs: 3_600_000 });
      const store = await env.reopen();
      same((await store.get(kept))?.value, { a: 1 }, "a value");
      same((await store.get(short))?.value, 1, "a value within its time");
      same(await store.increment(sum, 1), 42, "a sum");
      same(
        await store.acquire(permit, { holder: "i", limit: 1, n: 1, ttlMs: 1_000 }),
        0,
        "permits of another",
      );
      same(await store.get(gone), undefined, "a deleted entry");
      const again = await store.put(kept, 2);
      holds(again.stored && again.version > version, "the version of a write after the reopening is higher");
      await env.pass(env.span(5));
      same(await store.get(short), undefined, "the entry after its time");
    },
  },
  {
    law: "S-25",
    name: "works again after its connection was cut, and has lost nothing",
    harness: "sever",
    run: async (env) => {
      const key = env.name("k");
      await env.store.put(key, "kept");
      await env.harness.sever?.(env.store);
      for (let tries = 0; tries < 60; tries++) {
        try {
          same((await env.store.get(key))?.value, "kept", "the value");
          return;
        } catch (error) {
          same(
            (error as { code?: unknown }).code,
            "LEX_ERR_TASK_QUEUE_UNAVAILABLE",
            "the code of what is thrown",
          );
          await env.pass(env.span(0.5));
        }
      }
      throw new Error("the store did not come back within 30 units");
    },
  },
  ...Object.entries(malformed).map(([call, { field, of }]): StateCase => ({
    law: "S-26",
    name: `refuses ${call}`,
    run: async (env) => {
      const called = (async () => of(env.store, env))();
      const { issues } = ((await rejects(called, "LEX_ERR_TASK_VALIDATION", call)) as TaskValidationError)
        .fields;
      same(
        issues.map(({ path }) => path),
        [field],
        "the fields that the refusal names",
      );
    },
  })),
];
