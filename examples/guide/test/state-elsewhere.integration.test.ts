import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { on, once } from "node:events";
import { fileURLToPath } from "node:url";
import { uniqueName } from "@lexigram/conformance";
import type { TaskBackend } from "@lexigram/contracts";
import { Application } from "@lexigram/kernel";
import { privatePgBouncer, sharedServers } from "@lexigram/services";
import { task, TaskDispatcher, TasksModule } from "@lexigram/tasks";
import { redisBackend } from "@lexigram/tasks-redis";
import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const LEASE_MS = 6_000;
const home = fileURLToPath(new URL("..", import.meta.url));

/** A backend whose queues keep no results, as some stores cannot. Its text runs in both processes. */
function withoutResults(backend: TaskBackend): TaskBackend {
  return {
    ...backend,
    queue(name, options) {
      const queue = backend.queue(name, options);
      const refused = () => Promise.reject(new Error("this queue keeps no results"));
      return Object.defineProperties(queue, {
        capabilities: { value: { ...queue.capabilities, results: false } },
        results: { value: refused },
        onSettled: { value: refused },
      });
    },
  };
}

/** A worker process on a queue in Redis that keeps no results of its own, and whose state lies in PostgreSQL. */
const program = `
  import { once } from "node:events";
  import { Application } from "@lexigram/kernel";
  import { task, TasksModule } from "@lexigram/tasks";
  import { redisBackend } from "@lexigram/tasks-redis";
  const { redis, postgres, lease } = JSON.parse(process.argv[1]);
  process.once("disconnect", () => process.exit(1));
  const withoutResults = ${withoutResults.toString()};
  const tasks = [
    task({ name: "pid" }, async () => process.pid),
    task({ name: "steps" }, async (ctx) => {
      await ctx.progress.update(1, 3);
      await once(process, "message");
      await ctx.progress.update(2, 3);
      await once(process, "message");
    }),
    task({ name: "long" }, async ({ signal }) => {
      const aborted = once(signal, "abort");
      process.send("started");
      await aborted;
      process.send("aborted");
      throw signal.reason;
    }),
  ];
  const work = { name: "work", backend: withoutResults(redisBackend(redis)), state: "pg" };
  await Application.boot({
    modules: [
      TasksModule.configure({ backends: [work, postgres], config: { worker: { lease } } }),
      TasksModule.scope(...tasks),
    ],
    config: { logging: { level: "error" } },
  });
  process.send("ready");
`;

/** The tasks as a producer knows them. */
const known = { pid: task({ name: "pid" }), steps: task({ name: "steps" }), long: task({ name: "long" }) };

/** A process that works on the queue, once it does. */
async function started(settings: object) {
  const child = spawn(process.execPath, ["--input-type=module", "-e", program, JSON.stringify(settings)], {
    cwd: home,
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  const messages = on(child, "message")[Symbol.asyncIterator]();
  const told = async (what: string): Promise<void> => {
    for (;;) if (((await messages.next()) as { value: [string] }).value[0] === what) return;
  };
  await told("ready");
  return { child, told };
}

async function ended(child: ChildProcess): Promise<void> {
  const exit = once(child, "exit");
  child.kill("SIGKILL");
  await exit;
}

/** Ends every connection that listens under a name, twenty times a second, until it is told to stop. */
function cutting(owner: Client, application: string): () => Promise<void> {
  let going = true;
  const listening = "application_name = $1 AND query LIKE '%LISTEN%'";
  const cuts = (async () => {
    while (going) {
      await owner.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE ${listening}`, [
        application,
      ]);
      await owner.query("SELECT pg_sleep(0.05)");
    }
  })();
  return () => {
    going = false;
    return cuts;
  };
}

/** A third of the lease tells of a cancellation that no message did; the rest is what a busy machine takes. */
const BY_LEASE_MS = LEASE_MS / 3 + 500;

describe.each([
  { how: "that tells its news", cancelledWithinMs: 1_000 },
  { how: "behind a pooler", cancelledWithinMs: 1_000, pooled: true },
  { how: "whose listeners are cut off again and again", cancelledWithinMs: BY_LEASE_MS, cut: true },
])("a queue on Redis with its state on PostgreSQL $how", { timeout: 60_000 }, (mode) => {
  const { pooled = false, cut = false, cancelledWithinMs } = mode;
  const schema = uniqueName("elsewhere")
    .toLowerCase()
    .replaceAll(/[^a-z0-9]/g, "_");
  const owner = new Client(sharedServers.postgres);
  const ends: (() => unknown)[] = [];
  let tasks: TaskDispatcher;
  let worker: Awaited<ReturnType<typeof started>>;

  beforeAll(async () => {
    // What is published is what runs in the worker: Node cannot run the sources.
    execFileSync(`${home}/../../node_modules/.bin/tsc`, ["-b", home]);
    await owner.connect();
    await owner.query("SET client_min_messages = warning");
    ends.push(async () => {
      await owner.query(`DROP SCHEMA IF EXISTS "${schema}" CASCADE`);
      await owner.end();
    });
    const pooler = pooled ? await privatePgBouncer(sharedServers.postgres) : undefined;
    ends.push(() => pooler?.stop());
    const dsn = new URL(pooler?.url ?? sharedServers.postgres);
    if (!pooled) dsn.searchParams.set("application_name", schema);
    const redis = { url: sharedServers.redis, namespace: schema };
    const postgres = { name: "pg", type: "postgres", postgresDsn: dsn.href, extra: { schema } };

    worker = await started({ redis, postgres, lease: LEASE_MS });
    ends.push(() => ended(worker.child));
    const work = { name: "work", backend: withoutResults(redisBackend(redis)), state: "pg" };
    const app = await Application.boot({
      modules: [TasksModule.configure({ workerCount: 0, backends: [work, postgres] })],
      config: { logging: { level: "error" } },
    });
    ends.push(() => app.close());
    tasks = app.get(TaskDispatcher);
    if (cut) ends.push(cutting(owner, schema));
  });
  afterAll(async () => {
    for (const end of ends.toReversed()) await end();
  });

  test("hands results from one process to the other", async () => {
    const handles = await Promise.all([tasks.enqueue(known.pid), tasks.enqueue(known.pid)]);
    for (const handle of handles) expect(await handle.result({ timeout: "10s" })).toBe(worker.child.pid);
  });

  test("shows progress while it is made", async () => {
    const handle = await tasks.enqueue(known.steps);
    const seen: (number | undefined)[] = [];
    for await (const { current } of handle.progress) {
      seen.push(current);
      // The handler waits to be told, so each is seen before the next is made.
      if (current === 1 || current === 2) worker.child.send("on");
    }
    expect(seen).toEqual(expect.arrayContaining([1, 2]));
    await handle.result({ timeout: "10s" });
  });

  test("cancels what the other process runs", async () => {
    const handle = await tasks.enqueue(known.long);
    await worker.told("started");
    const since = performance.now();
    expect(await handle.cancel()).toBe("requested");
    await worker.told("aborted");
    expect(performance.now() - since).toBeLessThan(cancelledWithinMs);
    await expect(handle.result({ timeout: "10s" })).rejects.toMatchObject({ code: "LEX_ERR_TASK_CANCELLED" });
  });

  test("keeps all of this in PostgreSQL", async () => {
    const { rows } = await owner.query(
      `SELECT DISTINCT split_part(key, ':', 1) AS kind FROM "${schema}".state_entry`,
    );
    expect(rows.map(({ kind }) => kind)).toEqual(expect.arrayContaining(["progress", "result"]));
  });
});
