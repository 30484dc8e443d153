import { Child } from "./child.ts";
import type { RunRequest } from "./runner.ts";
import type { Subject } from "./subject.ts";
import { isAsked, loadSubject, SYSTEMS } from "./systems.ts";
import { type Measured, sizeOf } from "./workload.ts";
import { WORKLOADS } from "./workloads.ts";

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
  /** Where its server is; absent for one in memory. */
  readonly url?: string;
  readonly quick: boolean;
  /** Counted runs; one more comes first and is thrown away. */
  readonly runs: number;
  readonly workloads?: ReadonlySet<string>;
  readonly systems?: ReadonlySet<string>;
  /** Milliseconds after which no other workload is begun. Absent: all are. */
  readonly withinMs?: number;
  /** Told of a workload that there was no time for. */
  readonly onLeftOut: (workload: string) => void;
  readonly onProgress: (line: string) => void;
  /** Told of a run that failed; its system takes no further part in the workload. */
  readonly onFailure: (error: Error) => void;
}

/**
 * Runs every system of a store on the same workloads: for each workload each system in a fresh process of its own, so
 * that no workload is coloured by the one before, and in turn within each round, so that a slow minute of the machine
 * meets all of them. A run fails when a job ran twice, or never.
 */
export async function* drive(options: DriveOptions): AsyncGenerator<Cell> {
  const subjects = new Map<string, Subject>();
  for (const name of Object.keys(SYSTEMS[options.store] ?? {})) {
    if (!isAsked(name, options.systems)) continue;
    const key = `${options.store}/${name}`;
    subjects.set(key, await loadSubject(key));
  }
  const end = performance.now() + (options.withinMs ?? Infinity);
  for (const workload of WORKLOADS) {
    const { longMs, notOn } = workload;
    if (notOn?.includes(options.store) === true) continue;
    if (!(options.workloads?.has(workload.id) ?? longMs === undefined)) continue;
    for (const concurrency of workload.concurrencies) {
      if (performance.now() > end) {
        options.onLeftOut(`${workload.id} at ${concurrency}`);
        continue;
      }
      const requests = new Map<RunRequest, Subject>();
      for (const [key, subject] of subjects)
        if (workload.needs.every((ability) => subject.abilities.includes(ability)))
          requests.set(
            {
              subject: key,
              workload: workload.id,
              n: sizeOf(workload, subject, options.quick),
              concurrency,
              ...(options.url === undefined ? {} : { url: options.url }),
              ...(longMs === undefined ? {} : { longMs }),
            },
            subject,
          );
      for (const [request, results] of await rounds([...requests.keys()], options)) {
        const { system, version, store, variant } = requests.get(request)!;
        yield {
          system,
          store,
          ...(variant === undefined ? {} : { variant }),
          workload: workload.id,
          concurrency,
          n: request.n,
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

/** What was measured for each request in each counted round. */
async function rounds(
  requests: readonly RunRequest[],
  options: DriveOptions,
): Promise<ReadonlyMap<RunRequest, readonly Measured[]>> {
  const children = new Map<RunRequest, Child>();
  const measured = new Map<RunRequest, Measured[]>();
  try {
    for (const request of requests) children.set(request, await Child.start());
    for (let round = 0; round <= options.runs; round++)
      for (const [request, child] of children) {
        const { subject, workload, concurrency, longMs } = request;
        if (round === 0 && longMs !== undefined) continue;
        options.onProgress(`${workload} at ${concurrency}, round ${round} of ${options.runs}: ${subject}`);
        try {
          const result = (await child.run(request)) as Measured;
          if (round > 0) measured.set(request, [...(measured.get(request) ?? []), result]);
        } catch (error) {
          options.onFailure(error as Error);
          measured.delete(request);
          children.delete(request);
          await child.stop();
        }
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
  const values = results.map(
    (r) =>
      r.perSecond ?? r.readPerSecond ?? r.p50Ms ?? r.bytesPerJob ?? r.allAfterDueMs ?? r.listMs ?? Number.NaN,
  );
  return [round(Math.min(...values)), round(Math.max(...values))];
}

function round(value: number): number {
  return value >= 100 ? Math.round(value) : Number(value.toPrecision(3));
}
