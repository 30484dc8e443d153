import {
  type Body,
  ClosedError,
  type DeadLetter,
  FULL_CAPABILITIES,
  type JobQuery,
  type JobView,
  ResultUnavailableError,
  TaskConfigError,
  UnsupportedError,
} from "@lexigram/contracts";
import { beforeEach, describe, expect, test } from "vitest";
import { QueueResultStore, type QueueResultStoreOptions } from "../../src/results/queue-result-store.ts";
import { ManualClock, settled } from "../memory-state/manual-clock.ts";
import { ScriptedQueue } from "./scripted-queue.ts";

let clock: ManualClock;
let scripted: ScriptedQueue;
let views: Map<string, JobView>;
let store: QueueResultStore;

const json = (value: unknown): Body => ({ data: JSON.stringify(value), encoding: "json" });

function job(id: string, fields: Partial<JobView> = {}): JobView {
  const view: JobView = {
    id,
    task: "t",
    body: json({}),
    headers: {},
    priority: 5,
    createdAt: 1_000,
    status: "completed",
    attempt: 2,
    recoveries: 0,
    deferrals: 0,
    startedAt: 1_100,
    finishedAt: 1_350,
    maxRecoveries: 3,
    redrives: 0,
    ...fields,
  };
  views.set(id, view);
  return view;
}

beforeEach(() => {
  clock = new ManualClock();
  views = new Map();
  scripted = Object.assign(new ScriptedQueue(), {
    getJob: async (id: string) => views.get(id),
    deleteJob: async (id: string) => views.delete(id),
    list: async (query: JobQuery) => ({
      items: [...views.values()].filter((v) => v.status === query.status),
    }),
    stats: async () => ({ counts: { completed: 1, failed: 2, cancelled: 3, expired: 4, running: 100 } }),
    deadLetters: {
      list: async () => ({
        items: [...views.values()]
          .filter((v) => v.status === "failed")
          .map((v) => ({ job: v }) as DeadLetter),
        cursor: "more",
      }),
    },
  });
  store = new QueueResultStore(scripted.queue, { clock });
});

describe("QueueResultStore", () => {
  test("reads how a job ended from its record", async () => {
    job("j", { result: json(0) });
    expect(await store.get("j")).toEqual({
      jobId: "j",
      status: "ok",
      value: 0,
      task: "t",
      attempt: 2,
      storedAt: 1_350,
      durationMs: 250,
    });
    job("f", { status: "failed", error: { name: "E", message: "no" } });
    expect(await store.get("f")).toMatchObject({ status: "failed", error: { message: "no" } });
    job("r", { status: "running" });
    expect(await store.get("r")).toBeUndefined();
    expect(await store.get("nothing")).toBeUndefined();
  });

  test("waits for the settle, also when the record is trimmed at once", async () => {
    scripted.add("j");
    const waiting = store.wait("j");
    await settled();
    expect((await store.getStats()).pendingWaiters).toBe(1);
    scripted.settle("j", { result: json("done") });
    expect(await waiting).toMatchObject({ jobId: "j", status: "ok", value: "done", attempt: 1 });
    expect(await store.getStats()).toMatchObject({ pendingWaiters: 0, stored: 10 });
  });

  test("tells a waiter that came too late, and answers undefined when the time is up", async () => {
    await expect(store.wait("gone")).rejects.toBeInstanceOf(ResultUnavailableError);
    scripted.add("j");
    const waiting = store.wait("j", { timeout: "2s" });
    await clock.advance(2_000);
    expect(await waiting).toBeUndefined();
  });

  test("lists by status, failures from the dead letters", async () => {
    job("a");
    job("b", { status: "failed" });
    job("c", { status: "cancelled" });
    expect((await store.listCompleted()).items.map((item) => item.jobId)).toEqual(["a"]);
    expect(await store.listFailed()).toMatchObject({
      items: [{ jobId: "b", status: "failed" }],
      cursor: "more",
    });
    expect((await store.list("cancelled")).items.map((item) => item.jobId)).toEqual(["c"]);
  });

  test("deletes what has ended and nothing else", async () => {
    job("a");
    job("b", { status: "running" });
    expect(await store.delete("a")).toBe(true);
    expect(await store.delete("a")).toBe(false);
    expect(await store.delete("b")).toBe(false);
    expect(views.has("b")).toBe(true);
  });

  test("refuses to store, and a queue without results", async () => {
    await expect(store.store()).rejects.toBeInstanceOf(UnsupportedError);
    const poor = Object.assign(new ScriptedQueue(), {
      capabilities: { ...FULL_CAPABILITIES, results: false },
    });
    expect(() => new QueueResultStore(poor.queue)).toThrow(UnsupportedError);
    const options = { decoder: 1 } as QueueResultStoreOptions;
    expect(() => new QueueResultStore(scripted.queue, options)).toThrow(TaskConfigError);
  });

  test("reads other encodings with the decoder that it is given", async () => {
    job("j", { result: { data: "xyz", encoding: "reverse" } });
    await expect(store.get("j")).rejects.toThrow(/decode/);
    const decode = (body: Body) => (body.data as string).split("").toReversed().join("");
    expect((await new QueueResultStore(scripted.queue, { clock, decode }).get("j"))?.value).toBe("zyx");
  });

  test("ends its own waits when closed, and not those of others on the queue", async () => {
    const other = new QueueResultStore(scripted.queue, { clock });
    scripted.add("j");
    const mine = store.wait("j");
    const theirs = other.wait("j");
    await settled();
    await Promise.all([expect(mine).rejects.toBeInstanceOf(ClosedError), store.close()]);
    await expect(store.get("j")).rejects.toBeInstanceOf(ClosedError);
    scripted.settle("j");
    expect((await theirs)?.status).toBe("ok");
  });
});
