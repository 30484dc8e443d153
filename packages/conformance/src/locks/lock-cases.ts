import type { StateStoreProtocol } from "@lexigram/contracts";
import type { Case, LockLaw } from "../kit/case.ts";
import { codeOf, holds, present, same } from "../kit/expect.ts";
import type { LockEnv } from "../kit/lock-env.ts";
import type { HeldLockSubject } from "../kit/lock-harness.ts";

const RACERS = 5;
const LONG_MS = 600_000;
/** As of a process that ended at a call. */
const never = (): Promise<never> => new Promise(() => undefined);

/** Nobody renews what a process of this kind holds. */
const dead = { state: (): Partial<StateStoreProtocol> => ({ touch: never }) };

/** The cases of `docs/laws/locks.md`. */
export const lockCases: readonly Case<LockLaw, LockEnv>[] = [
  {
    law: "K-01",
    name: "of five that try at once one holds the lock, and again when it was given back",
    async run(env) {
      const key = env.name("lock");
      const racers = await Promise.all(Array.from({ length: RACERS }, () => env.locks()));
      for (let round = 0; round < 3; round++) {
        const tries = await Promise.all(racers.map((locks) => locks.tryAcquire(key, { ttl: LONG_MS })));
        const holders = tries.filter((lock): lock is HeldLockSubject => lock !== undefined);
        same(holders.length, 1, "holders of one lock");
        same(await holders[0]?.release(), true, "giving back what is held");
      }
    },
  },
  {
    law: "K-01",
    name: "locks of different keys have nothing to do with each other",
    async run(env) {
      const [locks, key] = [await env.locks(), env.name("lock")];
      const first = await locks.acquire(key, { ttl: LONG_MS });
      const other = present(await locks.tryAcquire(`${key}:1`, { ttl: LONG_MS }), "the lock of another key");
      holds((await first.isHeld()) && (await other.isHeld()), "both are held");
      await Promise.all([first.release(), other.release()]);
    },
  },
  {
    law: "K-02",
    name: "each hold has a higher number than the one before, over giving back and running out",
    async run(env) {
      const [key, seen] = [env.name("lock"), [] as number[]];
      const ended = await env.locks(dead);
      for (let round = 0; round < 3; round++) {
        const locks = await env.locks();
        const lock = await locks.acquire(key, { ttl: LONG_MS });
        seen.push(lock.fencing);
        await lock.release();
        seen.push((await ended.acquire(key, { ttl: env.span(1), renew: false })).fencing);
        await env.pass(1.3);
      }
      const rising = seen.every((number, i) => i === 0 || number > (seen[i - 1] ?? 0));
      holds(rising, `fencing numbers rise: ${seen.join(", ")}`);
    },
  },
  {
    law: "K-03",
    name: "a hold is renewed for as long as its holder lives",
    async run(env) {
      const key = env.name("lock");
      const lock = await (await env.locks()).acquire(key, { ttl: env.span(1) });
      const other = await env.locks();
      for (let i = 0; i < 5; i++) {
        await env.pass(0.5);
        same(await other.tryAcquire(key, { ttl: LONG_MS }), undefined, "taking what is renewed");
      }
      holds(lock.held && (await lock.isHeld()), "it is still held");
      await lock.release();
    },
  },
  {
    law: "K-03",
    name: "a hold whose holder died is free after its time, and not before",
    async run(env) {
      const key = env.name("lock");
      await (await env.locks(dead)).acquire(key, { ttl: env.span(2) });
      const other = await env.locks();
      same(await other.tryAcquire(key, { ttl: LONG_MS }), undefined, "taking what has time left");
      await env.pass(2.3);
      present(await other.tryAcquire(key, { ttl: LONG_MS }), "the lock of a holder that died");
    },
  },
  {
    law: "K-04",
    name: "a lock that is given back goes to who waits longest, before a newcomer, without a poll",
    async run(env) {
      const key = env.name("lock");
      const lock = await (await env.locks()).acquire(key, { ttl: LONG_MS });
      const order: number[] = [];
      const waits: Promise<HeldLockSubject>[] = [];
      for (let i = 0; i < 3; i++) {
        const locks = await env.locks({}, LONG_MS);
        const waiting = locks.acquire(key, { ttl: LONG_MS, waitTimeout: env.span(20) });
        waits.push(waiting);
        void waiting.then(
          () => order.push(i),
          () => undefined,
        );
        await env.pass(0.7);
      }
      await lock.release();
      const newcomer = await env.locks();
      same(await newcomer.tryAcquire(key, { ttl: LONG_MS }), undefined, "a newcomer's lock");
      for (const waiting of waits) await (await waiting).release();
      same(order, [0, 1, 2], "the order in which the lock was had");
    },
  },
  {
    law: "K-05",
    name: "a wait ends in its time or with its signal, and the lock goes to the next one",
    async run(env) {
      const [key, abort] = [env.name("lock"), new AbortController()];
      const lock = await (await env.locks()).acquire(key, { ttl: LONG_MS });
      // They look by themselves so seldom that a place which they left behind would hold up the next one.
      const locks = await env.locks({}, LONG_MS);
      const late = locks.acquire(key, { ttl: LONG_MS, waitTimeout: env.span(1) }).catch(codeOf);
      const stopped = locks
        .acquire(key, { ttl: LONG_MS, signal: abort.signal })
        .catch((error: unknown) => error);
      await env.pass(0.5);
      const next = (await env.locks()).acquire(key, { ttl: LONG_MS, waitTimeout: env.span(30) });
      await env.pass(1);
      abort.abort("enough");
      same(await late, "LEX_ERR_TASK_LOCK_TIMEOUT", "what a wait that is over rejects with");
      same(await stopped, "enough", "what a wait that is stopped rejects with");
      await env.pass(1);
      await lock.release();
      await (await next).release();
    },
  },
  {
    law: "K-06",
    name: "a holder that stood still can neither give back, renew nor hold what another has",
    async run(env) {
      const key = env.name("lock");
      const still = await (await env.locks({ still: true })).acquire(key, { ttl: env.span(1) });
      await env.pass(1.3);
      const next = await (await env.locks()).acquire(key, { ttl: LONG_MS });
      holds(next.fencing > still.fencing, "the next holder's number is higher");
      same(await still.isHeld(), false, "holding what another has");
      same(await still.extend(), false, "renewing what another has");
      holds(still.signal.aborted, "its signal is aborted");
      const again = await (await env.locks({ still: true })).tryAcquire(key, { ttl: LONG_MS });
      same(again, undefined, "taking what another has");
      same(await next.isHeld(), true, "the next one holds it all the while");
      await next.release();
    },
  },
  {
    law: "K-06",
    name: "a holder that does not know that its time is over gives back nothing of another's",
    async run(env) {
      const key = env.name("lock");
      const still = await (await env.locks({ still: true })).acquire(key, { ttl: env.span(1) });
      await env.pass(1.3);
      const next = await (await env.locks()).acquire(key, { ttl: LONG_MS });
      same(await still.release(), false, "giving back what another has");
      same(await next.isHeld(), true, "the next one holds it all the while");
      await next.release();
    },
  },
  {
    law: "K-07",
    name: "of five that acquire a key at once one does its work, and all others get its result",
    async run(env) {
      const key = env.name("key");
      const racers = await Promise.all(Array.from({ length: RACERS }, () => env.idempotency()));
      const all = await Promise.all(
        racers.map(async (keys) => ({ keys, got: await keys.acquire(key, { lease: LONG_MS }) })),
      );
      const winners = all.filter(({ got }) => got.acquired);
      same(winners.length, 1, "claims of one key");
      for (const { got } of all)
        if (!got.acquired) same(got.record.status, "in_progress", "the key's status");
      const [winner] = winners;
      if (winner?.got.acquired === true)
        same(await winner.keys.complete(winner.got.claim, { n: 1 }), true, "completing a claim");
      for (const { keys } of all) {
        const { status, result } = present(await keys.checkDuplicate(key), "the record of the key");
        same([status, result], ["completed", { n: 1 }], "what became of it");
      }
    },
  },
  {
    law: "K-08",
    name: "a key whose process died is free after its lease, and is not completed by it later",
    async run(env) {
      const key = env.name("key");
      const still = await env.idempotency({ still: true });
      const lost = await still.acquire(key, { lease: env.span(1) });
      await env.pass(1.3);
      const keys = await env.idempotency();
      const next = await keys.acquire(key, { lease: LONG_MS });
      if (!lost.acquired || !next.acquired) throw new Error("a key that is free was not acquired");
      holds(next.claim.fencing > lost.claim.fencing, "the next claim's number is higher");
      same(await still.complete(lost.claim, "late"), false, "completing what another has");
      same(await still.fail(lost.claim, new Error("late")), false, "failing what another has");
      same(await keys.complete(next.claim, "mine"), true, "completing a claim");
      same((await keys.checkDuplicate(key))?.result, "mine", "the result that counts");
    },
  },
  {
    law: "K-09",
    name: "five submissions of one key that race make one job, and all are told its id",
    async run(env) {
      const options = { idempotencyKey: env.name("key") };
      const racers = await Promise.all(Array.from({ length: RACERS }, () => env.submissions()));
      const all = await Promise.all(racers.map((one) => one.submit("work", { n: 1 }, options)));
      same(new Set(all.map(({ taskId }) => taskId)).size, 1, "ids that were told");
      same(all.filter(({ status }) => status === "submitted").length, 1, "submissions that made a job");
      same(await env.waiting(), 1, "jobs that wait");
    },
  },
  {
    law: "K-10",
    name: "a submission whose process ended before it enqueued is completed by the next one",
    needs: ["unique"],
    async run(env) {
      const options = { idempotencyKey: env.name("key") };
      let reached = (): void => undefined;
      const ended = new Promise<void>((resolve) => (reached = resolve));
      const enqueueMany = (): Promise<never> => {
        reached();
        return never();
      };
      const victim = await env.submissions({ queue: () => ({ enqueueMany }) });
      // It learns in the end that nobody answered.
      victim.submit("work", { n: 1 }, options).catch(() => undefined);
      await ended;
      const next = await env.submissions();
      const first = await next.submit("work", { n: 1 }, options);
      const second = await next.submit("work", { n: 1 }, options);
      same([second.taskId, second.status], [first.taskId, "duplicate"], "what a later one is told");
      same(await env.waiting(), 1, "jobs that wait");
    },
  },
];
