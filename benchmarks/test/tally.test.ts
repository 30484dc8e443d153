import { describe, expect, test } from "vitest";
import { memoryGauge } from "../src/stores/gauge.ts";
import { loadSubject } from "../src/systems.ts";
import type { Subject } from "../src/subject.ts";
import { Tally } from "../src/tally.ts";
import { WORKLOADS } from "../src/workloads.ts";

describe("a tally", () => {
  test("waits for each job once", async () => {
    const tally = new Tally(2);
    tally.started(0);
    let over = false;
    const all = tally.all().then(() => (over = true));
    await Promise.resolve();
    expect(over).toBe(false);
    tally.started(1);
    await all;
    expect(tally.count).toBe(2);
  });

  test.each([
    ["ran twice", [0, 0, 1]],
    ["was never enqueued", [0, 7, 1]],
  ])("fails, outside the handler, for a job that %s", async (_what, starts) => {
    const tally = new Tally(2);
    for (const n of starts) tally.started(n);
    await expect(tally.all()).rejects.toThrow("1 starts too many");
  });
});

/** A system that starts its first job once more than it should, and takes what a handler throws for a failed attempt. */
function repeating(subject: Subject): Subject {
  return {
    ...subject,
    open: (options) =>
      subject.open({
        ...options,
        onStart: (n) => {
          try {
            options.onStart(n);
            if (n === 0) options.onStart(n);
          } catch {
            // A failed attempt.
          }
        },
      }),
  };
}

describe("a workload", () => {
  const workload = (id: string): (typeof WORKLOADS)[number] => {
    const found = WORKLOADS.find((one) => one.id === id);
    if (found === undefined) throw new Error(`there is no ${id}`);
    return found;
  };

  test.each(["W2", "W4", "W6", "W7"])("%s fails when a job runs twice", async (id) => {
    const plain = await loadSubject("memory/plain");
    const settings = { n: 10, concurrency: 2, gauge: memoryGauge, beside: () => Promise.resolve() };
    await expect(workload(id).run(plain, settings)).resolves.toBeTypeOf("object");
    await expect(workload(id).run(repeating(plain), settings)).rejects.toThrow("starts too many");
  });
});
