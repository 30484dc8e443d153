import { describe, expect, test } from "vitest";
import { DiscardTask } from "../../src/retry/control-flow.ts";
import { Workshop } from "./workshop.ts";

const trap = (): never => {
  throw new Error("trap");
};
const revoked = (): object => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
};
const hostile: [string, () => unknown][] = [
  ["a proxy that refuses to be asked", () => new Proxy({}, { getPrototypeOf: trap, get: trap })],
  ["a revoked proxy", revoked],
  ["an error whose cause throws", () => Object.defineProperty(new Error("x"), "cause", { get: trap })],
];
class Asks {
  static [Symbol.hasInstance](): boolean {
    throw new Error("trap");
  }
}

describe.each(hostile)("a handler that throws %s", (_name, make) => {
  test.each(["sync", "async"])("fails its job, and the worker goes on (%s)", async (how) => {
    const shop = new Workshop();
    const options = { maxRetries: 1, retry: { baseDelay: 10, retryOn: [TypeError], abortOn: [RangeError] } };
    shop.define("bad", () => undefined, options);
    const run = (): unknown => {
      if (how === "async") return Promise.reject(make());
      throw make();
    };
    shop.tasks.set("bad", { ...shop.tasks.get("bad")!, run } as never);
    shop.define("good", () => 1);
    await shop.start();
    const bad = await shop.enqueue("bad");
    await shop.advance(200);
    const good = await shop.enqueue("good");
    await shop.advance(200);
    expect([(await shop.job(bad)).status, (await shop.job(good)).status]).toEqual(["failed", "completed"]);
  });
});

test("a class whose instanceof throws matches nothing", async () => {
  const shop = new Workshop();
  shop.define("bad", () => Promise.reject(new Error("x")), {
    maxRetries: 1,
    retry: { baseDelay: 10, abortOn: [Asks] },
  });
  await shop.start();
  const bad = await shop.enqueue("bad");
  await shop.advance(200);
  expect((await shop.job(bad)).status).toBe("failed");
});

// An envelope is foreign data: a producer in another language, or a broken one, wrote it.
test.each([
  { deadline: "x" },
  { deadline: {} },
  { timeoutMs: {} },
  { timeoutMs: "5" },
  { maxRetries: "x" },
  { maxRetries: 1.5 },
  { backoff: { baseDelayMs: "z" } },
  { backoff: { jitter: -9 } },
  { backoff: { strategy: "no" } },
  { labels: 5 },
  5,
])("a job with the policy %j is put aside as invalid, and the worker goes on", async (policy) => {
  const shop = new Workshop();
  shop.define("t", () => undefined);
  await shop.start();
  const bad = await shop.enqueue("t", 1, { policy: policy as never });
  await shop.advance(200);
  const good = await shop.enqueue("t", 1);
  await shop.advance(200);
  const job = await shop.job(bad);
  expect([job.status, job.reason, (await shop.job(good)).status]).toEqual(["failed", "invalid", "completed"]);
});

test("headers that a handler writes on change no stored job", async () => {
  const shop = new Workshop();
  shop.define("t", (_input, ctx) => {
    try {
      (ctx.headers as Record<string, string>)["x"] = "y";
    } catch {
      // Frozen headers are as good.
    }
  });
  await shop.start();
  const id = await shop.enqueue("t", 1, { headers: { a: "b" } });
  await shop.advance(200);
  expect((await shop.job(id)).headers).toEqual({ a: "b" });
});

describe("a handler that blocks the loop", () => {
  /** A job whose handler takes 500 ms without a turn of the loop, then ends so. */
  async function blocked(end: () => unknown, options: object, fields: object = {}) {
    const shop = new Workshop();
    let jumped = 0;
    const monotonic = shop.clock.monotonic.bind(shop.clock);
    const now = shop.clock.now.bind(shop.clock);
    shop.clock.monotonic = () => monotonic() + jumped;
    shop.clock.now = () => now() + jumped;
    shop.define("t", () => undefined, { maxRetries: 0, ...options });
    const run = (): unknown => {
      jumped = 500;
      return end();
    };
    shop.tasks.set("t", { ...shop.tasks.get("t")!, run } as never);
    await shop.start();
    const id = await shop.enqueue("t", 1, fields);
    await shop.advance(200);
    return shop.job(id);
  }
  const ends: [string, () => unknown][] = [
    ["returns", () => "late"],
    ["resolves", () => Promise.resolve("late")],
    ["throws", trap],
    ["rejects", () => Promise.reject(new DiscardTask({ reason: "late" }))],
  ];

  test.each(ends)("past its time limit and then %s has timed out", async (_name, end) => {
    const job = await blocked(end, { timeout: 100 });
    expect([job.status, job.error?.code]).toEqual(["failed", "LEX_ERR_TASK_TIMEOUT"]);
  });

  test.each(ends)("past its deadline and then %s has missed it", async (_name, end) => {
    const job = await blocked(end, { deadline: 100 });
    expect([job.status, job.reason]).toEqual(["failed", "deadline"]);
  });

  test("within its time limit is done", async () => {
    expect((await blocked(() => 1, { timeout: 500, deadline: 500 })).status).toBe("completed");
  });
});

/** Runs a bad job, then a good one. @returns how they and the log look then. */
async function twoJobs(shop: Workshop, poolOptions: Parameters<Workshop["start"]>[0] = {}) {
  await shop.start(poolOptions);
  const bad = await shop.enqueue("bad");
  await shop.advance(200);
  const good = await shop.enqueue("good");
  await shop.advance(200);
  return { bad: await shop.job(bad), good: await shop.job(good) };
}

test("a middleware that cannot be composed fails the job, and the worker goes on", async () => {
  const shop = new Workshop();
  shop.define("bad", () => 1, { maxRetries: 0 });
  shop.define("good", () => 1);
  let composed = 0;
  const around = (): undefined => {
    if (++composed === 1) throw new Error("trap");
  };
  const { bad, good } = await twoJobs(shop, { pipeline: { around } as never });
  expect([bad.status, bad.reason, good.status]).toEqual(["failed", "failed", "completed"]);
});

test("a schema that answers what cannot be read fails the job as invalid, and the worker goes on", async () => {
  const shop = new Workshop();
  shop.define("bad", () => 1);
  shop.define("good", () => 1);
  const schema = { "~standard": { version: 1, vendor: "x", validate: revoked } };
  shop.tasks.set("bad", { ...shop.tasks.get("bad")!, schema } as never);
  const { bad, good } = await twoJobs(shop);
  expect([bad.status, bad.reason, good.status]).toEqual(["failed", "invalid", "completed"]);
});

test("a limit that is no number ends the job as invalid, is logged, and the worker goes on", async () => {
  const shop = new Workshop();
  shop.define("bad", () => 1);
  shop.define("good", () => 1);
  const { policy } = shop.tasks.get("bad")!;
  shop.tasks.set("bad", { ...shop.tasks.get("bad")!, policy: { ...policy, deadlineMs: NaN } });
  const { bad, good } = await twoJobs(shop);
  expect([bad.status, bad.reason, good.status]).toEqual(["failed", "invalid", "completed"]);
  expect(shop.logged("an attempt could not be handled")).toHaveLength(1);
});

test("a result whose type cannot be asked for fails the job, and the worker goes on", async () => {
  const shop = new Workshop();
  shop.define("bad", () => 1, { maxRetries: 0 });
  shop.define("good", () => 1);
  shop.tasks.set("bad", { ...shop.tasks.get("bad")!, run: revoked } as never);
  const { bad, good } = await twoJobs(shop);
  expect([bad.status, good.status]).toEqual(["failed", "completed"]);
});

test("a dashboard that throws is logged, and the worker goes on", async () => {
  const shop = new Workshop();
  shop.define("bad", () => 1);
  shop.define("good", () => 1);
  const { bad, good } = await twoJobs(shop, { services: { dashboard: { recordExecution: trap } as never } });
  expect([bad.status, good.status]).toEqual(["completed", "completed"]);
  expect(shop.logged("the outcome of a job could not be told")).toHaveLength(2);
});
