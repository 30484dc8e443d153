import { execFileSync, spawn } from "node:child_process";
import { on, once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ProgressSnapshot } from "@lexigram/contracts";
import { Application } from "@lexigram/kernel";
import { sharedServers } from "@lexigram/services";
import { type NamedBackendOptions, task, TaskDispatcher, TasksModule } from "@lexigram/tasks";
import { Client } from "pg";
import { beforeAll, beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { ownSchema } from "./state/postgres-state-harness.ts";

const LEASE_MS = 1_000;
const home = fileURLToPath(new URL("..", import.meta.url));

/** A worker process. It tells its parent what its handlers do, and goes on when it is told. */
const program = `
  import { once } from "node:events";
  import { Application } from "@lexigram/kernel";
  import { task, TasksModule } from "@lexigram/tasks";
  const { entry, lease, hangs } = JSON.parse(process.argv[1]);
  process.once("disconnect", () => process.exit(1));
  const tell = (what, ctx) => process.send({ what, id: ctx.job.id, attempt: ctx.attempt });
  const pid = async () => process.pid;
  const tasks = [
    task({ name: "pid" }, pid),
    task({ name: "forever", resultTtl: null }, pid),
    task({ name: "flaky", maxRetries: 2, retry: { baseDelay: "200ms" } }, async (ctx) => {
      tell("ran", ctx);
      if (ctx.attempt === 1) throw new Error("not yet");
      return process.pid;
    }),
    task({ name: "steps" }, async (ctx) => {
      await ctx.progress.update(1, 3);
      await once(process, "message");
      await ctx.progress.update(2, 3);
      await once(process, "message");
    }),
    task({ name: "long" }, async (ctx) => {
      const { signal } = ctx;
      const aborted = once(signal, "abort");
      tell("started", ctx);
      await aborted;
      tell("aborted", ctx);
      throw signal.reason;
    }),
    task({ name: "fatal" }, async (ctx) => {
      tell("started", ctx);
      if (hangs) await new Promise(() => {});
      return process.pid;
    }),
  ];
  await Application.boot({
    modules: [
      TasksModule.configure({ backends: [entry], config: { worker: { lease } } }),
      TasksModule.scope(...tasks),
    ],
    config: { logging: { level: "error" } },
  });
  process.send({ what: "ready" });
`;

/** The tasks as a producer knows them. */
const known = {
  pid: task({ name: "pid" }),
  forever: task({ name: "forever", resultTtl: null }),
  flaky: task({ name: "flaky", maxRetries: 2, retry: { baseDelay: "200ms" } }),
  steps: task({ name: "steps" }),
  long: task({ name: "long" }),
  fatal: task({ name: "fatal" }),
};

interface Told {
  readonly what: string;
  readonly id?: string;
  readonly attempt?: number;
}

let entry: NamedBackendOptions;

// What is published is what runs there: Node cannot run the sources.
beforeAll(() => {
  execFileSync(join(home, "../../node_modules/.bin/tsc"), ["-b", home, join(home, "../tasks")]);
});
beforeEach(() => {
  const { name: schema } = ownSchema("processes");
  entry = {
    name: "work",
    type: "postgres",
    postgresDsn: sharedServers.postgres,
    extra: { schema },
    keepCompleted: { count: 2 },
  };
  // What is registered first runs last, after the processes that use it have gone.
  onTestFinished(async () => {
    const owner = new Client(sharedServers.postgres);
    await owner.connect();
    await owner.query("SET client_min_messages = warning");
    await owner.query(`DROP SCHEMA IF EXISTS "${schema}" CASCADE`);
    await owner.end();
  });
});

/** A process that works on the queue. */
async function worker({ hangs = false } = {}) {
  const settings = JSON.stringify({ entry, lease: LEASE_MS, hangs });
  const child = spawn(process.execPath, ["--input-type=module", "-e", program, settings], {
    cwd: home,
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  const exit = once(child, "exit");
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await exit;
  });
  const messages = on(child, "message")[Symbol.asyncIterator]();
  const told = async (what: string): Promise<Told> => {
    for (;;) {
      const { value } = (await messages.next()) as { value: [Told] };
      if (value[0].what === what) return value[0];
    }
  };
  await told("ready");
  return { child, exit, told };
}

/** This process, which only enqueues. */
async function producer(): Promise<TaskDispatcher> {
  const app = await Application.boot({
    modules: [TasksModule.configure({ workerCount: 0, backends: [entry] })],
    config: { logging: { level: "error" } },
  });
  onTestFinished(() => app.stop());
  return app.get(TaskDispatcher);
}

describe("two processes on one queue", { timeout: 60_000 }, () => {
  test("hand a result from one to the other", async () => {
    const [tasks, { child }] = await Promise.all([producer(), worker()]);
    const handle = await tasks.enqueue(known.pid);
    expect(await handle.result({ timeout: "10s" })).toBe(child.pid);
  });

  test("keep a result without a time limit when others are trimmed", async () => {
    const [tasks, { child }] = await Promise.all([producer(), worker()]);
    const kept = await tasks.enqueue(known.forever);
    expect(await kept.result({ timeout: "10s" })).toBe(child.pid);
    // Nobody waits for them, so nothing but their number keeps them.
    const others = await Promise.all(Array.from({ length: 6 }, () => tasks.enqueue(known.pid)));
    await vi.waitFor(async () => {
      const stand = await Promise.all(others.map((other) => other.status()));
      expect(stand.toSorted()).toEqual([
        "completed",
        "completed",
        "unknown",
        "unknown",
        "unknown",
        "unknown",
      ]);
    }, 10_000);
    expect(await kept.result({ timeout: "10s" })).toBe(child.pid);
    expect(await kept.status()).toBe("completed");
  });

  test("show progress while it is made", async () => {
    const [tasks, { child }] = await Promise.all([producer(), worker()]);
    const handle = await tasks.enqueue(known.steps);
    const seen: ProgressSnapshot[] = [];
    for await (const snapshot of handle.progress) {
      seen.push(snapshot);
      // The handler waits to be told, so each is seen before the next is made.
      if (snapshot.current === 1 || snapshot.current === 2) child.send("on");
    }
    expect(seen.map(({ current, total }) => [current, total])).toEqual(
      expect.arrayContaining([
        [1, 3],
        [2, 3],
      ]),
    );
    await handle.result({ timeout: "10s" });
  });

  test("cancel what the other runs within a second", async () => {
    const [tasks, { told }] = await Promise.all([producer(), worker()]);
    const handle = await tasks.enqueue(known.long);
    expect((await told("started")).id).toBe(handle.id);
    const since = performance.now();
    expect(await handle.cancel()).toBe("requested");
    expect((await told("aborted")).id).toBe(handle.id);
    expect(performance.now() - since).toBeLessThan(1_000);
    await expect(handle.result({ timeout: "10s" })).rejects.toMatchObject({ code: "LEX_ERR_TASK_CANCELLED" });
  });

  test("run a retry when it is due", async () => {
    const [tasks, { child, told }] = await Promise.all([producer(), worker()]);
    const handle = await tasks.enqueue(known.flaky);
    expect((await told("ran")).attempt).toBe(1);
    expect((await told("ran")).attempt).toBe(2);
    expect(await handle.result({ timeout: "10s" })).toBe(child.pid);
    expect(await handle.job()).toMatchObject({ attempt: 2, recoveries: 0 });
  });

  test("take over what a killed process ran, within its lease and a second", async () => {
    const [tasks, victim] = await Promise.all([producer(), worker({ hangs: true })]);
    const handle = await tasks.enqueue(known.fatal);
    await victim.told("started");
    const heir = await worker();
    victim.child.kill("SIGKILL");
    const since = performance.now();
    expect((await heir.told("started")).id).toBe(handle.id);
    expect(performance.now() - since).toBeLessThan(LEASE_MS + 1_000);
    await victim.exit;
    expect(await handle.result({ timeout: "10s" })).toBe(heir.child.pid);
    expect(await handle.job()).toMatchObject({ attempt: 1, recoveries: 1 });
  });
});
