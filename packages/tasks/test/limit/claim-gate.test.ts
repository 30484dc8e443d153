import { silentLogger, type TaskQueueProtocol } from "@lexigram/contracts";
import { describe, expect, test, vi } from "vitest";
import { ClaimGate } from "../../src/limit/claim-gate.ts";
import { SharedLimits } from "../../src/limit/shared-limits.ts";
import { MemoryStateStore } from "../../src/memory/memory-state-store.ts";
import { TestClock } from "../../src/testing.ts";

/** As a real one: whoever looks twice finds that time has passed. */
class TickingClock extends TestClock {
  elapsedMs = 0;

  override monotonic(): number {
    return (this.elapsedMs += 0.01);
  }
}

const AS_MANY = 1_000_000_000;

function gateOf(waiting: number): {
  readonly gate: ClaimGate;
  readonly clock: TickingClock;
  readonly counted: ReturnType<typeof vi.fn>;
  readonly taken: ReturnType<typeof vi.fn>;
  readonly claimed: () => Promise<number>;
} {
  const clock = new TickingClock();
  const state = new MemoryStateStore({ clock });
  const taken = vi.spyOn(state, "takeTokens");
  const counted = vi.fn(() => Promise.resolve(waiting));
  const limits = new SharedLimits({
    limits: [
      {
        name: "api",
        queues: undefined,
        rate: { rate: AS_MANY, perMs: 1_000, burst: AS_MANY },
        concurrency: AS_MANY,
      },
    ],
    state,
    clock,
    logger: silentLogger,
    holder: "this process",
    leaseMs: 15_000,
  });
  let ready: (allowance: number) => void = () => undefined;
  const gate = new ClaimGate({
    queue: { getTaskCount: counted } as unknown as TaskQueueProtocol,
    clock,
    tolls: limits.of("a"),
    breaker: undefined,
    activity: { begin: () => undefined, end: () => undefined },
    leases: () => 0,
    onReady: () => {
      const n = gate.allowance;
      gate.speakFor(n);
      ready(n);
    },
    onError: (error) => expect.unreachable(String(error)),
    onLost: () => expect.unreachable(),
  });
  return {
    gate,
    clock,
    counted,
    taken,
    claimed: () =>
      new Promise((resolve) => {
        ready = resolve;
        expect(gate.opens()).toBe(false);
        gate.ask(100);
      }),
  };
}

describe("what stands before the claims of a queue", () => {
  test("has what was taken for a claim when that goes out, however fast the bucket fills", async () => {
    const { gate, taken, claimed } = gateOf(1_000);
    expect(await claimed()).toBe(100);
    expect(taken).toHaveBeenCalledTimes(1);
    // What that one did not use decays from then on: of such a bucket nothing is left.
    gate.answered(100, 50);
    await Promise.resolve();
    expect(gate.allowance).toBe(0);
    gate.stop();
  });

  test("counts a queue again only when more was claimed than it had", async () => {
    const { gate, counted, taken, claimed } = gateOf(250);
    for (let i = 0; i < 2; i++) {
      expect(await claimed()).toBe(100);
      gate.answered(100, 100);
    }
    expect(counted).toHaveBeenCalledTimes(1);
    expect(await claimed()).toBe(100);
    expect(counted).toHaveBeenCalledTimes(2);
    // A claim that brought less than it asked for has found out that there is nothing more.
    gate.answered(100, 1);
    counted.mockResolvedValue(0);
    expect(await claimed()).toBe(1);
    expect(counted).toHaveBeenCalledTimes(3);
    expect(taken).toHaveBeenCalledTimes(3);
    gate.stop();
  });

  test("pays for what a claim for nothing has found, though the count does not see it yet", async () => {
    const { gate, counted, taken, claimed } = gateOf(0);
    expect(await claimed()).toBe(1);
    expect(taken).not.toHaveBeenCalled();
    expect(gate.refuses()).toBe(true);
    gate.answered(1, 0);
    expect(await claimed()).toBe(1);
    expect(taken).toHaveBeenCalledTimes(1);
    // One that did not go out has found nothing out.
    gate.revoked(1);
    await Promise.resolve();
    expect(await claimed()).toBe(1);
    expect(taken).toHaveBeenCalledTimes(2);
    expect(gate.refuses()).toBe(false);
    gate.answered(1, 1);
    // It ran: whether there is another one, only the next claim for nothing can tell.
    expect(await claimed()).toBe(1);
    expect([counted.mock.calls.length, taken.mock.calls.length]).toEqual([4, 2]);
    expect(gate.refuses()).toBe(true);
    gate.stop();
  });

  test("asks once for slots that come free in one turn", async () => {
    const { gate, taken } = gateOf(1_000);
    gate.ask(1);
    for (let i = 0; i < 100; i++) gate.opens();
    expect(taken).not.toHaveBeenCalled();
    gate.ask(100);
    gate.ask(100);
    await vi.waitFor(() => expect(taken).toHaveBeenCalledTimes(1));
    expect(taken.mock.calls[0]?.[1]).toBe(100);
    gate.stop();
  });
});
