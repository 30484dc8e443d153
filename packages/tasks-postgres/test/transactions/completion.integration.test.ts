import { LeaseLostError, type QueueUnavailableError } from "@lexigram/contracts";
import { TcpProxy } from "@lexigram/services";
import { task, type TaskContext, type TaskDispatcher, type TaskHandle } from "@lexigram/tasks";
import type { PoolClient } from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ending } from "../connection/opened.ts";
import { behindPooler, type PostgresServer, sharedPostgres } from "../postgres-server.ts";
import { Gate, Shop, type ShopOptions } from "./shop.ts";

type Work = (client: PoolClient) => Promise<unknown>;

const failure = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => "no failure",
    (error: unknown) => error,
  );

/** Does something when a client is about to be told to commit. */
function beforeCommit(client: PoolClient, act: () => Promise<void> | void): void {
  const query = client.query.bind(client) as (...args: unknown[]) => unknown;
  client.query = (async (...args: unknown[]) => {
    if (args[0] === "COMMIT") await act();
    return query(...args);
  }) as never;
}

describe.each([
  ["", sharedPostgres],
  [" behind a pooler", behindPooler],
])("ctx.transaction%s", { timeout: 60_000 }, (_how, making) => {
  let server: PostgresServer;
  let shop: Shop;
  beforeAll(async () => {
    server = await making();
  });
  afterAll(() => server.end());

  /** Runs one job of a handler. */
  async function running(
    handler: (ctx: TaskContext) => unknown,
    options: ShopOptions & { maxRetries?: number; timeout?: "300ms" } = {},
  ): Promise<{ tasks: TaskDispatcher; handle: TaskHandle<unknown> }> {
    const { maxRetries = 0, timeout, ...given } = options;
    shop = await Shop.open(server);
    const job = task(
      {
        name: "job",
        maxRetries,
        retry: { baseDelay: "50ms" },
        ...(timeout === undefined ? {} : { timeout }),
      },
      async (ctx) => handler(ctx),
    );
    const tasks = await shop.app([job], given);
    return { tasks, handle: await tasks.enqueue(job) };
  }

  /** How the job ended, and what was written meanwhile. */
  async function end(handle: TaskHandle<unknown>): Promise<readonly [status: string, notes: string[]]> {
    await failure(handle.result({ timeout: "30s" }));
    return [await handle.status(), await shop.notes(handle.id)];
  }

  const writing =
    (ctx: TaskContext, note?: string): Work =>
    async (client) =>
      shop.effect(client, ctx.job.id, note);

  test("completes the job with what was written, and its value is the result", async () => {
    const seen: unknown[] = [];
    const { handle } = await running(async (ctx) => {
      const value = await ctx.transaction(async (client) => {
        await writing(ctx)(client);
        const { rows } = await client.query<{ n: string }>("SELECT count(*) AS n FROM pg_class WHERE false");
        seen.push(await shop.notes(ctx.job.id));
        return { rows };
      });
      seen.push(value, await shop.notes(ctx.job.id), await handle.status());
      return "not this";
    });
    // A count comes as the application's own clients read it.
    expect(await handle.result({ timeout: "10s" })).toEqual({ rows: [{ n: "0" }] });
    await expect.poll(() => seen).toHaveLength(4);
    expect(seen).toEqual([[], { rows: [{ n: "0" }] }, ["done"], "completed"]);
  });

  test("is planned and limited as the application has set it", async () => {
    const text = `SELECT current_setting('enable_seqscan') AS scans, current_setting('statement_timeout') AS longest,
      current_setting('transaction_isolation') AS isolation`;
    const { handle } = await running((ctx) =>
      ctx.transaction(async (client) => (await client.query<Record<string, string>>(text)).rows),
    );
    const expected = { scans: "on", longest: "0", isolation: "read committed" };
    expect(await handle.result({ timeout: "10s" })).toEqual([expected]);
  });

  test("stores other jobs with it", async () => {
    const gate = new Gate<TaskDispatcher>();
    const { tasks, handle } = await running(async (ctx) => {
      const inside = await gate.opened;
      await failure(
        ctx.transaction(async (transaction) => {
          await inside.enqueue("follow-up", undefined, { id: "lost", delay: "1h", transaction });
          throw new Error("not now");
        }),
      );
      await ctx.transaction(async (transaction) => {
        await inside.enqueue("follow-up", undefined, { id: "kept", delay: "1h", transaction });
      });
    });
    gate.open(tasks);
    expect((await end(handle))[0]).toBe("completed");
    expect(await Promise.all(["lost", "kept"].map((id) => tasks.handle("work", id).status()))).toEqual([
      "unknown",
      "scheduled",
    ]);
  });

  test("leaves nothing behind when it throws, and the job is tried again", async () => {
    const { handle } = await running(
      (ctx) =>
        ctx.transaction(async (client) => {
          await writing(ctx, `attempt ${ctx.attempt}`)(client);
          if (ctx.attempt === 1) throw new Error("not yet");
        }),
      { maxRetries: 1 },
    );
    expect(await end(handle)).toEqual(["completed", ["attempt 2"]]);
  });

  test("leaves nothing behind when a failed statement was passed over", async () => {
    const refusals: unknown[] = [];
    const { handle } = await running(async (ctx) => {
      refusals.push(
        await failure(
          ctx.transaction(async (client) => {
            await writing(ctx, "first")(client);
            await failure(client.query("SELECT nonsense"));
          }),
        ),
      );
      await ctx.transaction(writing(ctx, "second"));
    });
    expect(await end(handle)).toEqual(["completed", ["second"]]);
    expect(refusals).toEqual([expect.objectContaining({ code: "25P02" })]);
  });

  test("completes nothing when the handler ends the transaction itself", async () => {
    const { handle } = await running((ctx) =>
      ctx.transaction(async (client) => {
        await writing(ctx)(client);
        await client.query("COMMIT");
      }),
    );
    expect(await end(handle)).toEqual(["failed", ["done"]]);
    expect(await failure(handle.result())).toMatchObject({
      message: expect.stringContaining("has ended"),
    });
  });

  test("takes one call, whatever the handler does after it", async () => {
    const refusals: unknown[] = [];
    const { handle } = await running(async (ctx) => {
      await ctx.transaction(writing(ctx, "first"));
      refusals.push(await failure(ctx.transaction(writing(ctx, "second"))));
      throw new Error("after all");
    });
    expect(await end(handle)).toEqual(["completed", ["first"]]);
    await expect.poll(() => refusals).toMatchObject([{ code: "LEX_ERR_TASK_VALIDATION" }]);
  });

  test("is rolled back when the time limit passes inside it", async () => {
    const { handle } = await running(
      (ctx) =>
        ctx.transaction(async (client) => {
          await writing(ctx)(client);
          await aborted(ctx);
        }),
      { timeout: "300ms" },
    );
    expect(await end(handle)).toEqual(["failed", []]);
  });

  test("is rolled back when the job is cancelled inside it", async () => {
    const inside = new Gate();
    const { handle } = await running((ctx) =>
      ctx.transaction(async (client) => {
        await writing(ctx)(client);
        inside.open();
        await aborted(ctx);
        throw ctx.signal.reason;
      }),
    );
    await inside.opened;
    expect(await handle.cancel()).toBe("requested");
    expect(await end(handle)).toEqual(["cancelled", []]);
  });

  test("is rolled back when the lease is in other hands by then", async () => {
    const [inside, go] = [new Gate(), new Gate()];
    const refusals: unknown[] = [];
    const { handle } = await running(async (ctx) => {
      const call = ctx.transaction(async (client) => {
        await writing(ctx, `recovery ${ctx.recoveries}`)(client);
        inside.open();
        if (ctx.recoveries === 0) await go.opened;
      });
      if (ctx.recoveries === 0) refusals.push(await failure(call));
      await call;
    });
    await inside.opened;
    await server.owner(`UPDATE ${shop.schema}.lease SET until = 0`);
    await server.owner(`UPDATE ${shop.schema}.queue SET lease_mark = 0`);
    expect(await end(handle)).toEqual(["completed", ["recovery 1"]]);
    go.open();
    await expect.poll(() => refusals).toEqual([expect.any(LeaseLostError)]);
    expect(await shop.notes(handle.id)).toEqual(["recovery 1"]);
  });

  test("ends with its connection when an administrator does that, and the job is tried again", async () => {
    const pids: unknown[] = [];
    const { handle } = await running(
      (ctx) =>
        ctx.transaction(async (client) => {
          const { rows } = await client.query<{ pid: number }>("SELECT pg_backend_pid() AS pid");
          pids.push(rows[0]?.pid);
          await writing(ctx, `attempt ${ctx.attempt}`)(client);
          if (ctx.attempt === 1) await server.owner("SELECT pg_terminate_backend($1)", [rows[0]?.pid]);
        }),
      { maxRetries: 1 },
    );
    expect(await end(handle)).toEqual(["completed", ["attempt 2"]]);
    expect(new Set(pids).size).toBe(2);
  });

  test("waits for no others of its process, nor do their calls wait for it", async () => {
    const [gate, inside] = [new Gate(), new Gate()];
    let open = 0;
    const { tasks, handle } = await running(
      (ctx) =>
        ctx.transaction(async (client) => {
          await writing(ctx)(client);
          if (++open === 2) inside.open();
          await gate.opened;
        }),
      { poolSize: 2 },
    );
    const other = await tasks.enqueue("job");
    await inside.opened;
    // All that may be lent is lent; enqueues, renewals and looks go on.
    const third = await tasks.enqueue("elsewhere", undefined, { delay: "1h" });
    expect(await third.status()).toBe("scheduled");
    gate.open();
    expect(await Promise.all([end(handle), end(other)])).toEqual([
      ["completed", ["done"]],
      ["completed", ["done"]],
    ]);
    expect((await handle.job())?.recoveries).toBe(0);
  });
});

describe("ctx.transaction whose commit is not answered", { timeout: 60_000 }, () => {
  let server: PostgresServer;
  let shop: Shop;
  beforeAll(async () => {
    server = await sharedPostgres();
  });
  afterAll(() => server.end());

  /** What a handler met that called twice if need be, while the first commit met with something. */
  async function met(
    act: (proxy: TcpProxy) => void,
  ): Promise<{ refusals: unknown[]; notes: string[]; status: string; ran: number }> {
    shop = await Shop.open(server);
    const url = new URL(server.url);
    const proxy = ending(await TcpProxy.open(Number(url.port)));
    url.port = String(proxy.port);
    const refusals: unknown[] = [];
    const gate = new Gate();
    let calls = 0;
    let ran = 0;
    const job = task({ name: "job", maxRetries: 3, retry: { baseDelay: "50ms" } }, async (ctx) => {
      ran++;
      const call = (): Promise<void> =>
        ctx.transaction(async (client) => {
          if (++calls === 1) beforeCommit(client, () => act(proxy));
          await shop.effect(client, ctx.job.id);
        });
      const first = await failure(call());
      if (first === "no failure") return;
      refusals.push(first);
      proxy.heal();
      if ((first as QueueUnavailableError).fields.accepted === "no") await call();
      gate.open();
    });
    const tasks = await shop.app([job], { dsn: url.href, callTimeoutMs: 2_000, lease: "1s" });
    const handle = await tasks.enqueue(job);
    await failure(handle.result({ timeout: "30s" }));
    return { refusals, notes: await shop.notes(handle.id), status: await handle.status(), ran };
  }

  const unavailable = (accepted: "no" | "unknown"): unknown =>
    expect.objectContaining({
      code: "LEX_ERR_TASK_QUEUE_UNAVAILABLE",
      fields: expect.objectContaining({ accepted }),
    });

  test("succeeds when it was committed", async () => {
    // The answers of what is open are lost; who connects anew is answered.
    const { refusals, notes, status, ran } = await met((proxy) => {
      proxy.blackhole("replies");
      proxy.heal();
    });
    expect({ refusals, notes, status, ran }).toEqual({
      refusals: [],
      notes: ["done"],
      status: "completed",
      ran: 1,
    });
  });

  test("fails as not accepted when the COMMIT was lost on its way, and can be called again", async () => {
    const { refusals, notes, status } = await met((proxy) => {
      proxy.blackhole("requests");
      proxy.heal();
    });
    expect({ refusals, notes, status }).toEqual({
      refusals: [unavailable("no")],
      notes: ["done"],
      status: "completed",
    });
  });

  test("fails as not accepted when the link was cut before, and can be called again", async () => {
    const { refusals, notes, status } = await met((proxy) => proxy.cut());
    expect({ refusals, notes, status }).toEqual({
      refusals: [unavailable("no")],
      notes: ["done"],
      status: "completed",
    });
  });

  test("fails with its fate unknown while nobody can be asked, and took effect once", async () => {
    const { refusals, notes, status } = await met((proxy) => proxy.blackhole("replies"));
    expect({ refusals, notes, status }).toEqual({
      refusals: [unavailable("unknown")],
      notes: ["done"],
      status: "completed",
    });
    expect(refusals[0]).toMatchObject({
      message: expect.stringMatching(/what was asked of it may have been done$/),
      hint: expect.stringMatching(/may have been committed/),
    });
  });
});

function aborted({ signal }: TaskContext): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve());
  });
}
