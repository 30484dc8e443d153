import { describe, expect, test, vi } from "vitest";
import { Lane } from "../../src/memory/lane.ts";
import { Bench, job } from "./jobs.ts";

async function chainOf(n: number): Promise<Bench> {
  const bench = new Bench();
  await bench.put(job({ id: "root" }));
  await bench.put(...Array.from({ length: n }, (_, i) => job({ id: `d${i}`, dependsOn: ["root"] })));
  return bench;
}

describe("what follows from the end of a job", () => {
  test("is done for at most 200 others in one exchange, which says that more is due", async () => {
    const bench = await chainOf(500);
    const [root] = await bench.claim(1);
    const { nextDueInMs } = await bench.complete(root!);
    expect(nextDueInMs).toBe(0);
    const waiting: number[] = [];
    for (let i = 0; i < 3; i++) {
      const { counts } = await bench.queue.stats();
      waiting.push(counts.waiting);
    }
    expect(waiting).toEqual([100, 0, 0]);
  });

  test("goes on by itself when nobody calls", async () => {
    const bench = await chainOf(1_000);
    const all = Array.from({ length: 1_000 }, (_, i) => `d${i}`);
    const reader = bench.queue.onSettled(all, new AbortController().signal)[Symbol.asyncIterator]();
    await bench.queue.cancel("root");
    await bench.clock.advance(0);
    const ended = new Set<string>();
    for (let i = 0; i < 1_000; i++) ended.add((await reader.next()).value as string);
    expect(ended.size).toBe(1_000);
    expect(bench.clock.pendingTimers).toBe(0);
  });

  test("wakes who waits for the work it sets free", async () => {
    const bench = await chainOf(300);
    const [root] = await bench.claim(1);
    const woken = bench.queue.waitForWork(60_000, new AbortController().signal);
    await bench.complete(root!);
    await expect(woken).resolves.toBe(undefined);
  });
});

describe("a claim", () => {
  async function looksFor(blocked: number): Promise<number> {
    const bench = await Bench.withPolicy({
      perKey: { concurrency: 1 },
      perTask: { slow: { concurrency: 1 } },
    });
    await bench.put(...Array.from({ length: blocked }, (_, i) => job({ key: `k${i % 50}` })));
    await bench.put(...Array.from({ length: blocked }, () => job({ task: "slow" })));
    await bench.claim(100);
    await bench.put(job({ id: "free" }));
    const look = vi.spyOn(Lane.prototype, "first", "get");
    expect(await bench.claimIds(1)).toEqual(["free"]);
    const looks = look.mock.calls.length;
    look.mockRestore();
    return looks;
  }

  test("looks at no job that a limit of its key or task holds back", async () => {
    expect(await looksFor(10_000)).toBe(await looksFor(100));
  });
});

describe("a listing by a filter that matches little", () => {
  test("gives pages that may be empty, and comes to its end", async () => {
    const bench = new Bench();
    const many = Array.from({ length: 6_000 }, () => job());
    await bench.put(...many, job({ id: "rare", task: "rare" }));
    const first = await bench.queue.list({ status: "pending", task: "rare", limit: 10 });
    expect(first.items).toEqual([]);
    const second = await bench.queue.list({
      status: "pending",
      task: "rare",
      limit: 10,
      cursor: first.cursor ?? "",
    });
    expect(second.items.map(({ id }) => id)).toEqual(["rare"]);
    expect(second.cursor).toBe(undefined);
  });
});
