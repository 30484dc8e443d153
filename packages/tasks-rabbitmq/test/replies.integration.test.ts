import { execFileSync, spawn } from "node:child_process";
import { on, once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  RemoteTaskError,
  ResultTimeoutError,
  ResultUnavailableError,
  TaskDiscardedError,
  TaskExpiredError,
} from "@lexigram/contracts";
import { sharedServers } from "@lexigram/services";
import { Application } from "@lexigram/kernel";
import { memoryBackend, task, TaskDispatcher, type TaskHandle, TasksModule, type } from "@lexigram/tasks";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { rabbitmqBackend } from "../src/index.ts";
import { type RabbitServer, serverOfTest } from "./rabbit-server.ts";

const home = fileURLToPath(new URL("..", import.meta.url));

/** A process that works. `mute`: it tells its parent of each outcome that it is about to send, and sends none. */
const program = `
  import { Application } from "@lexigram/kernel";
  import { DiscardTask, task, TasksModule, type } from "@lexigram/tasks";
  import { rabbitmqBackend } from "@lexigram/tasks-rabbitmq";
  const { url, namespace, mute } = JSON.parse(process.argv[1]);
  process.once("disconnect", () => process.exit(1));
  const backend = rabbitmqBackend({ url, namespace });
  if (mute)
    await backend.withChannel(async (channel) => {
      const prototype = Object.getPrototypeOf(channel);
      const { publish } = prototype;
      prototype.publish = function (exchange, key, ...more) {
        if (!key.startsWith("amq.rabbitmq.reply-to.")) return publish.call(this, exchange, key, ...more);
        process.send("settled");
        return true;
      };
    });
  const said = { none: undefined, null: null, zero: 0, empty: "", no: false, list: [1] };
  const say = task({ name: "say", queue: "calls", input: type() }, (what) => said[what]);
  const fail = task({ name: "fail", queue: "calls", maxRetries: 0 }, () => {
    throw Object.assign(new RangeError("too far"), { code: "E_FAR" });
  });
  const drop = task({ name: "drop", queue: "calls" }, () => {
    throw new DiscardTask({ reason: "not wanted" });
  });
  const third = task({ name: "third", queue: "calls", maxRetries: 5, retry: { baseDelay: 10 } }, (ctx) => {
    if (ctx.attempt < 3) throw new Error("not yet");
    return ctx.attempt;
  });
  const held = task({ name: "held", queue: "calls" }, async (ctx) => {
    process.send("running");
    await new Promise((resolve) => process.once("message", resolve));
    return "let go";
  });
  await Application.boot({
    modules: [
      TasksModule.configure({ workerCount: 1, backends: [{ name: "calls", backend }] }),
      TasksModule.scope(say, fail, drop, third, held),
    ],
    configFile: false,
    config: { logging: { level: "error" } },
    env: {},
  });
  process.send("ready");
`;

const say = task({ name: "say", queue: "calls", input: type<string>() });
const fail = task({ name: "fail", queue: "calls" });
const drop = task({ name: "drop", queue: "calls" });
const third = task({ name: "third", queue: "calls" });
const held = task({ name: "held", queue: "calls" });

async function callsServer(): Promise<RabbitServer> {
  const server = await serverOfTest();
  server.names("calls");
  return server;
}

async function worker({ namespace }: RabbitServer, mute = false) {
  const where = JSON.stringify({ url: sharedServers.rabbitmq, namespace, mute });
  const child = spawn(process.execPath, ["--input-type=module", "-e", program, where], {
    cwd: home,
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const messages = on(child, "message", { close: ["exit"] })[Symbol.asyncIterator]();
  const told = async (what: string): Promise<void> => {
    for (;;) {
      const { done, value } = (await messages.next()) as IteratorResult<[string], undefined>;
      if (done === true) throw new Error(`the worker ended before it was ${what}`);
      if (value[0] === what) return;
    }
  };
  await told("ready");
  return {
    told,
    letGo: () => void child.send("go"),
    async kill() {
      child.kill("SIGKILL");
      await once(child, "exit");
    },
  };
}

/** A process that only enqueues, and waits. */
async function caller({ url, namespace }: RabbitServer): Promise<TaskDispatcher> {
  const app = await Application.boot({
    modules: [
      TasksModule.configure({
        workerCount: 0,
        backends: [{ name: "calls", backend: rabbitmqBackend({ url, namespace }) }],
      }),
    ],
    configFile: false,
    config: { logging: { level: "error" } },
    env: {},
  });
  onTestFinished(() => app.close());
  return app.get(TaskDispatcher);
}

const IN_TIME = { timeout: "30s" } as const;

const refusal = (handle: TaskHandle): Promise<unknown> =>
  handle.result(IN_TIME).then(
    () => "it was told",
    (error: unknown) => error,
  );

describe("outcomes of jobs on RabbitMQ alone", { timeout: 60_000 }, () => {
  // What is published is what runs there: Node cannot run the sources.
  beforeAll(() => {
    execFileSync(join(home, "../../node_modules/.bin/tsc"), ["-b", home, join(home, "../tasks")]);
  }, 120_000);

  test("come from another process, also those that are falsy, and as often as they are asked for", async () => {
    const server = await callsServer();
    const tasks = await caller(server);
    await worker(server);
    const words = ["none", "null", "zero", "empty", "no", "list"];
    const handles = await Promise.all(words.map((word) => tasks.enqueue(say, word)));
    const results = await Promise.all(handles.map((handle) => handle.result(IN_TIME)));
    expect(results).toEqual([undefined, null, 0, "", false, [1]]);
    expect(await handles[2]!.result(IN_TIME)).toBe(0);
    expect(await handles[2]!.status()).toBe("completed");
  });

  test("tell of failures, discarded and expired jobs, retries and delays", async () => {
    const server = await callsServer();
    const tasks = await caller(server);
    const late = await tasks.enqueue(say, "zero", { expiresIn: 1 });
    const later = await tasks.enqueue(say, "zero", { delay: "1s" });
    await worker(server);
    const [failed, dropped] = [await tasks.enqueue(fail), await tasks.enqueue(drop)];
    const repeated = await tasks.enqueue(third);
    const error = await refusal(failed);
    expect(error).toBeInstanceOf(RemoteTaskError);
    expect(error).toMatchObject({
      fields: { jobId: failed.id, error: { name: "RangeError", message: "too far", code: "E_FAR" } },
    });
    expect(await refusal(dropped)).toBeInstanceOf(TaskDiscardedError);
    expect(await refusal(late)).toBeInstanceOf(TaskExpiredError);
    expect(await repeated.result(IN_TIME)).toBe(3);
    expect(await later.result(IN_TIME)).toBe(0);
  });

  test("are refused at once to who did not enqueue the job", async () => {
    const server = await callsServer();
    const { id } = await (await caller(server)).enqueue(say, "zero");
    const other = (await caller(server)).handle("calls", id);
    const error = await refusal(other);
    expect(error).toBeInstanceOf(ResultUnavailableError);
    expect((error as ResultUnavailableError).hint).toContain("process that enqueued");
  });

  test("are refused at once to who lost the connection that they were to come on", async () => {
    const server = await callsServer();
    const tasks = await caller(server);
    const { told, letGo } = await worker(server);
    const cut = await tasks.enqueue(held);
    await told("running");
    const refused = refusal(cut);
    await server.sever();
    expect(await refused).toBeInstanceOf(ResultUnavailableError);
    // An outcome that nobody waits for ends nothing.
    letGo();
    expect(await (await tasks.enqueue(say, "zero")).result(IN_TIME)).toBe(0);
  });

  test("end with the time of who waits when the worker dies between its settlement and its word", async () => {
    const server = await callsServer();
    const tasks = await caller(server);
    const mute = await worker(server, true);
    const handle = await tasks.enqueue(say, "zero");
    await mute.told("settled");
    await mute.kill();
    await worker(server);
    // The job is over, so nobody else tells it.
    expect(await (await tasks.enqueue(say, "zero")).result(IN_TIME)).toBe(0);
    await expect(handle.result({ timeout: "500ms" })).rejects.toBeInstanceOf(ResultTimeoutError);
  });

  test("come of a job whose worker died while it ran, from the next one", async () => {
    const server = await callsServer();
    const tasks = await caller(server);
    const first = await worker(server);
    const handle = await tasks.enqueue(held);
    await first.told("running");
    await first.kill();
    const second = await worker(server);
    await second.told("running");
    second.letGo();
    expect(await handle.result(IN_TIME)).toBe("let go");
  });

  test("are asked for where no state store is named, and with replyTimeout", async () => {
    const server = await callsServer();
    const { url, namespace } = server;
    const answered = async (state: boolean, replyTimeout: "1m" | null): Promise<unknown> => {
      await using app = await Application.boot({
        modules: [
          TasksModule.configure({
            workerCount: 0,
            backends: [
              { name: "kept", backend: memoryBackend() },
              {
                name: "calls",
                backend: rabbitmqBackend({ url, namespace, replyTimeout }),
                ...(state ? { state: "kept" } : {}),
              },
            ],
          }),
        ],
        configFile: false,
        config: { logging: { level: "error" } },
        env: {},
      });
      await app.get(TaskDispatcher).enqueue(say, "zero");
      const channel = await server.admin();
      const message = await channel.get(server.names("calls").band("normal"), { noAck: true });
      return message === false ? "nothing" : typeof message.properties.replyTo;
    };
    expect(await answered(false, "1m")).toBe("string");
    expect(await answered(false, null)).toBe("undefined");
    expect(await answered(true, "1m")).toBe("undefined");
  });
});
