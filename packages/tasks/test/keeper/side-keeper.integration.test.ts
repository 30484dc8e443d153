import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Logger, Receipt, TaskBackend } from "@lexigram/contracts";
import { systemClock } from "@lexigram/contracts";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { NO_PLACE } from "../../src/keeper/held-leases.ts";
import { type BlockReport, type KeptLease, SideKeeper } from "../../src/keeper/side-keeper.ts";
import { Head } from "../../src/keeper/lease-board.ts";
import { memoryBackend } from "../../src/memory/memory-backend.ts";

const home = fileURLToPath(new URL("../..", import.meta.url));
const LEASE_MS = 600;

// The thread runs what is published: Node cannot run the sources.
beforeAll(() => {
  execFileSync(join(home, "../../node_modules/.bin/tsc"), ["-b", home]);
}, 600_000);

interface Line {
  readonly level: keyof Logger;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** A keeper whose backend writes what it is asked into memory. */
function scene(keeper?: TaskBackend["keeper"]) {
  const memory = new SharedArrayBuffer(16);
  const numbers = new Int32Array(memory);
  const lines: Line[] = [];
  const told =
    (level: keyof Logger): Logger["info"] =>
    (message, fields = {}) =>
      void lines.push({ level, message, fields });
  const reports: BlockReport[] = [];
  const side = new SideKeeper({
    leaseMs: LEASE_MS,
    defaultTimeoutMs: 60_000,
    graceMs: 0,
    exits: false,
    clock: systemClock,
    logger: { debug: told("debug"), info: told("info"), warn: told("warn"), error: told("error") },
    onBlocked: (report) => void reports.push(report),
  });
  onTestFinished(() => side.stop());
  const backend: TaskBackend = {
    ...memoryBackend(),
    type: "odd",
    keeper: () => ({ module: new URL("extender-fixture.mjs", import.meta.url).href, data: memory }),
    ...(keeper === undefined ? {} : { keeper }),
  };
  return { side, backend, numbers, lines, reports };
}

const lease = (id: string): KeptLease => ({
  receipt: `1.${id}` as Receipt,
  jobId: id,
  taskName: "hog",
  leaseSentAt: systemClock.monotonic(),
  place: NO_PLACE,
});

function block(ms: number): void {
  for (const end = performance.now() + ms; performance.now() < end;);
}

/** Waits until something is so, while the loop turns. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve));
}

describe("a thread beside the loop", () => {
  test("renews while the loop stands still, from the first moment on, and says who did it", async () => {
    const { side, backend, numbers, reports } = scene();
    const leases = side.join({ name: "work", storeName: "work", backend })!;
    const [mine, other] = [lease("j1"), lease("j2")];
    for (const one of [mine, other]) leases.add(one);
    leases.runsUntil(mine, systemClock.monotonic() + 60_000, systemClock.monotonic());
    // A thread that has not begun yet must find what was written before.
    leases.run(mine, () => block(4 * LEASE_MS));
    const now = systemClock.monotonic();
    for (const one of [mine, other]) {
      expect(leases.latest(one, now)).toBeGreaterThan(one.leaseSentAt + 2 * LEASE_MS);
      expect(leases.latest(one, now)).toBeLessThan(now);
    }
    expect(Atomics.load(numbers, 0)).toBeGreaterThanOrEqual(4);
    await until(() => reports.length > 0);
    expect(reports[0]).toMatchObject({ culprit: { taskName: "hog", jobId: "j1" }, leases: "kept" });
  });

  test("asks nobody while the loop turns, and ends with its connections", async () => {
    const { side, backend, numbers } = scene();
    const leases = side.join({ name: "work", storeName: "work", backend })!;
    leases.add(lease("j1"));
    // Three leases.
    await until(() => Atomics.load(side.held.head, Head.Beats) >= 45 && Atomics.load(numbers, 3) === 1);
    expect(Atomics.load(numbers, 0)).toBe(0);
    await side.stop();
    expect(Atomics.load(numbers, 1)).toBe(1);
    await side.stop();
  });

  test("that dies is said, and replaced by one that knows the leases", async () => {
    const { side, backend, numbers, lines } = scene();
    const leases = side.join({ name: "work", storeName: "work", backend })!;
    const held = lease("j1");
    leases.add(held);
    Atomics.store(numbers, 2, 1);
    block(2 * LEASE_MS);
    await until(() => lines.some(({ message }) => message.includes("is started again")));
    Atomics.store(numbers, 2, 0);
    await until(() => Atomics.load(numbers, 3) === 2);
    block(2 * LEASE_MS);
    expect(Atomics.load(numbers, 0)).toBeGreaterThan(0);
    expect(leases.latest(held, systemClock.monotonic())).toBeGreaterThan(held.leaseSentAt + LEASE_MS);
  });

  test("whose backend cannot be imported says so without its data, and the leases are at risk", async () => {
    const { side, backend, lines, reports } = scene(() => ({
      module: "file:///nowhere.mjs",
      data: "redis://:pw@h",
    }));
    side.join({ name: "work", storeName: "work", backend })!.add(lease("j1"));
    await until(() => lines.some(({ level }) => level === "warn"));
    expect(lines[0]?.message).toContain("its thread cannot");
    expect(JSON.stringify(lines)).not.toContain("pw");
    block(2 * LEASE_MS);
    // A busy machine may make the loop stand still a moment before.
    await until(() => reports.some(({ blockedMs }) => blockedMs > LEASE_MS));
    expect(reports.at(-1)?.leases).toBe("at-risk");
  });

  test("is not there for a backend without a keeper, which is said once", () => {
    const { side, backend, lines } = scene();
    const without: TaskBackend = { ...memoryBackend(), type: backend.type };
    expect(side.join({ name: "a", storeName: "a", backend: without })).toBeUndefined();
    expect(side.join({ name: "b", storeName: "b", backend: without })).toBeUndefined();
    expect(lines.map(({ level, fields }) => [level, fields])).toEqual([
      ["info", { queue: "a", backend: "odd" }],
    ]);
    expect(side.join({ name: "c", storeName: "c", backend: memoryBackend() })).toBeUndefined();
    expect(lines).toHaveLength(1);
    expect(side.watches).toBe(false);
  });

  test("is not started for data that cannot be copied, which is said", () => {
    const { side, backend, lines } = scene(() => ({ module: "x", data: () => 1 }));
    expect(side.join({ name: "a", storeName: "a", backend })).toBeUndefined();
    expect(lines).toHaveLength(1);
    expect(lines[0]?.message).toBe("leases are not renewed while the event loop is blocked");
  });
});
