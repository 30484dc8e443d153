import type { TcpProxy } from "@lexigram/services";
import type { NamedBackendOptions, TaskQueueProtocol, WorkerOptions } from "@lexigram/tasks";
import type { Books } from "./accounts/books.ts";
import type { Bars } from "./accounts/verdict.ts";
import type { Deaths, Fault } from "./accounts/figures.ts";
import type { AppProcess } from "./run/app-process.ts";
import type { Cleanup } from "./run/cleanup.ts";
import type { Crew } from "./run/crew.ts";
import type { SeededRandom } from "./seeded-random.ts";

/** What a fault is made with. */
export interface Scene {
  readonly crew: Crew;
  readonly producers: readonly AppProcess[];
  /** What the ledgers say so far. */
  readonly books: Books;
  /** The queue, around what stands in the way of the others. */
  readonly queue: () => Promise<TaskQueueProtocol>;
  readonly random: SeededRandom;
  /** Waits; rejects when the run is called off. */
  readonly pause: (ms: number) => Promise<void>;
  /** Waits until this worker process runs something, or has had the time to. */
  readonly busy: (pid: number) => Promise<void>;
}

/** A worker process's own way to the store, and the queue as it names it. */
export interface Wire {
  readonly queue: NamedBackendOptions;
  readonly proxy: TcpProxy;
}

/** The servers of a run, up and ready, and what is done to them and to their clients. */
export interface Stage {
  /** The queue, as the workers and producers of the run name it. */
  readonly queue: NamedBackendOptions;
  /** Further backends of the application. */
  readonly beside?: readonly NamedBackendOptions[];
  /** A way of its own to the store for a worker process. Absent: all take the same. */
  readonly wire?: () => Promise<Wire>;
  /** The queue as whoever looks on names it, around what stands in the way of the others. Default: the same. */
  readonly observed?: NamedBackendOptions;
  /** Strikes once. Resolves when the store can be reached again. @returns what was done, in the order of time. */
  strike(scene: Scene): Promise<Fault | readonly Fault[]>;
  /** What is wrong beside the bars, in words, when all jobs are done. */
  missed?(facts: Facts): Promise<readonly string[]> | readonly string[];
}

/** What a run showed in the end. */
export interface Facts {
  readonly books: Books;
  readonly deaths: Deaths;
  /** Worker processes that ended because they were asked to. */
  readonly dismissed: ReadonlySet<number>;
  readonly queue: TaskQueueProtocol;
}

/** One way to hurt a system, and what it has to show under it. */
export interface Scenario {
  readonly name: string;
  /** What it shows, in one line. */
  readonly title: string;
  readonly worker?: WorkerOptions;
  /** Whether workers die, so that a run has to wait for their leases to end; it may then take shorter ones. */
  readonly deaths?: true;
  /** Whether all workers stand still for a while by what is done; else a stillness says that what waits is out of reach. */
  readonly stalls?: true;
  /** Whether some jobs are delayed. */
  readonly delays?: true;
  /** Whether the wall clocks of its workers are set. */
  readonly skews?: true;
  /** Whether its workers run poison jobs too, are replaced when they die of one, and how much memory they have, in MiB. */
  readonly poison?: { readonly heapMb: number };
  /** How often it strikes, where that is not for the size of a run to say. */
  readonly strikes?: number;
  /** `faultsInFlight` where it is not what each run asks for. */
  readonly bars: Omit<Bars, "accepted" | "faultsInFlight"> & Partial<Pick<Bars, "faultsInFlight">>;
  /** Brings the servers up; what it starts is ended by `cleanup`. */
  open(cleanup: Cleanup): Promise<Stage>;
}

/** How much of everything a run takes. */
export interface Size {
  readonly accepted: number;
  readonly faults: number;
  readonly workers: number;
  readonly producers: number;
  /** Of one scenario, in milliseconds. */
  readonly limitMs: number;
  /** Leases where workers die, in milliseconds. Absent: the default. */
  readonly lease?: number;
}

export const QUICK: Size = {
  accepted: 5_000,
  faults: 6,
  workers: 2,
  producers: 1,
  limitMs: 240_000,
  lease: 2_000,
};
export const FULL: Size = { accepted: 30_000, faults: 20, workers: 3, producers: 2, limitMs: 900_000 };

/** For builds that are broken on purpose: enough to see it. */
export const BROKEN: Size = { ...QUICK, accepted: 1_500, faults: 5, limitMs: 60_000 };

/** What `all` runs on every store when it is to be quick. */
export const QUICK_SCENARIOS: readonly string[] = ["worker-kill", "server-restart", "half-open"];

/** Faults that must find a job in flight, whatever the size of the run. */
export const FAULTS_IN_FLIGHT = 5;
