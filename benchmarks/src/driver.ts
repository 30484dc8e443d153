import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { RunReply, RunRequest } from "./runner.ts";
import { findSubject, SYSTEMS } from "./systems.ts";
import { type Measured, WORKLOADS } from "./workloads.ts";

/** One cell of the table: medians over the runs, with the spread of the rate. */
export interface Cell extends Measured {
  readonly system: string;
  readonly version: string;
  readonly store: string;
  readonly variant?: string;
  readonly workload: string;
  readonly title: string;
  readonly concurrency: number;
  readonly n: number;
  readonly runs: number;
  /** Smallest and largest rate (or median latency, where there is no rate) of the runs. */
  readonly spread: readonly [number, number];
}

export interface DriveOptions {
  readonly store: string;
  readonly quick: boolean;
  /** Counted runs; one more comes first and is thrown away. */
  readonly runs: number;
  readonly workloads?: ReadonlySet<string>;
  readonly systems?: ReadonlySet<string>;
  readonly onProgress: (line: string) => void;
}

/** A process that runs one system, one run at a time. */
class Child {
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

  async run(request: RunRequest): Promise<Measured> {
    const reply = new Promise<RunReply>((resolve) => (this.#answer = resolve));
    this.#process.send(request);
    const answer = await reply;
    if ("failed" in answer) throw new Error(`${request.subject} ${request.workload}: ${answer.failed}`);
    return answer.measured;
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null) return;
    const gone = once(this.#process, "exit");
    this.#process.kill();
    await gone;
  }
}

/**
 * Runs every system of a store on the same workloads: for each workload each system in a fresh process of its own, so
 * that no workload is coloured by the one before, and in turn within each round, so that a slow minute of the machine
 * meets all of them.
 *
 * @throws Error when a run fails: a job that ran twice, or never.
 */
export async function* drive(options: DriveOptions): AsyncGenerator<Cell> {
  const keys = Object.keys(SYSTEMS[options.store] ?? {})
    .filter((name) => options.systems === undefined || options.systems.has(name.split(",")[0] ?? name))
    .map((name) => `${options.store}/${name}`);
  for (const workload of WORKLOADS) {
    if (options.workloads !== undefined && !options.workloads.has(workload.id)) continue;
    const n = options.quick ? workload.quickN : workload.n;
    const fitting = keys.filter((key) => workload.fits(findSubject(key)));
    for (const concurrency of workload.concurrencies) {
      const request = { workload: workload.id, n, concurrency };
      for (const [key, results] of await rounds(fitting, request, options)) {
        const { system, version, store, variant } = findSubject(key);
        yield {
          system,
          store,
          ...(variant === undefined ? {} : { variant }),
          workload: workload.id,
          concurrency,
          n,
          ...medians(results),
          version,
          title: workload.title,
          runs: results.length,
          spread: spreadOf(results),
        };
      }
    }
  }
}

/** What each system measured in each counted round. */
async function rounds(
  keys: readonly string[],
  request: Omit<RunRequest, "subject">,
  options: DriveOptions,
): Promise<ReadonlyMap<string, readonly Measured[]>> {
  const children = new Map<string, Child>();
  const measured = new Map<string, Measured[]>();
  try {
    for (const key of keys) children.set(key, await Child.start());
    for (let round = 0; round <= options.runs; round++)
      for (const [key, child] of children) {
        options.onProgress(
          `${request.workload} at ${request.concurrency}, round ${round} of ${options.runs}: ${key}`,
        );
        const result = await child.run({ ...request, subject: key });
        if (round > 0) measured.set(key, [...(measured.get(key) ?? []), result]);
      }
    return measured;
  } finally {
    await Promise.all([...children.values()].map((child) => child.stop()));
  }
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const high = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? high : ((sorted[middle - 1] ?? high) + high) / 2;
}

function medians(results: readonly Measured[]): Measured {
  const fields = new Set(results.flatMap((result) => Object.keys(result) as (keyof Measured)[]));
  return Object.fromEntries(
    [...fields].map((field) => [field, round(median(results.map((result) => result[field] ?? Number.NaN)))]),
  );
}

function spreadOf(results: readonly Measured[]): [number, number] {
  const values = results.map((r) => r.perSecond ?? r.p50Ms ?? r.bytesPerJob ?? r.allAfterDueMs ?? Number.NaN);
  return [round(Math.min(...values)), round(Math.max(...values))];
}

function round(value: number): number {
  return value >= 100 ? Math.round(value) : Number(value.toPrecision(3));
}
