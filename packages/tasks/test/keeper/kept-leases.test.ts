import type { Receipt } from "@lexigram/contracts";
import { ManualClock } from "@lexigram/conformance";
import { describe, expect, test } from "vitest";
import type { QueueLeases } from "../../src/keeper/side-keeper.ts";
import { type Attempt, Stage } from "../../src/worker/attempt.ts";
import { type LeaseHost, LeaseKeeper } from "../../src/worker/lease-keeper.ts";
import { TimerWheel } from "../../src/worker/timer-wheel.ts";

const LEASE_MS = 1_000;

/** A consumer's leases, with a thread that renewed some of them. */
function scene(keptAt: Readonly<Record<string, number>>) {
  const clock = new ManualClock();
  const lost: string[] = [];
  const written: string[] = [];
  const note = (what: string) => (attempt: { readonly receipt: Receipt }) =>
    void written.push(`${what} ${attempt.receipt}`);
  const side = {
    add: note("add"),
    remove: note("remove"),
    renewed: note("renewed"),
    latest: ({ receipt, leaseSentAt }: Attempt) => Math.max(leaseSentAt, keptAt[receipt] ?? 0),
  } as unknown as QueueLeases;
  const host: LeaseHost = {
    leaseMs: LEASE_MS,
    side,
    now: () => clock.monotonic(),
    extend: () => Promise.resolve(undefined),
    leaseLost(attempt) {
      lost.push(attempt.receipt);
      leases.remove(attempt);
    },
    cancelRequested() {},
  };
  const leases = new LeaseKeeper(new TimerWheel(clock, () => {}), host);
  const lease = (receipt: string): Attempt => {
    const attempt = {
      receipt,
      leaseSentAt: clock.monotonic(),
      stage: Stage.Running,
      sent: false,
      leased: false,
      get leaseDeadline(): number {
        return (this as Attempt).leaseSentAt + LEASE_MS;
      },
    } as unknown as Attempt;
    leases.add(attempt);
    return attempt;
  };
  return { clock, leases, lease, lost, written };
}

describe("a lease that a thread has renewed", () => {
  test("is not over at the deadline that the loop knew, the others are", async () => {
    const { clock, lease, lost, leases, written } = scene({ a: 900 });
    const [a] = [lease("a"), lease("b")];
    await clock.advance(LEASE_MS + 100);
    expect(lost).toEqual(["b"]);
    expect([a?.leaseSentAt, leases.size]).toEqual([900, 1]);
    expect(written).toContain("renewed a");
    await clock.advance(LEASE_MS);
    expect(lost).toEqual(["b", "a"]);
  });

  test("is over when that renewal is too old as well", async () => {
    const { clock, lease, lost, leases } = scene({ a: 200 });
    const a = lease("a");
    expect(leases.isOver(a, 999)).toBe(false);
    expect(leases.isOver(a, 1_150)).toBe(false);
    expect(leases.isOver(a, 1_200)).toBe(true);
    await clock.advance(2 * LEASE_MS);
    expect(lost).toEqual(["a"]);
  });

  test("is written down once, and taken off when it ends", () => {
    const { leases, lease, written } = scene({});
    const a = lease("a");
    leases.remove(a);
    leases.remove(a);
    expect(written).toEqual(["add a", "remove a"]);
  });
});
