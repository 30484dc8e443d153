import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { RunReply, RunRequest } from "./runner.ts";

/** A run that takes longer hangs. */
const ENDS_WITHIN_MS = 180_000;

/** A process that runs one system, one run at a time. */
export class Child {
  readonly #process: ChildProcess;
  #answer: (reply: RunReply) => void = () => {};

  private constructor(child: ChildProcess) {
    this.#process = child;
    child.on("message", (reply: RunReply) => this.#answer(reply));
    child.on("exit", (code) => this.#answer({ failed: `its process ended with ${code}` }));
  }

  static async start(): Promise<Child> {
    const process = fork(fileURLToPath(new URL("runner.js", import.meta.url)), {
      execArgv: ["--expose-gc"],
      stdio: ["ignore", "ignore", "inherit", "ipc"],
      // As deployed: outside production, input is also checked for what storing would change.
      env: { ...globalThis.process.env, LEX_ENV: "production", NODE_ENV: "production" },
    });
    await once(process, "message");
    return new Child(process);
  }

  /**
   * @returns what the request's part of the workload returned.
   * @throws Error when it failed, hung, or took its process with it.
   */
  async run(request: RunRequest): Promise<unknown> {
    const reply = new Promise<RunReply>((resolve) => (this.#answer = resolve));
    const { longMs = ENDS_WITHIN_MS } = request;
    const deadline = setTimeout(
      () => this.#answer({ failed: `it did not end within ${longMs / 1_000} s` }),
      longMs,
    );
    this.#process.send(request);
    const answer = await reply;
    clearTimeout(deadline);
    if ("failed" in answer) throw new Error(`${request.subject} ${request.workload}: ${answer.failed}`);
    return answer.value;
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const gone = once(this.#process, "exit");
    this.#process.kill("SIGKILL");
    await gone;
  }
}
