// Private servers for tests that kill, freeze and restart their server. A server is a
// direct child here: a SIGKILLed postmaster that nobody has reaped keeps its pid, and PostgreSQL then refuses to start
// again.
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmodSync, closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { connect, createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

export interface ServerSpec {
  readonly dir: string;
  readonly port: number;
  readonly url: string;
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Sent on a fresh connection; the server is up when `ok` accepts its answer. */
  readonly hello: string | Buffer;
  readonly ok: (reply: Buffer) => boolean;
  /** Its children lead process groups of their own, and go on for a moment when it dies. */
  readonly scattered?: boolean;
}

const STARTS_WITHIN_MS = 60_000;
const STOPS_WITHIN_MS = 10_000;

export class PrivateServer {
  readonly url: string;
  #child: ChildProcess | undefined;
  #guard: ChildProcess | undefined;
  readonly #spec: ServerSpec;

  constructor(spec: ServerSpec) {
    this.#spec = spec;
    this.url = spec.url;
  }

  get port(): number {
    return this.#spec.port;
  }

  /** Its data and its log, until it is stopped. */
  get directory(): string {
    return this.#spec.dir;
  }

  get #gone(): boolean {
    return this.#child === undefined || this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  async start(): Promise<this> {
    const { command, dir, env, port, hello, ok } = this.#spec;
    const logFile = join(dir, "out.log");
    const log = openSync(logFile, "a");
    const [file = "", ...args] = command;
    this.#child = spawn(file, args, {
      cwd: dir,
      env: { ...process.env, ...env },
      stdio: ["ignore", log, log],
      detached: true,
    });
    closeSync(log);
    await once(this.#child, "spawn");
    // Whatever way this process ends, the guard's input closes with it, and the guard ends the server.
    const guard = 'cat; kill -9 "-$1"; rm -rf "$2"';
    this.#guard = spawn("sh", ["-c", guard, "guard", String(this.#child.pid), dir], {
      stdio: ["pipe", "ignore", "ignore"],
      detached: true,
    });
    for (const end = Date.now() + STARTS_WITHIN_MS; !(await answers(port, hello, ok));) {
      if (this.#gone || Date.now() > end) {
        await this.kill();
        throw new Error(
          `${file} did not come up on port ${port}:\n${readFileSync(logFile, "utf8").slice(-2000)}`,
        );
      }
      await sleep(15);
    }
    return this;
  }

  /** Sent to the server alone, except the signals that no process can catch: those go to its whole group. */
  signal(signal: NodeJS.Signals): void {
    const pid = this.#child?.pid;
    if (pid === undefined) return;
    const all = signal === "SIGKILL" || signal === "SIGSTOP" || signal === "SIGCONT";
    try {
      process.kill(all ? -pid : pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }

  /** Ends the server, all of it, and keeps its data: `start` brings it back on the same port. */
  async kill(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    if (this.#child === undefined) return;
    const { port, scattered = false } = this.#spec;
    const group = this.#child.pid;
    let children: readonly number[] = [];
    if (!this.#gone) {
      const exit = once(this.#child, "exit");
      if (signal === "SIGKILL" && scattered) children = this.#killChildren();
      this.signal(signal);
      await exit;
    }
    this.#guard?.kill("SIGKILL");
    this.signal("SIGKILL");
    this.#child = undefined;
    // The leader's exit is not its group's: RabbitMQ's virtual machine holds the port, and writes, for a moment longer.
    const left = (): readonly number[] => [...children, ...lines("pgrep", "-g", String(group)).map(Number)];
    for (const end = Date.now() + STOPS_WITHIN_MS; (await listens(port)) || run(left());) {
      if (Date.now() > end) throw new Error(`port ${port}, or one of ${String(left())}, is still there`);
      await sleep(5);
    }
  }

  /** Frozen first, it makes no new ones, and does not learn that they are gone. */
  #killChildren(): readonly number[] {
    this.signal("SIGSTOP");
    const children = lines("pgrep", "-P", String(this.#child?.pid)).map(Number);
    for (const pid of children)
      try {
        process.kill(pid, "SIGKILL");
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
      }
    return children;
  }

  pause(): void {
    this.signal("SIGSTOP");
  }

  resume(): void {
    this.signal("SIGCONT");
  }

  async stop(): Promise<void> {
    await this.kill();
    rmSync(this.#spec.dir, { recursive: true, force: true });
  }
}

const lines = (command: string, ...args: readonly string[]): readonly string[] =>
  spawnSync(command, args, { encoding: "utf8" }).stdout.split("\n").filter(Boolean);

/** Whether one of these processes does, rather than waiting to be reaped. */
const run = (children: readonly number[]): boolean =>
  children.length > 0 &&
  lines("ps", "-o", "stat=", "-p", children.join()).some((stat) => !stat.startsWith("Z"));

async function listens(port: number): Promise<boolean> {
  const socket = connect({ host: "127.0.0.1", port });
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

async function answers(port: number, hello: string | Buffer, ok: ServerSpec["ok"]): Promise<boolean> {
  return new Promise((resolve) => {
    const c = connect({ host: "127.0.0.1", port }, () => c.write(hello));
    const end = (up: boolean): void => {
      c.destroy();
      resolve(up);
    };
    c.setTimeout(1000, () => end(false));
    c.once("error", () => end(false));
    c.once("close", () => end(false));
    c.once("data", (d) => end(ok(d)));
  });
}

export async function freePort(): Promise<number> {
  const s = createServer().listen(0, "127.0.0.1");
  await once(s, "listening");
  const { port } = s.address() as AddressInfo;
  s.close();
  await once(s, "close");
  return port;
}

export function newDir(name: string): string {
  const dir = mkdtempSync(join(tmpdir(), `${name}-`));
  chmodSync(dir, 0o755);
  return dir;
}
