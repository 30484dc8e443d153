import type { DistributedLockProtocol, StateStoreProtocol } from "@lexigram/contracts";
import { ManualClock } from "@lexigram/conformance";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LockManager, MemoryStateStore } from "../../src/index.ts";
import { seeded } from "../dispatch/producer.ts";
import { eventLoopTurn } from "../../src/testing/event-loop-turn.ts";
import { overlaid } from "../schedule/workshop.ts";

const PROCESSES = 5;
const KEY = "report";

type Step =
  | { readonly kind: "acquire" | "try" | "release" | "extend" | "freeze" | "die"; readonly by: number }
  | { readonly kind: "pass"; readonly ms: number };

const by = fc.integer({ min: 0, max: PROCESSES - 1 });
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ kind: fc.constant("acquire" as const), by }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom("try" as const, "extend" as const), by }) },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant("release" as const), by }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom("freeze" as const, "die" as const), by }) },
    {
      weight: 4,
      arbitrary: fc.record({ kind: fc.constant("pass" as const), ms: fc.integer({ min: 1, max: 4_000 }) }),
    },
  ),
  { minLength: 5, maxLength: 60 },
);

/** A process that may stop at any call, or go on with none of its timers. */
class Member {
  readonly locks: LockManager;
  readonly holds: DistributedLockProtocol[] = [];
  isFrozen = false;
  isDead = false;

  constructor(clock: ManualClock, state: StateStoreProtocol, random: () => number) {
    const call =
      (name: "get" | "put" | "touch" | "delete" | "list") =>
      async (...args: unknown[]): Promise<unknown> => {
        for (let turns = Math.floor(random() * 4); turns > 0; turns--) await eventLoopTurn();
        if (this.isDead) return new Promise(() => undefined);
        return (state[name] as (...given: unknown[]) => Promise<unknown>).apply(state, args);
      };
    const own = {
      get: call("get"),
      put: call("put"),
      touch: call("touch"),
      delete: call("delete"),
      list: call("list"),
    };
    this.locks = new LockManager({
      state: overlaid(state, own as unknown as Partial<StateStoreProtocol>),
      clock: {
        now: () => clock.now(),
        monotonic: () => clock.monotonic(),
        setTimer: (callback, ms) => clock.setTimer(() => (this.isFrozen ? undefined : callback()), ms),
      },
    });
  }
}

describe("processes that take one lock, die and stand still", () => {
  test("never hold it at the same time, and each hold has a higher number", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer(), steps, async (seed, script) => {
        const clock = new ManualClock();
        const state = new MemoryStateStore({ clock });
        const random = seeded(Math.abs(seed) + 1);
        const members = Array.from({ length: PROCESSES }, () => new Member(clock, state, random));
        /** In the order in which they were told that they have it. */
        const granted: number[] = [];
        const had = (member: Member, lock: DistributedLockProtocol | undefined): void => {
          if (lock === undefined) return;
          member.holds.push(lock);
          // A hold that ran out before its holder was told of it was never one.
          if (lock.held) granted.push(lock.fencing);
        };
        for (const step of script) {
          if (step.kind === "pass") await clock.advance(step.ms);
          else {
            const member = members[step.by] as Member;
            const lock = member.holds.at(-1);
            if (step.kind === "die") member.isDead = true;
            else if (step.kind === "freeze") member.isFrozen = !member.isFrozen;
            else if (step.kind === "release") void lock?.release();
            else if (step.kind === "extend") void lock?.extend();
            else if (step.kind === "try")
              void member.locks.tryAcquire(KEY, { ttl: 3_000 }).then((got) => had(member, got));
            else
              member.locks.acquire(KEY, { ttl: 3_000, waitTimeout: 9_000 }).then(
                (got) => had(member, got),
                () => undefined,
              );
            await clock.advance(0);
          }
          const held = members.flatMap(({ holds }) => holds).filter((lock) => lock.held);
          expect(held.length).toBeLessThanOrEqual(1);
          expect(granted).toEqual([...new Set(granted)].toSorted((a, b) => a - b));
          if (held[0] !== undefined) expect(held[0].fencing).toBe(Math.max(...granted));
        }
        // Whoever lives has it in the end, for nobody keeps it for ever.
        const heir = new Member(clock, state, () => 0);
        for (const member of members) for (const lock of member.holds) void lock.release();
        for (const member of members) member.isDead = true;
        let isHad = false;
        void heir.locks.acquire(KEY).then(() => (isHad = true));
        for (let second = 0; second < 60 && !isHad; second++) await clock.advance(1_000);
        expect(isHad).toBe(true);
      }),
      { numRuns: 100 },
    );
  });
});
