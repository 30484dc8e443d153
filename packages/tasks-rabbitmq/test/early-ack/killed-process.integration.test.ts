import { execFileSync } from "node:child_process";
import { join } from "node:path";
import type { Delivery } from "@lexigram/contracts";
import { afterAll, beforeAll, describe, test, vi } from "vitest";
import { type Bench, CLAIMED, ID, inEveryWindow } from "../job-index/every-window.ts";
import { home, runErrand } from "../job-index/killed-process.ts";
import { type RabbitServer, rabbitServer } from "../rabbit-server.ts";

vi.setConfig({ testTimeout: 600_000, hookTimeout: 120_000, maxConcurrency: 2 });

/** A delivery is acknowledged when it was held for half of this. */
const ACK_TIMEOUT_MS = 400;
/** The first calls of the store are those of any claim. */
const CLAIM_CALLS = 3;
const NEVER = { call: Infinity, when: "before" } as const;

let server: RabbitServer;

// What is published is what runs there: Node cannot run the sources.
beforeAll(async () => {
  execFileSync(join(home, "../../node_modules/.bin/tsc"), ["-b", home]);
  server = await rabbitServer();
}, 120_000);
afterAll(() => server.end());

const kept = `
  ${CLAIMED}
  await kept;
  await tell("kept");
`;
const error = `{ name: "Error", message: "broken" }`;
const errand = (work: string) => ({ work, ackTimeoutMs: ACK_TIMEOUT_MS });
const settling = (settlement: string) =>
  errand(`${kept} await exchange([{ receipt, ${settlement} }]); await tell("settled");`);

async function leases({ state }: Bench): Promise<readonly string[]> {
  return (await state.list("")).items.map(({ key }) => key).filter((key) => key.includes("/lease/"));
}

/** Ends the leases of who is dead, and completes what comes until nothing is left. */
async function ended(bench: Bench): Promise<readonly Delivery[]> {
  const { state, session, queue } = bench;
  const all: Delivery[] = [];
  // Less than what a record has left when its lease is over.
  for (const key of await leases(bench)) await state.touch(key, { ttlMs: 3_600_000 });
  for (;;) {
    const { deliveries } = await session.exchange({ slots: 10 });
    all.push(...deliveries);
    const settle = deliveries.map(({ receipt }) => ({ receipt, kind: "complete" }) as const);
    if (settle.length > 0) await session.exchange({ settle });
    else if ((await leases(bench)).length > 0) await queue.waitForWork(100, AbortSignal.any([]));
    else if ((await queue.getTaskCount()) === 0 && (await queue.count("scheduled")) === 0) return all;
  }
}

describe.concurrent("a process that acknowledged early and is killed", () => {
  test("while it completes leaves a job that ends as completed, once", async ({ expect }) => {
    const windows = await inEveryWindow(
      server,
      settling(`kind: "complete"`),
      ({ put }) => put(ID),
      async (bench, { told }) => {
        const again = await ended(bench);
        expect(again.length).toBeLessThanOrEqual(1);
        if (told.includes("settled")) expect(again).toEqual([]);
        if (told.includes("claimed")) for (const { recoveries } of again) expect(recoveries).toBe(1);
        expect(await bench.view()).toMatchObject({ status: "completed", attempt: 1 });
      },
      CLAIM_CALLS,
    );
    expect(windows).toBeGreaterThanOrEqual(13);
  });

  test("while it hands back leaves a job that runs", async ({ expect }) => {
    await inEveryWindow(
      server,
      settling(`kind: "release", delayMs: 0`),
      ({ put }) => put(ID),
      async (bench, { told }) => {
        const again = await ended(bench);
        // Its message may have been stored by who died, and by who found its lease.
        expect([1, 2]).toContain(again.length);
        if (told.includes("settled")) expect(again.map(({ recoveries }) => recoveries)).toEqual([0]);
        expect(await bench.view()).toMatchObject({ status: "completed" });
      },
      CLAIM_CALLS,
    );
  });

  test("while it stores a retry leaves a job that runs again and ends", async ({ expect }) => {
    await inEveryWindow(
      server,
      settling(`kind: "retry", delayMs: 0, countAttempt: true, error: ${error}`),
      ({ put }) => put(ID),
      async (bench, { told }) => {
        const again = await ended(bench);
        expect([1, 2]).toContain(again.length);
        if (told.includes("settled")) expect(again.map(({ attempt }) => attempt)).toEqual([2]);
        expect(await bench.view()).toMatchObject({ status: "completed" });
      },
      CLAIM_CALLS,
    );
  });

  test("while it stores a failure leaves a dead letter, or a job that runs again", async ({ expect }) => {
    await inEveryWindow(
      server,
      settling(`kind: "fail", error: ${error}`),
      ({ put }) => put(ID),
      async (bench, { told }) => {
        const again = await ended(bench);
        expect(again.length).toBeLessThanOrEqual(1);
        const status = (await bench.view())?.status;
        expect(status).toBe(again.length === 0 ? "failed" : "completed");
        if (told.includes("settled")) expect(status).toBe("failed");
        if (status === "failed")
          expect(await bench.queue.deadLetters.get(ID)).toMatchObject({ error: { message: "broken" } });
      },
      CLAIM_CALLS,
    );
  });

  test("with a job that may lose no worker leaves a dead letter", async ({ expect }) => {
    await inEveryWindow(
      server,
      errand(kept),
      ({ put }) => put(ID, { maxRecoveries: 0 }),
      async (bench, { told }) => {
        const again = await ended(bench);
        if (told.includes("claimed")) expect(again).toEqual([]);
        const poisoned = { status: "failed", reason: "poison" };
        expect(await bench.view()).toMatchObject(again.length === 0 ? poisoned : { status: "completed" });
      },
      CLAIM_CALLS,
    );
  });

  test("while it stores the job of another that died leaves a job that runs again and ends", async ({
    expect,
  }) => {
    const windows = await inEveryWindow(
      server,
      errand(`
        ${CLAIMED}
        await exchange([{ receipt, kind: "complete" }]); await tell("settled");`),
      async (bench) => {
        await bench.put(ID);
        await runErrand(bench.errand(kept, { ackTimeoutMs: ACK_TIMEOUT_MS }), bench.state, NEVER);
        expect(await leases(bench)).toHaveLength(1);
        for (const key of await leases(bench)) await bench.state.touch(key, { ttlMs: 3_600_000 });
      },
      async (bench, { told }) => {
        const again = await ended(bench);
        expect(again.length).toBeLessThanOrEqual(2);
        if (told.includes("settled")) expect(again).toEqual([]);
        for (const { recoveries } of again) expect([1, 2]).toContain(recoveries);
        expect(await bench.view()).toMatchObject({ status: "completed", attempt: 1 });
      },
    );
    expect(windows).toBeGreaterThanOrEqual(12);
  });
});
