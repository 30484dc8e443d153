import { execFileSync, spawn } from "node:child_process";
import { on, once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { uniqueName } from "@lexigram/conformance";
import { Application } from "@lexigram/kernel";
import { type PrivateServer, privateRedis } from "@lexigram/services";
import { type NamedBackendOptions, task, TaskScheduler, TasksModule } from "@lexigram/tasks";
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";

const home = fileURLToPath(new URL("../..", import.meta.url));
const SECOND_MS = 1_000;

/** A process whose scheduler ends, or stands still, at a step of its first occurrence. */
const program = `
  import { Application } from "@lexigram/kernel";
  import { TasksModule } from "@lexigram/tasks";
  import { redisBackend } from "@lexigram/tasks-redis";
  const { url, namespace, step } = JSON.parse(process.argv[1]);
  process.once("disconnect", () => process.exit(1));
  const tell = (what) => new Promise((resolve) => process.send({ what }, resolve));
  const end = (signal) => process.kill(process.pid, signal);
  const over = (inner, own) => new Proxy(inner, {
    get(target, name) {
      if (Object.hasOwn(own, name)) return own[name];
      const value = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  const inner = redisBackend({ url, namespace });
  const backend = over(inner, {
    queue(name, options) {
      const queue = inner.queue(name, options);
      return over(queue, {
        async enqueueMany(jobs, call) {
          if (step === "read") end("SIGKILL");
          if (step === "still") {
            await tell("still");
            end("SIGSTOP");
          }
          const results = await queue.enqueueMany(jobs, call);
          if (step === "enqueued") end("SIGKILL");
          if (step === "still") await tell("enqueued");
          return results;
        },
      });
    },
    state: over(inner.state, {
      async put(key, value, options) {
        const outcome = await inner.state.put(key, value, options);
        if (step === "moved" && options?.ifVersion !== undefined) end("SIGKILL");
        return outcome;
      },
    }),
  });
  await Application.boot({
    modules: [TasksModule.configure({
      workerCount: 0,
      backends: [{ name: "work", backend }],
      config: { scheduler: { checkInterval: "200ms" } },
    })],
    config: { logging: { level: "error" } },
  });
`;

let server: PrivateServer;
let namespace: string;

// What is published is what runs there: Node cannot run the sources.
beforeAll(async () => {
  execFileSync(join(home, "../../node_modules/.bin/tsc"), ["-b", home, join(home, "../tasks")]);
  server = await privateRedis();
});
afterAll(() => server.stop());
beforeEach(() => {
  namespace = uniqueName("test");
});

/** Starts the process that is to end or stand still. */
function victim(step: "read" | "enqueued" | "moved" | "still") {
  const settings = JSON.stringify({ url: server.url, namespace, step });
  const child = spawn(process.execPath, ["--input-type=module", "-e", program, settings], {
    cwd: home,
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const messages = on(child, "message")[Symbol.asyncIterator]();
  const told = async (what: string): Promise<void> => {
    for (;;) {
      const { value } = (await messages.next()) as { value: [{ what: string }] };
      if (value[0].what === what) return;
    }
  };
  return { child, told };
}

/** An application of this process that notes the instants whose jobs it runs. */
async function application(enabled: boolean): Promise<{ app: Application; ran: number[] }> {
  const ran: number[] = [];
  const beat = task({ name: "beat" }, (ctx) => void ran.push(Date.parse(ctx.headers["planned-at"] ?? "")));
  const entry: NamedBackendOptions = {
    name: "work",
    type: "redis",
    redisUrl: server.url,
    extra: { namespace },
    // Nothing but its unique key and the record tell that a job ran.
    keepCompleted: 0,
  };
  const app = await Application.boot({
    modules: [
      TasksModule.configure({
        workerCount: enabled ? 1 : 0,
        enableScheduler: enabled,
        backends: [entry],
        config: { scheduler: { checkInterval: "200ms" } },
      }),
      TasksModule.scope(beat),
    ],
    config: { logging: { level: "error" } },
  });
  onTestFinished(() => app.stop());
  return { app, ran };
}

/** Schedules a beat of each second. @returns the first. */
async function scheduled(): Promise<number> {
  const { app } = await application(false);
  const scheduler = app.get(TaskScheduler);
  await scheduler.scheduleJob("beat", { every: SECOND_MS }, { id: "beat", misfire: "all" });
  const first = (await scheduler.getScheduledJob("beat"))?.nextRun?.getTime();
  if (first === undefined) throw new Error("the schedule is not stored");
  return first;
}

/** The instants from the first to the last that ran, each once. */
function expectEachOnce(ran: readonly number[], first: number): void {
  const last = Math.max(...ran);
  const all = Array.from({ length: (last - first) / SECOND_MS + 1 }, (_, i) => first + i * SECOND_MS);
  expect(ran.toSorted((a, b) => a - b)).toEqual(all);
}

describe("a process whose scheduler", { timeout: 60_000 }, () => {
  test.each([
    ["is killed after it read", "read"],
    ["is killed after it enqueued", "enqueued"],
    ["is killed after it moved the record on", "moved"],
  ] as const)("%s leaves each occurrence with one job", async (_what, step) => {
    const first = await scheduled();
    const { child } = victim(step);
    const [, signal] = (await once(child, "exit")) as [number | null, string];
    expect(signal).toBe("SIGKILL");
    const { ran } = await application(true);
    await vi.waitFor(() => expect(ran.length).toBeGreaterThanOrEqual(4), 20_000);
    expectEachOnce(ran, first);
  });

  test("stands still between read and enqueue, for longer than the job is kept, fires once", async () => {
    const first = await scheduled();
    const { child, told } = victim("still");
    await told("still");
    const { ran } = await application(true);
    await vi.waitFor(() => expect(ran.length).toBeGreaterThanOrEqual(3), 20_000);
    child.kill("SIGCONT");
    await told("enqueued");
    const seen = ran.length;
    // Jobs run in their order, so what it enqueued would have run before the next beats.
    await vi.waitFor(() => expect(ran.length).toBeGreaterThanOrEqual(seen + 2), 20_000);
    expectEachOnce(ran, first);
  });
});
