import type { Deaths } from "../accounts/figures.ts";
import { now } from "../moment.ts";
import type { AppProcess } from "./app-process.ts";

/** The worker processes of a run: who is alive, who died when, and who died without being asked to. */
export class Crew {
  readonly #hire: () => Promise<AppProcess>;
  readonly #members: AppProcess[] = [];
  readonly #dismissed = new Set<AppProcess>();
  readonly #crashes: string[] = [];
  readonly #replaces: boolean;
  #closed = false;

  /**
   * @param hire starts a worker process, which need not be up.
   * @param replaces whether one that ends by itself is no crash, and another one is started in its place.
   */
  constructor(hire: () => Promise<AppProcess>, replaces = false) {
    this.#hire = hire;
    this.#replaces = replaces;
  }

  /** Starts one more. */
  async hire(): Promise<AppProcess> {
    const worker = await this.#hire();
    this.#members.push(worker);
    const up = worker.up();
    void worker.ended.then(({ code, signal }) => {
      if (this.#dismissed.has(worker)) return;
      if (this.#replaces) this.#replace();
      else this.#crashes.push(`a worker ended by itself with ${signal ?? code}`);
    });
    await up;
    return worker;
  }

  #replace(): void {
    if (this.#closed) return;
    // One that ends before it is up has one in its place by then.
    void this.hire().catch(() => {});
  }

  /** Who was up at this moment. */
  pidsAt(moment: number): readonly number[] {
    return this.#members
      .filter(({ upAt, endedAt = Infinity }) => upAt <= moment && endedAt > moment)
      .map(({ pid }) => pid);
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

  /** Who was killed or asked to stop. */
  get dismissed(): ReadonlySet<number> {
    return new Set([...this.#dismissed].map(({ pid }) => pid));
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
    this.#closed = true;
    // Who is not up yet does not listen.
    await Promise.all(
      this.alive.map((worker) => (worker.upAt < Infinity ? this.drain(worker) : this.kill(worker))),
    );
  }

  /** Kills whoever is left. */
  async dismissAll(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.alive.map((worker) => this.kill(worker)));
  }
}
