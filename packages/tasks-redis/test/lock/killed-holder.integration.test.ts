import { execFileSync, spawn } from "node:child_process";
import { on, once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { uniqueName } from "@lexigram/conformance";
import { type PrivateServer, privateRedis } from "@lexigram/services";
import { LockManager } from "@lexigram/tasks";
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { redisBackend } from "../../src/index.ts";

const home = fileURLToPath(new URL("../..", import.meta.url));
const TTL_MS = 1_500;

/** A process that holds a lock, writes under its number, and tells what becomes of it. */
const program = `
  import { LockManager } from "@lexigram/tasks";
  import { redisBackend } from "@lexigram/tasks-redis";
  const { url, namespace, ttl, waits } = JSON.parse(process.argv[1]);
  process.once("disconnect", () => process.exit(1));
  const tell = (what, more) => process.send({ what, ...more });
  const { state } = redisBackend({ url, namespace });
  const put = state.put.bind(state);
  // A waiter has its place in the line once the store has it.
  if (waits)
    state.put = async (key, ...more) => {
      const outcome = await put(key, ...more);
      if (key.startsWith("lock-line:")) tell("waiting");
      return outcome;
    };
  const locks = new LockManager({ state });
  const lock = await locks.acquire("report", { ttl });
  lock.signal.addEventListener("abort", () =>
    tell("aborted", { held: lock.held, code: lock.signal.reason.code }),
  );
  tell("held", { fencing: lock.fencing });
  setInterval(() => {}, 1_000);
`;

let server: PrivateServer;
let namespace: string;

// What is published is what runs there: Node cannot run the sources.
beforeAll(async () => {
  execFileSync(join(home, "../../node_modules/.bin/tsc"), ["-b", home, join(home, "../tasks")]);
  server = await privateRedis();
}, 120_000);
afterAll(() => server.stop());
beforeEach(() => {
  namespace = uniqueName("test");
});

interface Told {
  readonly what: string;
  readonly fencing: number;
  readonly held: boolean;
  readonly code: string;
}

/** Starts a process that takes the lock, or waits for it. */
function holder(waits = false) {
  const settings = JSON.stringify({ url: server.url, namespace, ttl: TTL_MS, waits });
  const child = spawn(process.execPath, ["--input-type=module", "-e", program, settings], {
    cwd: home,
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const messages = on(child, "message")[Symbol.asyncIterator]();
  const told = async (what: string): Promise<Told> => {
    for (;;) {
      const { value } = (await messages.next()) as { value: [Told] };
      if (value[0].what === what) return value[0];
    }
  };
  return { child, told };
}

/** The locks of this process. */
function locksHere(): LockManager {
  const backend = redisBackend({ url: server.url, namespace });
  onTestFinished(() => backend.close());
  return new LockManager({ state: backend.state! });
}

describe("the holder of a lock", { timeout: 60_000 }, () => {
  test("that is killed is followed by another, under a higher number", async () => {
    const { child, told } = holder();
    const { fencing } = await told("held");
    const locks = locksHere();
    expect(await locks.tryAcquire("report")).toBeUndefined();
    const killedAt = performance.now();
    child.kill("SIGKILL");
    await once(child, "exit");
    const next = await locks.acquire("report", { waitTimeout: "10s" });
    expect(performance.now() - killedAt).toBeLessThan(TTL_MS + 1_500);
    expect(next.fencing).toBeGreaterThan(fencing);
    await next.release();
  });

  test("that stands still and goes on aborts, when another has the lock under a higher number", async () => {
    const { child, told } = holder();
    const { fencing } = await told("held");
    child.kill("SIGSTOP");
    const next = await locksHere().acquire("report", { waitTimeout: "10s" });
    expect(next.fencing).toBeGreaterThan(fencing);
    child.kill("SIGCONT");
    expect(await told("aborted")).toMatchObject({ held: false, code: "LEX_ERR_TASK_LOCK_LOST" });
    // What it did then changed nothing.
    expect(await next.isHeld()).toBe(true);
    await next.release();
  });

  test("that is killed while it waits is passed over", async () => {
    const locks = locksHere();
    const lock = await locks.acquire("report");
    const { child, told } = holder(true);
    await told("waiting");
    child.kill("SIGKILL");
    await once(child, "exit");
    const behind = locks.acquire("report", { waitTimeout: "20s" });
    await lock.release();
    expect((await behind).held).toBe(true);
  });
});
