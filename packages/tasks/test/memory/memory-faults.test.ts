import { QueueUnavailableError } from "@lexigram/contracts";
import { describe, expect, test } from "vitest";
import type { FaultVerdict, MemoryFaults } from "../../src/memory/memory-faults.ts";
import { Bench, job } from "./jobs.ts";

function scripted(...verdicts: FaultVerdict[]): MemoryFaults {
  return { onCall: () => verdicts.shift() ?? "apply" };
}

describe("faults of a memory backend", () => {
  test("refuse a call without applying it", async () => {
    const bench = new Bench({ faults: scripted("refuse") });
    const error = await bench.put(job()).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(QueueUnavailableError);
    expect((error as QueueUnavailableError).fields).toMatchObject({ retryable: true, accepted: "no" });
    expect(await bench.queue.count()).toBe(0);
  });

  test("lose the reply of a call that was applied, and a resend is answered", async () => {
    const bench = new Bench({ faults: scripted("lose-reply") });
    const jobs = [job({ id: "once" })];
    const call = { session: "s", seq: 1 };
    const error = await bench.queue.enqueueMany(jobs, call).catch((thrown: unknown) => thrown);
    expect((error as QueueUnavailableError).fields).toMatchObject({ accepted: "unknown", ids: ["once"] });
    expect(await bench.queue.enqueueMany(jobs, call)).toEqual([
      { ok: true, value: { id: "once", outcome: "accepted" } },
    ]);
    expect(await bench.queue.count()).toBe(1);
  });

  test("delay a call until their promise is kept", async () => {
    let decide: ((verdict: FaultVerdict) => void) | undefined;
    const verdict = new Promise<FaultVerdict>((resolve) => (decide = resolve));
    const names: string[] = [];
    const bench = new Bench({
      faults: {
        onCall(name) {
          names.push(name);
          return names.length === 1 ? verdict : "apply";
        },
      },
    });
    const put = bench.put(job());
    expect(await bench.queue.count()).toBe(0);
    decide?.("apply");
    await put;
    expect(await bench.queue.count()).toBe(1);
    expect(names).toEqual(["enqueueMany", "count", "count"]);
  });

  test("choose among the jobs that may start, and no others", async () => {
    const asked: number[] = [];
    const bench = new Bench({
      faults: {
        pick(n) {
          asked.push(n);
          return n - 1;
        },
      },
    });
    await bench.put(...["a", "b", "c"].map((id) => job({ id })), job({ id: "low", priority: 0 }));
    expect(await bench.claimIds(4)).toEqual(["c", "b", "a", "low"]);
    expect(asked).toEqual([3, 2, 1, 1]);
  });

  test("choose among the keys that may start", async () => {
    const bench = new Bench({ faults: { pick: (n) => n - 1 } });
    await bench.queue.setPolicy({ perKey: { concurrency: 1 } });
    await bench.put(...["k1", "k1", "k2"].map((key, i) => job({ id: `${key}-${i}`, key })));
    expect(await bench.claimIds(3)).toEqual(["k2-2", "k1-0"]);
  });
});
