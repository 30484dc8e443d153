import { spawn } from "node:child_process";
import { on, once } from "node:events";
import type { TaskBackend } from "@lexigram/contracts";
import { describe, expect, onTestFinished, test } from "vitest";
import { LockManager } from "../../src/index.ts";

/** How a backend takes part. */
export interface KilledHolders {
  /** The folder of a package that can import it. */
  readonly home: string;
  /** Text of a function that a process gives {@link HolderPlace.where} to get its backend. */
  readonly open: string;
  /** Somewhere that nobody else uses. */
  readonly place: () => HolderPlace;
}

interface HolderPlace {
  readonly where: Readonly<Record<string, string>>;
  /** Opens the same backend in this process. */
  readonly here: () => TaskBackend;
}

const TTL_MS = 1_500;

/** A process that holds a lock, and tells what becomes of it. */
const programOf = ({ open }: KilledHolders): string => `
  import { LockManager } from "@lexigram/tasks";
  const { ttl, waits, ...where } = JSON.parse(process.argv[1]);
  process.once("disconnect", () => process.exit(1));
  const tell = (what, more) => process.send({ what, ...more });
  const { state } = await (${open})(where);
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

interface Told {
  readonly what: string;
  readonly fencing: number;
  readonly held: boolean;
  readonly code: string;
}

/** Starts a process that takes the lock, or waits for it. */
function holder(given: KilledHolders, { where }: HolderPlace, waits = false) {
  const settings = JSON.stringify({ ...where, ttl: TTL_MS, waits });
  const child = spawn(process.execPath, ["--input-type=module", "-e", programOf(given), settings], {
    cwd: given.home,
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
function locksOf({ here }: HolderPlace): LockManager {
  const backend = here();
  onTestFinished(() => backend.close());
  return new LockManager({ state: backend.state! });
}

/** Kills and freezes a process that holds a lock or waits for it: another one follows it, under a higher number. */
export function describeKilledHolders(given: KilledHolders): void {
  describe("the holder of a lock", { timeout: 60_000 }, () => {
    test("that is killed is followed by another, under a higher number", async () => {
      const place = given.place();
      const { child, told } = holder(given, place);
      const { fencing } = await told("held");
      const locks = locksOf(place);
      expect(await locks.tryAcquire("report")).toBeUndefined();
      child.kill("SIGKILL");
      await once(child, "exit");
      const next = await locks.acquire("report", { waitTimeout: "10s" });
      expect(next.fencing).toBeGreaterThan(fencing);
      await next.release();
    });

    test("that stands still and goes on aborts, when another has the lock under a higher number", async () => {
      const place = given.place();
      const { child, told } = holder(given, place);
      const { fencing } = await told("held");
      child.kill("SIGSTOP");
      const next = await locksOf(place).acquire("report", { waitTimeout: "10s" });
      expect(next.fencing).toBeGreaterThan(fencing);
      child.kill("SIGCONT");
      expect(await told("aborted")).toMatchObject({ held: false, code: "LEX_ERR_TASK_LOCK_LOST" });
      // What it did then changed nothing.
      expect(await next.isHeld()).toBe(true);
      await next.release();
    });

    test("that is killed while it waits is passed over", async () => {
      const place = given.place();
      const locks = locksOf(place);
      const lock = await locks.acquire("report");
      const { child, told } = holder(given, place, true);
      await told("waiting");
      child.kill("SIGKILL");
      await once(child, "exit");
      const behind = locks.acquire("report", { waitTimeout: "20s" });
      await lock.release();
      expect((await behind).held).toBe(true);
    });
  });
}
