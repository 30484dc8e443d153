import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { aJob } from "@lexigram/conformance";
import { type NewJob, systemClock } from "@lexigram/contracts";
import { afterAll, beforeAll, describe, test, vi } from "vitest";
import { type RabbitServer, rabbitServer } from "../rabbit-server.ts";
import { CLAIMED, ID, inEveryWindow, LEASE_MS } from "./every-window.ts";
import { home } from "./killed-process.ts";

vi.setConfig({ testTimeout: 300_000, hookTimeout: 120_000, maxConcurrency: 4 });

const SLOW_MS = 3_000;
const holding: Pick<NewJob, "unique"> = { unique: { key: "k", until: "settled", onConflict: "reject" } };

let server: RabbitServer;

// What is published is what runs there: Node cannot run the sources.
beforeAll(async () => {
  execFileSync(join(home, "../../node_modules/.bin/tsc"), ["-b", home]);
  server = await rabbitServer();
}, 120_000);
afterAll(() => server.end());

const error = `{ name: "Error", message: "broken" }`;

describe.concurrent("a process with an index of jobs that is killed", () => {
  test("while it enqueues leaves a unique key that is free within its lease, and loses no accepted job", async ({
    expect,
  }) => {
    const job = JSON.stringify(aJob({ id: ID, ...holding }));
    const windows = await inEveryWindow(
      server,
      `const answer = await queue.enqueue(${job}); await tell(answer.ok ? "accepted" : "refused");`,
      async () => {},
      async ({ put, drained }, { told }) => {
        const deliveries = [...(await drained())];
        const since = systemClock.monotonic();
        await vi.waitFor(async () => expect(await put("next", holding)).toBe(true), {
          timeout: LEASE_MS + SLOW_MS,
          interval: 50,
        });
        expect(systemClock.monotonic() - since).toBeLessThan(LEASE_MS + SLOW_MS);
        deliveries.push(...(await drained()));
        const ids = deliveries.map((delivery) => delivery.job.id);
        expect(ids.filter((id) => id === "next")).toHaveLength(1);
        const times = ids.filter((id) => id === ID).length;
        if (told.includes("accepted")) expect(times).toBe(1);
        else expect(times).toBeLessThanOrEqual(1);
        // What was never stored does not keep its id either.
        const patience = { timeout: LEASE_MS + SLOW_MS, interval: 50 };
        if (times === 0) await vi.waitFor(async () => expect(await put(ID)).toBe(true), patience);
      },
    );
    expect(windows).toBeGreaterThanOrEqual(4);
  });

  test("while it claims and completes leaves a job that ends as completed, once", async ({ expect }) => {
    const windows = await inEveryWindow(
      server,
      `${CLAIMED} await exchange([{ receipt, kind: "complete" }]); await tell("settled");`,
      ({ put }) => put(ID, holding),
      async ({ put, drained, view }, { told }) => {
        const again = await drained();
        expect(again.length).toBeLessThanOrEqual(1);
        if (told.includes("settled")) expect(again).toEqual([]);
        if (told.includes("claimed")) for (const { recoveries } of again) expect(recoveries).toBe(1);
        expect(await view()).toMatchObject({ status: "completed", attempt: 1 });
        // Its key is free, whoever was to free it.
        expect(await put("next", holding)).toBe(true);
        expect((await drained()).map(({ job }) => job.id)).toEqual(["next"]);
      },
    );
    expect(windows).toBeGreaterThanOrEqual(5);
  });

  test("while it stores a retry leaves a job that runs again and ends", async ({ expect }) => {
    await inEveryWindow(
      server,
      `${CLAIMED}
       await exchange([{ receipt, kind: "retry", delayMs: 0, countAttempt: true, error: ${error} }]);
       await tell("settled");`,
      ({ put }) => put(ID),
      async ({ drained, view }, { told }) => {
        const again = await drained();
        // A message and the one that took its place may both be there.
        expect([1, 2]).toContain(again.length);
        if (told.includes("settled")) expect(again.map(({ attempt }) => attempt)).toEqual([2]);
        expect(await view()).toMatchObject({ status: "completed" });
      },
    );
  });

  test("while it stores a failure leaves a dead letter, or a job that runs again", async ({ expect }) => {
    await inEveryWindow(
      server,
      `${CLAIMED} await exchange([{ receipt, kind: "fail", error: ${error} }]); await tell("settled");`,
      ({ put }) => put(ID),
      async ({ queue, drained, view }, { told }) => {
        const again = await drained();
        expect(again.length).toBeLessThanOrEqual(1);
        const status = (await view())?.status;
        expect(status).toBe(again.length === 0 ? "failed" : "completed");
        if (told.includes("settled")) expect(status).toBe("failed");
        if (status === "failed")
          expect(await queue.deadLetters.get(ID)).toMatchObject({ error: { message: "broken" } });
      },
    );
  });

  test("with a job that may lose no worker leaves a dead letter", async ({ expect }) => {
    await inEveryWindow(
      server,
      `${CLAIMED} await tell("began");`,
      ({ put }) => put(ID, { maxRecoveries: 0 }),
      async ({ drained, view }, { told }) => {
        const again = await drained();
        if (told.includes("began")) expect(again).toEqual([]);
        expect(await view()).toMatchObject(
          again.length === 0
            ? { status: "failed", reason: "poison" }
            : { status: "completed", recoveries: 0 },
        );
      },
    );
  });

  test("while it cancels leaves a job that is cancelled and dropped, or runs", async ({ expect }) => {
    await inEveryWindow(
      server,
      `await tell(await queue.cancel(${JSON.stringify(ID)}));`,
      ({ put }) => put(ID, holding),
      async ({ put, drained, view }, { told }) => {
        const again = await drained();
        expect(await view()).toMatchObject({ status: again.length === 0 ? "cancelled" : "completed" });
        if (told.includes("cancelled")) expect(again).toEqual([]);
        expect(await put("next", holding)).toBe(true);
      },
    );
  });

  test("while it deletes leaves a job that is gone, or runs", async ({ expect }) => {
    await inEveryWindow(
      server,
      `await tell(String(await queue.deleteJob(${JSON.stringify(ID)})));`,
      ({ put }) => put(ID),
      async ({ put, drained, view }, { told }) => {
        const again = await drained();
        const left = await view();
        expect(left?.status).toBe(again.length === 0 ? undefined : "completed");
        if (told.includes("true")) expect(again).toEqual([]);
        // Another job under its id is another job.
        if (left === undefined) expect(await put(ID)).toBe(true);
      },
    );
  });

  test("while it redrives leaves the job in the dead letters, or pending, and it can end", async ({
    expect,
  }) => {
    await inEveryWindow(
      server,
      `await queue.deadLetters.retry(${JSON.stringify(ID)}); await tell("redriven");`,
      async ({ queue }) => {
        await queue.deadLetters.add(aJob({ id: ID }), { name: "Error", message: "by hand" });
      },
      async ({ queue, drained, view }, { told }) => {
        const first = await drained();
        if (told.includes("redriven")) expect(first).toHaveLength(1);
        if (first.length === 0) {
          expect((await queue.deadLetters.retry(ID)).ok).toBe(true);
          expect(await drained()).toHaveLength(1);
        }
        expect(await view()).toMatchObject({ status: "completed", redrives: 1 });
      },
    );
  });
});
