import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { describe, test } from "vitest";

/** How a backend takes part. */
export interface BlockedProcesses {
  /** The folder of a package that can import it. */
  readonly home: string;
  /** Text of a function that a process gives the place to get its backend. */
  readonly open: string;
  /** Somewhere that nobody else uses. */
  readonly place: () => Readonly<Record<string, string>>;
}

interface Orders {
  readonly role: "worker" | "producer";
  readonly timeout: string;
  /** For how long the handler blocks the loop of its process, in milliseconds. */
  readonly blockMs: number;
  /** Whether the handler blocks before its first `await`, or behind it. */
  readonly behindAwait?: boolean;
  readonly worker?: object;
}

const programOf = (open: string): string => `
  import { writeSync } from "node:fs";
  import { constants, setPriority } from "node:os";
  import { Application } from "@lexigram/kernel";
  import { task, TaskDispatcher, TasksModule } from "@lexigram/tasks";
  const { role, timeout, blockMs, behindAwait, worker, ...where } = JSON.parse(process.argv[1]);
  process.once("disconnect", () => process.exit(1));
  // What is told must be out before the loop stands still.
  const tell = (what) => writeSync(1, JSON.stringify(what) + "\\n");
  const hog = task({ name: "hog", timeout, maxRetries: 0 }, async (ctx) => {
    if (behindAwait) await new Promise((resolve) => setImmediate(resolve));
    tell({ began: ctx.job.id, recoveries: ctx.recoveries });
    // Of this thread alone: whoever else wants the processor comes first.
    setPriority(process.pid, constants.priority.PRIORITY_LOW);
    for (const end = performance.now() + blockMs; performance.now() < end; );
    tell({ ended: ctx.job.id });
    return process.pid;
  });
  const backend = await (${open})(where);
  const app = await Application.boot({
    modules: [
      TasksModule.configure({
        workerCount: role === "worker" ? 1 : 0,
        enableScheduler: false,
        backends: [{ name: "work", backend }],
        config: { worker: { lease: "2s", grace: "500ms", maxConcurrentTasks: 2, ...worker } },
      }),
      TasksModule.scope(hog),
    ],
    configFile: false,
    env: {},
    config: { logging: { level: "error" } },
  });
  app.hooks.registerAction("worker.blocked", (facts) => tell({ blocked: facts }));
  if (role === "producer") {
    const handle = await app.get(TaskDispatcher).enqueue(hog);
    tell({ id: handle.id });
    try {
      tell({ result: await handle.result({ timeout: "60s" }) });
    } catch (error) {
      tell({ failed: error.code });
    }
  } else {
    tell({ ready: true });
    process.on("message", async () => {
      await app.close();
      process.removeAllListeners("disconnect");
      process.disconnect();
    });
  }
`;

type Line = Readonly<Record<string, unknown>>;

/** A process whose words are kept in order. */
class Told {
  readonly process: ChildProcess;
  readonly lines: Line[] = [];
  /** What it wrote to its error output. */
  errors = "";
  readonly gone: Promise<{ code: number | null; signal: string | null }>;
  #onLine = (): void => {};

  constructor(home: string, program: string, orders: object) {
    this.process = spawn(process.execPath, ["--input-type=module", "-e", program, JSON.stringify(orders)], {
      cwd: home,
      stdio: ["ignore", "pipe", "pipe", "ipc"],
    });
    this.gone = once(this.process, "close").then(([code, signal]) => ({
      code: code as number | null,
      signal: signal as string | null,
    }));
    this.process.stderr!.on("data", (part) => (this.errors += String(part)));
    createInterface({ input: this.process.stdout! }).on("line", (line) => {
      if (line.startsWith("{")) this.lines.push(JSON.parse(line) as Line);
      this.#onLine();
    });
  }

  /** Resolves with the first line that says something of a kind. Rejects when the process ends without one. */
  async heard(kind: string): Promise<Line> {
    for (;;) {
      const line = this.lines.find((told) => kind in told);
      if (line !== undefined) return line;
      const next = new Promise<"line">((resolve) => (this.#onLine = () => resolve("line")));
      const first = await Promise.race([next, this.gone]);
      if (first !== "line" && !this.lines.some((told) => kind in told))
        throw new Error(`the process ended without "${kind}": ${JSON.stringify(first)} ${this.errors}`);
    }
  }

  all(kind: string): readonly Line[] {
    return this.lines.filter((told) => kind in told);
  }
}

/** Handlers that block the loop of a real process for longer than its leases, beside a second one that would take over. */
export function describeBlockedProcesses({ home, open, place }: BlockedProcesses): void {
  const program = programOf(open);

  /** Two workers and a job. @returns how it went, once the job is over. */
  async function scene(
    finished: (what: () => void) => void,
    orders: Omit<Orders, "role">,
  ): Promise<{ workers: readonly [Told, Told]; producer: Told }> {
    const where = place();
    const begin = (role: Orders["role"]): Told => {
      const told = new Told(home, program, { ...where, ...orders, role });
      finished(() => void told.process.kill("SIGKILL"));
      return told;
    };
    const workers = [begin("worker"), begin("worker")] as const;
    await Promise.all(workers.map((worker) => worker.heard("ready")));
    const producer = begin("producer");
    return { workers, producer };
  }

  const began = (workers: readonly Told[]): number => workers.flatMap((worker) => worker.all("began")).length;

  describe.concurrent("a handler that blocks the loop for four leases", { timeout: 120_000 }, () => {
    test("keeps its lease: the job runs once, and its task is named", async ({ expect, onTestFinished }) => {
      const { workers, producer } = await scene(onTestFinished, { timeout: "1m", blockMs: 8_000 });
      const { result } = await producer.heard("result");
      expect(began(workers)).toBe(1);
      const worker = workers.find((told) => told.process.pid === result)!;
      const { blocked } = await worker.heard("blocked");
      const { id } = await producer.heard("id");
      expect(blocked).toMatchObject({ taskName: "hog", jobId: id, leases: "kept" });
      expect((blocked as { blockedMs: number }).blockedMs).toBeGreaterThan(7_000);
      // Nothing is left that would keep a process alive.
      for (const told of workers) told.process.send("close");
      expect(await Promise.all(workers.map((told) => told.gone))).toEqual([
        { code: 0, signal: null },
        { code: 0, signal: null },
      ]);
    });

    test("keeps it also when it blocks behind an await", async ({ expect, onTestFinished }) => {
      const orders = { timeout: "1m", blockMs: 8_000, behindAwait: true };
      const { workers, producer } = await scene(onTestFinished, orders);
      const { result } = await producer.heard("result");
      expect(began(workers)).toBe(1);
      const worker = workers.find((told) => told.process.pid === result)!;
      expect((await worker.heard("blocked"))["blocked"]).toMatchObject({ leases: "kept" });
    });

    test("loses it without the keeper: the job runs twice at once", async ({ expect, onTestFinished }) => {
      const orders = { timeout: "1m", blockMs: 8_000, worker: { keeper: false } };
      const { workers } = await scene(onTestFinished, orders);
      await Promise.all(workers.map((worker) => worker.heard("began")));
      expect(workers.map((worker) => worker.all("ended").length)).toContain(0);
    });

    test("loses it past its time limit and grace: the job is recovered", async ({
      expect,
      onTestFinished,
    }) => {
      const { workers } = await scene(onTestFinished, { timeout: "3s", blockMs: 9_000 });
      const first = await Promise.race(workers.map((worker) => worker.heard("began").then(() => worker)));
      const second = workers.find((worker) => worker !== first)!;
      await second.heard("began");
      expect(first.all("ended")).toEqual([]);
      expect((await first.heard("blocked"))["blocked"]).toMatchObject({
        taskName: "hog",
        leases: "given-up",
      });
    });

    test("ends its process past that when told to, and is counted as a recovery", async ({
      expect,
      onTestFinished,
    }) => {
      const orders = { timeout: "1s", blockMs: 60_000, worker: { onBlocked: "exit" } };
      const { workers, producer } = await scene(onTestFinished, orders);
      const first = await Promise.race(workers.map((worker) => worker.heard("began").then(() => worker)));
      expect(await first.gone).toEqual({ code: null, signal: "SIGKILL" });
      const { id } = await producer.heard("id");
      expect(first.errors).toContain(`by task "hog", job "${String(id)}", past its time limit`);
      const second = workers.find((worker) => worker !== first)!;
      expect(await second.heard("began")).toEqual({ began: id, recoveries: 1 });
    });
  });
}
