import type { Case, LimitLaw } from "../kit/case.ts";
import { holds, same } from "../kit/expect.ts";
import type { Instant, LimitEnv } from "../kit/limit-env.ts";

/** Fails when more happened in a span than a bucket allows. @param slackMs how much later than it was allowed it may have happened. */
function withinBucket(
  seen: readonly Instant[],
  { rate, perMs, burst }: { readonly rate: number; readonly perMs: number; readonly burst: number },
  slackMs: number,
): void {
  const starts = seen.toSorted((a, b) => a.fromMs - b.fromMs);
  for (const [i, from] of starts.entries())
    for (let j = i; j < starts.length; j++) {
      const to = starts[j] as Instant;
      const ms = to.toMs - from.fromMs + slackMs;
      const most = burst + (ms * rate) / perMs + 0.05;
      holds(j - i + 1 <= most, `${j - i + 1} passed within ${ms} ms, where at most ${most} may`);
    }
}

/** What runs at once, over all processes of a case. */
class Work {
  running = 0;
  most = 0;
  ended = 0;
  readonly started: Instant[] = [];
  fails = false;
  #open: () => void = () => {};
  #gate: Promise<void> | undefined;

  constructor(env: LimitEnv) {
    this.run = async () => {
      this.started.push({ fromMs: env.nowMs, toMs: env.nowMs });
      this.running++;
      this.most = Math.max(this.most, this.running);
      try {
        await (this.#gate ?? env.pass(5));
        if (this.fails) throw new Error("it is meant to fail");
      } finally {
        this.running--;
        this.ended++;
      }
    };
  }

  readonly run: () => Promise<void>;

  hold(): void {
    this.#gate = new Promise((resolve) => (this.#open = resolve));
  }

  letGo(): void {
    this.#gate = undefined;
    this.#open();
  }
}

const LEASE_MS = 1_000;
const crew = { slots: 5, leaseMs: LEASE_MS };

/** The cases of `docs/laws/limits.md`. */
export const limitCases: readonly Case<LimitLaw, LimitEnv>[] = [
  {
    law: "L-01",
    name: "five limiters that race let no more pass than burst + rate · t in any window, and all in the end",
    async run(env) {
      const bucket = { rate: 10, perMs: 500, burst: 4 };
      const name = env.name("limit");
      const seen: Instant[] = [];
      const never = new AbortController().signal;
      const racer = async (): Promise<void> => {
        const limiter = env.harness.limiter(await env.timed(seen), { name, ...bucket });
        for (let i = 0; i < 4; i++) await limiter.acquire(never);
      };
      await Promise.all(Array.from({ length: 5 }, racer));
      same(seen.length, 20, "passes");
      withinBucket(seen, bucket, 0);
    },
  },
  {
    law: "L-02",
    name: "what one of two limits refuses costs nothing of the other",
    async run(env) {
      const [first, second] = [await env.stores(), await env.stores()];
      const all = { name: env.name("all"), rate: 1, perMs: 3_600_000, burst: 2 };
      const own = { name: env.name("own"), rate: 1, perMs: 3_600_000, burst: 2 };
      const other = { name: env.name("other"), rate: 1, perMs: 3_600_000, burst: 1 };
      const under = env.harness.limiterUnder(first, other, all);
      same([await under.tryAcquire(), await under.tryAcquire()], [true, false], "passes of a limit of one");
      const beside = env.harness.limiterUnder(second, own, all);
      same(
        [await beside.tryAcquire(), await beside.tryAcquire()],
        [true, false],
        "passes of what is left of all",
      );
      const spare = env.harness.limiterUnder(await env.stores(), own, { ...all, name: env.name("free") });
      same(await spare.tryAcquire(), true, "whether the second limit kept what the first refused");
    },
  },
  {
    law: "L-03",
    name: "workers of three processes on two queues run no more at once than a limit over both, and all in the end",
    async run(env) {
      const work = new Work(env);
      const limit = { name: env.name("limit"), concurrency: 3 };
      await env.put(12);
      await Promise.all([1, 2, 3].map(() => env.crew({ ...crew, limit, work: work.run })));
      await env.until("all jobs ran", () => work.ended === 24);
      holds(work.most <= 3, `${work.most} attempts at once, where at most 3 may be`);
    },
  },
  {
    law: "L-04",
    name: "workers of three processes on two queues start no more than a limit over both allows, and all in the end",
    async run(env) {
      const work = new Work(env);
      const rate = { rate: 20, perMs: 1_000, burst: 5 };
      await env.put(10);
      const limit = { name: env.name("limit"), rate };
      await Promise.all([1, 2, 3].map(() => env.crew({ ...crew, limit, work: work.run })));
      await env.until("all jobs ran", () => work.ended === 20);
      // A start follows the taking of its token by the round trip of a claim.
      withinBucket(work.started, rate, 400);
    },
  },
  {
    law: "L-05",
    name: "permits of a process that is gone come free when they end",
    async run(env) {
      const work = new Work(env);
      const limit = { name: env.name("limit"), concurrency: 2 };
      const { state } = await env.stores();
      const since = env.nowMs;
      const held = await state.acquire(`permits:${limit.name}`, {
        holder: "gone",
        limit: 2,
        n: 2,
        ttlMs: 400,
      });
      same(held, 2, "permits of the process that is gone");
      await env.put(1);
      await env.crew({ ...crew, limit, work: work.run });
      await env.until("all jobs ran", () => work.ended === 2);
      const [first] = work.started;
      holds((first?.toMs ?? 0) - since >= 390, "a job started while another process held all permits");
    },
  },
  {
    law: "L-06",
    name: "a breaker that one process opened lets nothing start in another, until its time is over",
    async run(env) {
      const work = new Work(env);
      const breaker = { failures: 2, resetMs: 1_000, probes: 1 };
      work.fails = true;
      const first = await env.crew({ ...crew, slots: 1, breaker, work: work.run });
      await env.put(2, [0]);
      await env.until("it opened", () => work.ended === 2);
      await first.stop();
      await env.put(4, [0]);
      work.fails = false;
      await env.crew({ ...crew, breaker, work: work.run });
      await env.until("all jobs ran", () => work.ended === 6);
      // It opened after the second run had begun; how much later is not known here.
      const [, second, third] = work.started;
      const betweenMs = (third?.fromMs ?? 0) - (second?.fromMs ?? 0);
      holds(
        betweenMs >= breaker.resetMs - 50,
        `a job started ${betweenMs} ms after the one that opened the breaker`,
      );
    },
  },
  {
    law: "L-07",
    name: "half-open, no more probes run than it says, over all processes",
    async run(env) {
      const work = new Work(env);
      const breaker = { failures: 1, resetMs: 2_000, probes: 2 };
      work.fails = true;
      const first = await env.crew({ ...crew, slots: 1, breaker, work: work.run });
      await env.put(1, [0]);
      await env.until("it opened", () => work.ended === 1);
      await first.stop();
      work.fails = false;
      work.most = 0;
      work.hold();
      await env.put(10, [0]);
      await Promise.all([1, 2, 3].map(() => env.crew({ ...crew, breaker, work: work.run })));
      await env.until("both probes run", () => work.running === 2);
      // Shorter than the time after which a probe counts as gone.
      await env.pass(200);
      same(work.most, 2, "probes at once");
      work.letGo();
      await env.until("all jobs ran", () => work.ended === 11);
    },
  },
];
