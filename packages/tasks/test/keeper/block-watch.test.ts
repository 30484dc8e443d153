import type { ExtendReply, Receipt } from "@lexigram/contracts";
import { describe, expect, test } from "vitest";
import { beatOf, BlockWatch } from "../../src/keeper/block-watch.ts";
import { HeldLeases } from "../../src/keeper/held-leases.ts";
import { instant, leasePage } from "../../src/keeper/lease-board.ts";
import { SeenLeases } from "../../src/keeper/seen-leases.ts";

const LEASE_MS = 1_500;
const BEAT_MS = 100;

/** A loop and the thread beside it, on a time that the test moves. */
class Scene {
  now = 1_000_000;
  readonly asked: { at: number; queue: number; receipts: readonly string[] }[] = [];
  readonly endings: { blockedMs: number; jobId: string | undefined }[] = [];
  /** What the store says. */
  answer: (receipts: readonly Receipt[]) => Promise<ExtendReply> = async () => ({ lost: [], cancelled: [] });
  readonly seen: SeenLeases;
  readonly held: HeldLeases;
  readonly #watch: BlockWatch;
  readonly #deaf: ReadonlySet<number>;
  #jobs = 0;

  constructor(deaf: readonly number[] = []) {
    this.#deaf = new Set(deaf);
    this.held = new HeldLeases(({ memory }) => this.seen.addPage(leasePage(memory)));
    this.seen = new SeenLeases(new Int32Array(this.held.head.buffer), []);
    this.#watch = new BlockWatch({
      leaseMs: LEASE_MS,
      beatMs: BEAT_MS,
      idleLimitMs: 5_000,
      leases: this.seen,
      now: () => this.now,
      extend: (queue) => (this.#deaf.has(queue) ? undefined : (receipts) => this.#extend(queue, receipts)),
      givenUp: (blockedMs, culprit) => void this.endings.push({ blockedMs, jobId: culprit?.jobId }),
    });
  }

  /** A lease that was claimed just now, of an attempt that has so long to end. */
  lease(limitMs?: number, queue = 0): number {
    const jobId = `j${++this.#jobs}`;
    const place = this.held.add({ queue, task: 0, receipt: `1.${jobId}`, jobId, sentAt: this.now });
    if (limitMs !== undefined) this.held.runsUntil(place, this.now + limitMs, this.now);
    return place;
  }

  /** Time passes for both; the loop turns unless it is blocked. */
  async pass(ms: number, { blocked = true }: { blocked?: boolean } = {}): Promise<void> {
    for (const end = this.now + ms; this.now < end;) {
      this.now += BEAT_MS;
      if (!blocked) this.held.beat();
      this.#watch.look();
      // The store answers within the same moment.
      for (let i = 0; i < 5; i++) await Promise.resolve();
    }
  }

  /** Nothing of the process runs. */
  standStill(ms: number): void {
    this.now += ms;
  }

  #extend(queue: number, receipts: readonly Receipt[]): Promise<ExtendReply> {
    this.asked.push({ at: this.now, queue, receipts });
    return this.answer(receipts);
  }
}

describe("the watch of the loop", () => {
  test("does nothing while the loop turns, however old leases are", async () => {
    const scene = new Scene();
    scene.lease(60_000);
    await scene.pass(10 * LEASE_MS, { blocked: false });
    expect(scene.asked).toEqual([]);
  });

  test("renews what is due at a third once the loop stands still, and again at each third", async () => {
    const scene = new Scene();
    const place = scene.lease(60_000);
    const since = scene.now;
    await scene.pass(2 * LEASE_MS);
    expect(scene.asked.map(({ at }) => at - since)).toEqual([500, 1_000, 1_500, 2_000, 2_500, 3_000]);
    expect(scene.asked[0]?.receipts).toEqual(["1.j1"]);
    expect(scene.held.keptAt(place)).toBe(instant(since + 3_000));
  });

  test("stops when the loop turns again", async () => {
    const scene = new Scene();
    scene.lease(60_000);
    await scene.pass(LEASE_MS);
    const { length } = scene.asked;
    await scene.pass(5 * LEASE_MS, { blocked: false });
    expect(length).toBeGreaterThan(0);
    expect(scene.asked).toHaveLength(length);
  });

  test("asks for all leases of a queue in one call, and for each queue by itself", async () => {
    const scene = new Scene([2]);
    for (let i = 0; i < 3; i++) scene.lease(60_000);
    scene.lease(undefined, 1);
    scene.lease(undefined, 2);
    await scene.pass(LEASE_MS / 2);
    expect(scene.asked.map(({ queue, receipts }) => [queue, receipts.length])).toEqual([
      [0, 3],
      [1, 1],
    ]);
  });

  test("gives up past the limit of the attempt that has the loop, though others may take longer", async () => {
    const scene = new Scene();
    const culprit = scene.lease(3_000);
    scene.lease(60_000);
    scene.held.enter(culprit);
    await scene.pass(2_900);
    expect(scene.endings).toEqual([]);
    await scene.pass(5_000);
    expect(scene.endings).toEqual([{ blockedMs: 3_000, jobId: "j1" }]);
    expect(scene.asked.at(-1)!.at).toBeLessThan(1_003_000);
    expect(scene.held.beat()).toMatchObject({ givenUp: true });
  });

  test("goes by the longest limit of what runs when nobody is known to have the loop", async () => {
    const scene = new Scene();
    scene.lease(1_000);
    scene.lease(3_000);
    await scene.pass(2_900);
    expect(scene.endings).toEqual([]);
    await scene.pass(200);
    expect(scene.endings).toEqual([{ blockedMs: 3_000, jobId: undefined }]);
  });

  test("goes by the default limit when nothing runs, and never gives up an attempt without one", async () => {
    const idle = new Scene();
    idle.lease();
    await idle.pass(4_900);
    expect(idle.endings).toEqual([]);
    await idle.pass(200);
    expect(idle.endings).toHaveLength(1);
    const endless = new Scene();
    endless.lease(Infinity);
    await endless.pass(100 * LEASE_MS);
    expect(endless.endings).toEqual([]);
    expect(endless.asked.length).toBeGreaterThan(200);
  });

  test("does not blame the loop for a time in which the whole process stood still", async () => {
    const scene = new Scene();
    scene.held.enter(scene.lease(3_000));
    await scene.pass(500, { blocked: false });
    scene.standStill(60_000);
    await scene.pass(100, { blocked: true });
    await scene.pass(500, { blocked: false });
    expect(scene.endings).toEqual([]);
    expect(scene.asked).toEqual([]);
  });

  test("keeps nothing that a store has lost or did not answer, tells, and tries again", async () => {
    const scene = new Scene();
    const [lost, kept] = [scene.lease(60_000), scene.lease(60_000)];
    scene.answer = async ([first]) => ({ lost: [first!], cancelled: [] });
    await scene.pass(500);
    expect([scene.held.keptAt(lost), scene.held.keptAt(kept)]).toEqual([undefined, instant(scene.now)]);
    scene.answer = () => Promise.reject(new Error("away"));
    await scene.pass(200);
    expect(scene.asked).toHaveLength(3);
    expect(scene.held.beat().failed).toBe(2);
  });

  test("has one call under way for a queue", async () => {
    const scene = new Scene();
    scene.lease(60_000);
    scene.answer = () => new Promise(() => {});
    await scene.pass(2 * LEASE_MS);
    expect(scene.asked).toHaveLength(1);
  });
});

describe("the span between two looks", () => {
  test("is a fifteenth of the lease, a second at most", () => {
    expect([15_000, 1_500, 600_000, 30].map(beatOf)).toEqual([1_000, 100, 1_000, 5]);
  });
});
