import { holds, same } from "../kit/expect.ts";
import type { QueueEnv } from "../kit/queue-env.ts";
import type { QueueCase } from "../kit/run-case.ts";

/** Fails unless a worker that sleeps exactly as long as it is told finds what waited for time. */
async function dueInTime(
  env: QueueEnv,
  truthMs: number,
  what: string,
  came: () => Promise<boolean>,
): Promise<void> {
  let slept = 0;
  for (let looks = 0; looks < 8; looks++) {
    const { nextDueInMs } = await env.worker.exchange();
    const left = truthMs - slept;
    // It became due between the last look and this one, so that nothing else is.
    if (slept > 0 && (nextDueInMs === undefined || nextDueInMs > left) && (await came())) return;
    if (nextDueInMs === undefined)
      throw new Error(`${what}: nextDueInMs is absent, though time will make work`);
    holds(nextDueInMs >= 0, `${what}: nextDueInMs is ${nextDueInMs}`);
    holds(
      nextDueInMs <= left,
      `${what}: nextDueInMs is ${nextDueInMs}, later than the truth (${left} at most)`,
    );
    // An answer may be too early, never too late; a store with a coarse clock needs a moment more.
    const nap = Math.max(Math.ceil(nextDueInMs), env.span(0.02));
    await env.pass(nap);
    slept += nap;
    if (await came()) return;
    if (slept >= truthMs) break;
  }
  await env.pass(env.span(1));
  holds(await came(), `${what}: nothing came though the time is over`);
}

export const waiting: readonly QueueCase[] = [
  {
    law: "Q-34",
    name: "tells when the next delayed job is due",
    needs: ["delay"],
    run: async (env) => {
      await env.put({ delayMs: env.longLease }, { delayMs: env.span(4) });
      await dueInTime(env, env.span(4), "a delayed job", async () => (await env.claim(1)).length > 0);
    },
  },
  {
    law: "Q-34",
    name: "tells when the next lease ends",
    run: async (env) => {
      await env.running({}, { leaseMs: env.span(4) });
      await dueInTime(env, env.span(4), "an ending lease", async () => (await env.claim(1)).length > 0);
    },
  },
  {
    law: "Q-34",
    name: "tells when the next job expires",
    needs: ["expiry", "exact lookup", "pause"],
    run: async (env) => {
      const id = await env.putOne({ expiresInMs: env.span(4), delayMs: env.longLease });
      await dueInTime(env, env.span(4), "an expiring job", async () => {
        await env.beat();
        return (await env.status(id)) === "expired";
      });
    },
  },
  {
    law: "Q-34",
    name: "tells when a bucket has a token again",
    needs: ["limits"],
    run: async (env) => {
      await env.queue.setPolicy({ rate: { rate: 1, perMs: env.span(4), burst: 1 } });
      await env.put({}, {});
      await env.claimOne();
      await dueInTime(env, env.span(4), "a refill", async () => (await env.claim(1)).length > 0);
    },
  },
  {
    law: "Q-34",
    name: "tells of nothing that is due where nothing waits for time",
    run: async (env) => {
      await env.complete(await env.running());
      for (let looks = 0; looks < 4; looks++) {
        const { nextDueInMs } = await env.worker.exchange();
        holds(nextDueInMs !== 0, "an idle queue says that there is work at once");
      }
    },
  },
  {
    law: "Q-35",
    name: "ends a wait after maxMs at the latest",
    run: async (env) => {
      const wait = env.queue.waitForWork(env.span(3), new AbortController().signal);
      holds(await env.time.endsWithin(wait, env.span(4)), "a wait of 3 units ended within 4");
    },
  },
  {
    law: "Q-36",
    name: "ends a wait when work arrives, from this connection or another",
    run: async (env) => {
      const peer = await env.peer();
      for (const through of [env.queue, peer]) {
        const signal = AbortSignal.any([]);
        const wait = env.queue.waitForWork(env.span(60), signal);
        await env.pass(env.span(0.1));
        await env.session(through).enqueue([env.job()]);
        holds(await env.time.endsWithin(wait, env.span(10)), "a wait ended within 10 units of an enqueue");
        await env.drain();
      }
    },
  },
  {
    law: "Q-37",
    name: "ends a wait at once when its signal is aborted, before or meanwhile",
    run: async (env) => {
      const before = env.queue.waitForWork(env.span(60), AbortSignal.abort());
      holds(await env.time.endsWithin(before, env.span(2)), "a wait with an aborted signal ended");
      const controller = new AbortController();
      const meanwhile = env.queue.waitForWork(env.span(60), controller.signal);
      await env.pass(env.span(0.1));
      controller.abort();
      holds(await env.time.endsWithin(meanwhile, env.span(2)), "a wait ended when its signal was aborted");
    },
  },
  {
    law: "Q-37",
    name: "ends only the wait whose signal is aborted",
    run: async (env) => {
      const controllers = [new AbortController(), new AbortController()] as const;
      const [a, b] = controllers.map((c) => env.queue.waitForWork(env.span(60), c.signal)) as [
        Promise<void>,
        Promise<void>,
      ];
      await env.pass(env.span(0.1));
      controllers[0].abort();
      holds(await env.time.endsWithin(a, env.span(2)), "the aborted wait ended");
      await env.put({});
      holds(await env.time.endsWithin(b, env.span(10)), "the other wait ended when work arrived");
      controllers[1].abort();
    },
  },
  {
    law: "Q-38",
    name: "claims nothing while paused, and says so",
    needs: ["pause"],
    run: async (env) => {
      await env.put({}, {});
      await env.queue.pause();
      const reply = await env.worker.exchange({ slots: 5 });
      same(
        { n: reply.deliveries.length, paused: reply.paused },
        { n: 0, paused: true },
        "the answer while paused",
      );
      same(await env.queue.isPaused(), true, "isPaused");
      await env.queue.resume();
      const after = await env.worker.exchange({ slots: 5 });
      same(
        { n: after.deliveries.length, paused: after.paused },
        { n: 2, paused: false },
        "the answer after resume",
      );
    },
  },
  {
    law: "Q-38",
    name: "pauses and resumes for all connections",
    needs: ["pause"],
    run: async (env) => {
      const peer = await env.peer();
      const there = env.session(peer);
      await env.put({});
      await env.queue.pause();
      same(await peer.isPaused(), true, "isPaused of the other connection");
      same((await there.exchange({ slots: 1 })).deliveries.length, 0, "deliveries to the other connection");
      await peer.resume();
      same((await env.claim(1)).length, 1, "deliveries after the other connection resumed");
    },
  },
  {
    law: "Q-39",
    name: "goes on to accept, settle and extend while paused",
    needs: ["pause", "lookup"],
    run: async (env) => {
      const delivery = await env.running();
      await env.queue.pause();
      await env.put({});
      same(await env.queue.extend([delivery.receipt], env.longLease), { lost: [], cancelled: [] }, "extend");
      await env.complete(delivery);
      same(await env.status(delivery.job.id), "completed", "the status of the settled job");
      await env.queue.resume();
      same((await env.claim(5)).length, 1, "deliveries after resume");
    },
  },
];
