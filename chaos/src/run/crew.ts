import type { Deaths } from "../accounts/figures.ts";
import { now } from "../moment.ts";
import type { AppProcess } from "./app-process.ts";

/** The worker processes of a run: who is alive, who died when, and who died without being asked to. */
export class Crew {
  readonly #hire: () => Promise<AppProcess>;
  readonly #members: AppProcess[] = [];
  readonly #dismissed = new Set<AppProcess>();
  readonly #crashes: string[] = [];

  /** @param hire starts a worker process. */
  constructor(hire: () => Promise<AppProcess>) {
    this.#hire = hire;
  }

  /** Starts one more. */
  async hire(): Promise<AppProcess> {
    const worker = await this.#hire();
    this.#members.push(worker);
    void worker.ended.then(({ code, signal }) => {
      if (!this.#dismissed.has(worker)) this.#crashes.push(`a worker ended by itself with ${signal ?? code}`);
    });
    return worker;
  }

  get alive(): readonly AppProcess[] {
    return this.#members.filter((worker) => worker.alive);
  }

  get pids(): readonly number[] {
    return this.alive.map(({ pid }) => pid);
  }

  get deaths(): Deaths {
    return new Map(
      this.#members.flatMap(({ pid, endedAt }) => (endedAt === undefined ? [] : [[pid, endedAt] as const])),
    );
  }

  /** What its members met that nobody expects. */
  get crashes(): readonly string[] {
    return [...this.#crashes, ...this.#members.flatMap(({ problems }) => problems)];
  }

  /** Kills one without warning. */
  async kill(worker: AppProcess): Promise<void> {
    this.#dismissed.add(worker);
    await worker.kill();
  }

  /** Asks one to stop in order; a worker that then does not end with 0 crashed. */
  async drain(worker: AppProcess): Promise<void> {
    this.#dismissed.add(worker);
    const since = now();
    worker.signal("SIGTERM");
    const { code, signal } = await worker.ended;
    if (code !== 0)
      this.#crashes.push(
        `a worker that was asked to stop ended with ${signal ?? code} after ${Math.round(now() - since)} ms`,
      );
  }

  /** Asks all to stop in order. */
  async drainAll(): Promise<void> {
    await Promise.all(this.alive.map((worker) => this.drain(worker)));
  }

  /** Kills whoever is left. */
  async dismissAll(): Promise<void> {
    await Promise.all(this.alive.map((worker) => this.kill(worker)));
  }
}
