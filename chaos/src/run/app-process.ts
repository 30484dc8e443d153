import { type ChildProcess, fork, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { TcpProxy } from "@lexigram/services";
import { now } from "../moment.ts";
import type {
  ProcessReport,
  ProducerOrder,
  ProducerSettings,
  WorkerOrder,
  WorkerSettings,
} from "../processes/chaos-app.ts";

/** How a process ended. */
export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** The folder of this workspace: backends are looked for from where an application stands. */
const HOME = fileURLToPath(new URL("../..", import.meta.url));

/** A child process that runs the application under test, or half of it. Never outlives this process. */
export class AppProcess {
  readonly pid: number;
  /** What it met that nobody expects, as it told. */
  readonly problems: string[] = [];
  readonly ended: Promise<Ending>;
  /** When its application was up, and when it was seen to be gone, on the machine's clock. */
  upAt = Infinity;
  endedAt: number | undefined;
  /** Its own way to the store, if it has one. */
  wire: TcpProxy | undefined;
  readonly #child: ChildProcess;
  readonly #ready: Promise<void>;
  readonly #log: string;

  private constructor(child: ChildProcess, pid: number, log: string) {
    this.#child = child;
    this.#log = log;
    this.pid = pid;
    this.#ready = new Promise((resolve) =>
      child.on("message", (message: ProcessReport) => {
        if ("problem" in message) this.problems.push(message.problem);
        else {
          this.upAt = now();
          resolve();
        }
      }),
    );
    this.ended = new Promise((resolve) =>
      child.once("exit", (code, signal) => {
        this.endedAt = now();
        resolve({ code, signal });
      }),
    );
  }

  /**
   * Starts a process.
   *
   * @param folder where its output goes.
   * @param heapMb the memory that its objects may take, in MiB. Default: as much as Node.js gives them.
   */
  static async spawn(
    kind: "worker" | "producer",
    settings: WorkerSettings | ProducerSettings,
    folder: string,
    heapMb?: number,
  ): Promise<AppProcess> {
    const logs = join(folder, `${kind}s.log`);
    const output = openSync(logs, "a");
    const child = fork(
      fileURLToPath(new URL(`../processes/${kind}.js`, import.meta.url)),
      [JSON.stringify(settings)],
      {
        cwd: HOME,
        execArgv: heapMb === undefined ? [] : [`--max-old-space-size=${heapMb}`],
        stdio: ["ignore", output, output, "ipc"],
        // A group of its own: what a terminal sends to the run is not meant for its workers.
        detached: true,
        env: { ...process.env, LEX_ENV: "staging", NODE_ENV: "production" },
      },
    );
    closeSync(output);
    await once(child, "spawn");
    const started = new AppProcess(child, child.pid as number, logs);
    started.#guard();
    return started;
  }

  /** The same, and waits until it is up. */
  static async start(...given: Parameters<typeof AppProcess.spawn>): Promise<AppProcess> {
    const started = await AppProcess.spawn(...given);
    await started.up();
    return started;
  }

  /** A frozen process does not notice that its parent is gone; the guard, whose input then closes, does. */
  #guard(): void {
    const guard = spawn("sh", ["-c", 'cat; kill -9 "$1"', "guard", String(this.pid)], {
      stdio: ["pipe", "ignore", "ignore"],
      detached: true,
    });
    this.#child.once("exit", () => guard.kill("SIGKILL"));
  }

  /** Resolves when its application is up. @throws Error with the end of its output when it ends before. */
  async up(): Promise<void> {
    const ending = await Promise.race([this.#ready, this.ended]);
    if (ending !== undefined)
      throw new Error(
        `a process ended with ${ending.signal ?? ending.code} before it was up:\n${this.output()}`,
      );
  }

  get alive(): boolean {
    return this.endedAt === undefined;
  }

  /** The end of what processes of its kind printed. */
  output(): string {
    return readFileSync(this.#log, "utf8").slice(-2_000);
  }

  order(order: ProducerOrder | WorkerOrder): void {
    if (this.#child.connected) this.#child.send(order);
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Ends it at once; resolves when it is gone. */
  async kill(): Promise<Ending> {
    this.signal("SIGKILL");
    return this.ended;
  }
}
