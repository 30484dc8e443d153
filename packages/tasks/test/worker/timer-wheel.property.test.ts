import { ManualClock } from "@lexigram/conformance";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { TimerWheel, WheelTimer } from "../../src/worker/timer-wheel.ts";

class Probe extends WheelTimer {
  due = Infinity;
  firedAt: number | undefined;
  readonly #clock: ManualClock;
  constructor(clock: ManualClock) {
    super();
    this.#clock = clock;
  }
  fire(): void {
    this.firedAt = this.#clock.monotonic();
  }
}

describe("a timer wheel", () => {
  test("fires each timer exactly once, never early and at most a tick late, whatever is set, moved and taken back", async () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant("set" as const), which: fc.nat(9), ms: fc.nat(60_000) }),
      fc.record({ kind: fc.constant("remove" as const), which: fc.nat(9), ms: fc.constant(0) }),
      fc.record({ kind: fc.constant("wait" as const), which: fc.constant(0), ms: fc.nat(20_000) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        const clock = new ManualClock();
        const wheel = new TimerWheel(clock, (error) => {
          throw error;
        });
        const probes = Array.from({ length: 10 }, () => new Probe(clock));
        for (const { kind, which, ms } of steps) {
          const probe = probes[which]!;
          if (kind === "wait") await clock.advance(ms);
          else if (kind === "remove") {
            wheel.remove(probe);
            if (probe.firedAt === undefined) probe.due = Infinity;
          } else {
            probe.due = clock.monotonic() + ms;
            probe.firedAt = undefined;
            wheel.set(probe, probe.due);
          }
        }
        await clock.advance(60_100);
        for (const { due, firedAt } of probes) {
          if (due === Infinity) expect(firedAt).toBeUndefined();
          else {
            expect(firedAt).toBeGreaterThanOrEqual(due);
            expect(firedAt! - due).toBeLessThanOrEqual(50);
          }
        }
        expect(clock.pendingTimers).toBe(0);
      }),
      { numRuns: 60 },
    );
  });
});
