import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { WorkerJobStats } from "../../src/observability/worker-job-stats.ts";
import { Crew, CrewMember } from "../../src/worker/crew.ts";
import { FairShare } from "../../src/worker/fair-share.ts";
import { Prefetch } from "../../src/worker/prefetch.ts";

const member = (id: string, slots: number): CrewMember => new CrewMember(id, slots, new WorkerJobStats(id));

describe("a crew", () => {
  test("hands its slots out in turn", () => {
    const crew = new Crew();
    for (const id of ["a", "b", "c"]) crew.add(member(id, 2));
    expect(Array.from({ length: 6 }, () => crew.take().id)).toEqual(["a", "b", "c", "a", "b", "c"]);
    expect(crew.free).toBe(0);
  });

  test("never gives a worker more than its slots, whatever is taken, given back, added and removed", () => {
    const step = fc.constantFrom("take", "take", "take", "release", "release", "add", "remove");
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), fc.integer({ min: 1, max: 4 }), (steps, slots) => {
        const crew = new Crew();
        const taken: CrewMember[] = [];
        for (const kind of steps) {
          if (kind === "add") crew.add(member("w", slots));
          else if (kind === "remove") crew.remove();
          else if (kind === "release") {
            const one = taken.shift();
            if (one !== undefined) crew.release(one);
          } else if (crew.free > 0) taken.push(crew.take());
          for (const one of [...taken, ...crew.members]) {
            expect(one.running).toBeLessThanOrEqual(one.slots);
            expect(one.running).toBe(taken.filter((other) => other === one).length);
          }
          expect(crew.running).toBe(taken.length);
          expect(crew.free).toBe(
            crew.members.reduce((sum, { slots: all, running }) => sum + all - running, 0),
          );
        }
      }),
    );
  });

  test("tells when a removed worker runs nothing any more", () => {
    const crew = new Crew();
    crew.add(member("a", 1));
    const busy = crew.take();
    const gone: string[] = [];
    crew.remove()!.onGone = () => gone.push("a");
    expect([crew.free, crew.slots, gone]).toEqual([0, 0, []]);
    crew.release(busy);
    expect([crew.free, gone]).toEqual([0, ["a"]]);
  });
});

describe("fair shares", () => {
  const contender = (name: string, weight: number, wants = true) => ({
    name,
    weight,
    wants,
    wantsSlot() {
      return this.wants;
    },
  });

  test("follow the weights while all want slots", () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0.1, max: 20, noNaN: true }), { minLength: 1, maxLength: 5 }),
        (weights) => {
          const share = new FairShare<ReturnType<typeof contender>>();
          const all = weights.map((weight, i) => contender(String(i), weight));
          for (const one of all) share.add(one);
          const counts = new Map<string, number>();
          const rounds = 2_000;
          for (let i = 0; i < rounds; i++) {
            const { name } = share.next()!;
            counts.set(name, (counts.get(name) ?? 0) + 1);
          }
          const total = weights.reduce((sum, weight) => sum + weight, 0);
          for (const { name, weight } of all) {
            const most = Math.max(...weights) / Math.min(...weights) + 2;
            expect(Math.abs((counts.get(name) ?? 0) - (rounds * weight) / total)).toBeLessThanOrEqual(
              most * weights.length,
            );
          }
        },
      ),
      { numRuns: 50 },
    );
  });

  test("give everything to the only one that wants, and nothing to nobody", () => {
    const share = new FairShare<ReturnType<typeof contender>>();
    const idle = contender("idle", 50, false);
    const busy = contender("busy", 1);
    share.add(idle);
    share.add(busy);
    expect(Array.from({ length: 20 }, () => share.next()?.name)).toEqual(
      Array.from({ length: 20 }, () => "busy"),
    );
    busy.wants = false;
    expect(share.next()).toBeUndefined();
    idle.wants = true;
    expect(share.next()).toBe(idle);
  });

  test("save nothing up while one wants nothing", () => {
    const share = new FairShare<ReturnType<typeof contender>>();
    const [a, b] = [contender("a", 1), contender("b", 1)];
    share.add(a);
    share.add(b);
    b.wants = false;
    for (let i = 0; i < 100; i++) share.next();
    b.wants = true;
    const names = Array.from({ length: 10 }, () => share.next()!.name);
    expect(names.filter((name) => name === "b")).toHaveLength(5);
  });

  test("are nobody's without contenders", () => {
    expect(new FairShare().next()).toBeUndefined();
  });
});

describe("the number of jobs held ready", () => {
  const warm = (handlerMs: number, tripMs: number): Prefetch => {
    const prefetch = new Prefetch("auto");
    prefetch.allow(true);
    for (let i = 0; i < 20; i++) {
      prefetch.sawExchange(tripMs);
      prefetch.sawAttempts(10, 10 * handlerMs);
    }
    return prefetch;
  };

  test("is 0 until something is known, and where it is not allowed", () => {
    const prefetch = new Prefetch("auto");
    prefetch.allow(true);
    expect(prefetch.target(10)).toBe(0);
    const known = warm(1, 1);
    known.allow(false);
    expect(known.target(10)).toBe(0);
  });

  test("covers the round trip, and is 0 for long handlers", () => {
    expect(warm(1, 1).target(10)).toBe(10);
    expect(warm(5, 1).target(10)).toBe(2);
    expect(warm(11, 1).target(10)).toBe(0);
  });

  test("is bounded by twice the slots and 96, and by 256", () => {
    expect(warm(0.001, 1).target(1)).toBe(98);
    expect(warm(0.001, 1).target(10)).toBe(116);
    expect(warm(0.001, 1).target(1_000)).toBe(256);
  });

  test("is what was asked for when it was", () => {
    const prefetch = new Prefetch(7);
    prefetch.allow(true);
    expect(prefetch.target(1)).toBe(7);
    expect(prefetch.target(0)).toBe(0);
  });

  test("is 0 after a slow-down until quick handlers are seen again", () => {
    const prefetch = warm(0.1, 1);
    prefetch.slowDown();
    expect(prefetch.target(10)).toBe(0);
  });
});
