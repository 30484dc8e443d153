import { systemClock } from "@lexigram/contracts";
import { holds, same } from "../kit/expect.ts";
import type { StateCase } from "../kit/run-case.ts";

export const permits: readonly StateCase[] = [
  {
    law: "S-11",
    name: "gives no more tokens than burst + rate · t in any window",
    run: async (env) => {
      const bucket = { key: env.name("bucket"), rate: 5, perMs: env.span(10), burst: 3 };
      const moved = env.harness.advance !== undefined;
      const clock = env.harness.clock ?? systemClock;
      // A server that is waited for gave each token at some moment between the call and its answer.
      const taken: { readonly after: number; readonly before: number }[] = [];
      for (let at = 0; at <= 20; at += 0.5) {
        const after = moved ? env.span(at) : clock.monotonic();
        const { granted } = await env.store.takeTokens([bucket], 4);
        const before = moved ? env.span(at) : clock.monotonic();
        for (let i = 0; i < granted; i++) taken.push({ after, before });
        await env.pass(env.span(0.5));
      }
      holds(taken.length >= 8, `${taken.length} tokens in 20 units at 5 per 10 units: the bucket starves`);
      for (const [i, { after }] of taken.entries())
        for (const [j, { before }] of taken.entries()) {
          if (j < i) continue;
          const most = bucket.burst + ((before - after) * bucket.rate) / bucket.perMs + 1e-6;
          holds(
            j - i + 1 <= most,
            `${j - i + 1} tokens within ${before - after} ms, where at most ${most} may be`,
          );
        }
    },
  },
  {
    law: "S-12",
    name: "takes from all buckets alike, as many as the poorest has",
    run: async (env) => {
      const slow = { rate: 1, perMs: 36_000_000 };
      const [rich, poor] = [
        { key: env.name("rich"), burst: 10, ...slow },
        { key: env.name("poor"), burst: 3, ...slow },
      ];
      same((await env.store.takeTokens([rich, poor], 5)).granted, 3, "tokens from both");
      same((await env.store.takeTokens([rich, poor], 5)).granted, 0, "tokens when one is empty");
      same((await env.store.takeTokens([rich], 20)).granted, 7, "tokens that are left in the rich one");
    },
  },
  {
    law: "S-13",
    name: "tells when more tokens may be had, never later than the truth",
    run: async (env) => {
      const bucket = { key: env.name("bucket"), rate: 1, perMs: env.span(4), burst: 2 };
      same(await env.store.takeTokens([bucket], 2), { granted: 2 }, "a full bucket");
      const { granted, retryInMs } = await env.store.takeTokens([bucket], 1);
      same(granted, 0, "tokens of an empty bucket");
      const wait = retryInMs ?? -1;
      holds(wait > 0 && wait <= env.span(4), `retryInMs is ${wait}, the truth at most ${env.span(4)}`);
      await env.pass(env.span(5));
      same((await env.store.takeTokens([bucket], 1)).granted, 1, "tokens after the wait");
    },
  },
  {
    law: "S-14",
    name: "gives out no more permits than the limit, over all holders",
    run: async (env) => {
      const key = env.name("permits");
      const ask = { limit: 3, ttlMs: 3_600_000 };
      same(await env.store.acquire(key, { holder: "a", n: 2, ...ask }), 2, "permits of the first");
      same(await env.store.acquire(key, { holder: "b", n: 2, ...ask }), 1, "permits of the second");
      same(await env.store.acquire(key, { holder: "c", n: 1, ...ask }), 0, "permits of the third");
    },
  },
  {
    law: "S-14",
    name: "holds the limit against many who ask at once",
    run: async (env) => {
      const key = env.name("permits");
      const peer = await env.peer();
      const got = await Promise.all(
        Array.from({ length: 20 }, (_, i) =>
          (i % 2 === 0 ? env.store : peer).acquire(key, {
            holder: `h${i}`,
            limit: 7,
            n: 2,
            ttlMs: 3_600_000,
          }),
        ),
      );
      same(
        got.reduce((a, b) => a + b, 0),
        7,
        "permits of all holders",
      );
    },
  },
  {
    law: "S-15",
    name: "lets a holder that asks again keep what it has, up to what it asks for in total",
    run: async (env) => {
      const key = env.name("permits");
      const ask = { holder: "a", limit: 5, ttlMs: 3_600_000 };
      same(await env.store.acquire(key, { ...ask, n: 2 }), 2, "permits at first");
      same(await env.store.acquire(key, { ...ask, n: 2 }), 2, "permits after asking for the same");
      same(await env.store.acquire(key, { ...ask, n: 4 }), 4, "permits after asking for more");
      same(await env.store.acquire(key, { ...ask, n: 1 }), 4, "permits after asking for fewer");
    },
  },
  {
    law: "S-15",
    name: "starts a holder's time anew when it asks again",
    run: async (env) => {
      const key = env.name("permits");
      const ask = { holder: "a", limit: 1, n: 1, ttlMs: env.span(10) };
      await env.store.acquire(key, ask);
      await env.pass(env.span(6));
      await env.store.acquire(key, ask);
      await env.pass(env.span(6));
      same(
        await env.store.acquire(key, { ...ask, holder: "b" }),
        0,
        "permits of another within the renewed time",
      );
    },
  },
  {
    law: "S-16",
    name: "gives permits that ended to others",
    run: async (env) => {
      const key = env.name("permits");
      const ask = { limit: 2, n: 2 };
      await env.store.acquire(key, { ...ask, holder: "a", ttlMs: env.span(3) });
      await env.pass(env.span(1.5));
      same(
        await env.store.acquire(key, { ...ask, holder: "b", ttlMs: env.span(20) }),
        0,
        "permits before the end",
      );
      await env.pass(env.span(2.5));
      same(
        await env.store.acquire(key, { ...ask, holder: "b", ttlMs: env.span(20) }),
        2,
        "permits after the end",
      );
    },
  },
  {
    law: "S-17",
    name: "takes back some permits, or all, and no more than there are",
    run: async (env) => {
      const key = env.name("permits");
      const ask = { limit: 5, ttlMs: 3_600_000 };
      await env.store.acquire(key, { ...ask, holder: "a", n: 4 });
      same(await env.store.release(key, { holder: "a", n: 1 }), 3, "permits after one was released");
      same(await env.store.release(key, { holder: "a", n: 10 }), 0, "permits after too many were released");
      same(await env.store.release(key, { holder: "a" }), 0, "permits after another release");
      same(
        await env.store.acquire(key, { ...ask, holder: "b", n: 9 }),
        5,
        "permits of another: not more than the limit",
      );
      same(await env.store.release(key, { holder: "b" }), 0, "permits after all were released");
    },
  },
  {
    law: "S-17",
    name: "does not take back twice what had ended",
    run: async (env) => {
      const key = env.name("permits");
      const ask = { limit: 1, n: 1 };
      await env.store.acquire(key, { ...ask, holder: "a", ttlMs: env.span(2) });
      await env.pass(env.span(3));
      same(await env.store.acquire(key, { ...ask, holder: "b", ttlMs: 3_600_000 }), 1, "permits of the next");
      same(await env.store.release(key, { holder: "a" }), 0, "permits of the one that ended");
      same(await env.store.acquire(key, { ...ask, holder: "c", ttlMs: 3_600_000 }), 0, "permits of a third");
    },
  },
];
