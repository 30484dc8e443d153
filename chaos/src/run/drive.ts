import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { WorkerOptions } from "@lexigram/tasks";
import { type Fault, type Figures, figuresOf } from "../accounts/figures.ts";
import { LedgerFolder } from "../accounts/ledger-folder.ts";
import { type Findings, missedBars } from "../accounts/verdict.ts";
import { now } from "../moment.ts";
import {
  FAULTS_IN_FLIGHT,
  type Scenario,
  type Scene,
  type Size,
  type Stage,
  type Wire,
} from "../scenario.ts";
import { SeededRandom } from "../seeded-random.ts";
import { AppProcess } from "./app-process.ts";
import { Cleanup } from "./cleanup.ts";
import { Crew } from "./crew.ts";
import { Load } from "./load.ts";
import { StoreView } from "./store-view.ts";

/** What a run of one scenario showed. */
export interface Outcome extends Figures {
  readonly scenario: string;
  readonly store: string;
  readonly seed: number;
  readonly safe: boolean;
  readonly workers: number;
  /** Accepted jobs that the store does not call completed; `null` when it could not be asked. */
  readonly unsettled: number | null;
  readonly seconds: number;
  /** The bars that were missed, in words. */
  readonly missed: readonly string[];
  /** Where ledgers and logs were kept; by default only of a run that missed a bar. */
  readonly kept?: string;
}

export interface DriveOptions {
  readonly store: string;
  readonly size: Size;
  readonly seed: number;
  /** Keeps ledgers and logs of runs that missed nothing, too. */
  readonly keep: boolean;
  /** A build that is broken on purpose, in workers and producers. Absent: as it is. */
  readonly broken?: string;
  /** Calls the run off. */
  readonly signal: AbortSignal;
  readonly onProgress: (faults: number, completed: number, what: string) => void;
}

/** Milliseconds between two looks at the ledgers. */
const LOOK = 25;
/** From the recovery of one fault to the next, at least and at most. */
const REST = [500, 2_000] as const;
/** A handler that started so long ago, in milliseconds, is still at work when a fault strikes, more often than not. */
const FRESH = 15;
/** How long workers may take to run something before a fault strikes anyway. */
const BUSY_WITHIN = 5_000;
/** How long consumers may take to be back before the next fault strikes anyway. */
const BACK_WITHIN = 20_000;
/** Attempts at once of each worker process, and enqueues at once of each producer process. */
const SLOTS = 8;
const LANES = 32;

/**
 * Runs one scenario: brings servers, workers and producers up, strikes, waits until the store holds no unfinished job,
 * and judges what the ledgers say. Everything it started is gone when it settles.
 *
 * @throws Error when something could not be started, or a ledger cannot be read; the reason of `signal`.
 */
export async function drive(scenario: Scenario, options: DriveOptions): Promise<Outcome> {
  const folder = mkdtempSync(join(tmpdir(), `chaos-${scenario.name}-`));
  let keep = true;
  try {
    await using cleanup = new Cleanup();
    const outcome = await new Run(scenario, options, folder, cleanup).outcome();
    // A broken build is to miss bars.
    keep = options.keep || (outcome.missed.length > 0 && options.broken === undefined);
    return keep ? { ...outcome, kept: folder } : outcome;
  } catch (error) {
    keep = !options.signal.aborted;
    throw keep ? new Error(`its ledgers and logs: ${folder}`, { cause: error }) : error;
  } finally {
    if (!keep) rmSync(folder, { recursive: true, force: true });
  }
}

/** The same stage, with queues that keep every record: the store is asked for each job at the end. */
function remembering(stage: Stage): Stage {
  const keepCompleted = { age: "1h", count: 1_000_000 } as const;
  const wire = stage.wire;
  return {
    ...stage,
    ...(wire === undefined
      ? {}
      : {
          wire: async (): Promise<Wire> => {
            const { queue, proxy } = await wire();
            return { queue: { ...queue, keepCompleted }, proxy };
          },
        }),
    queue: { ...stage.queue, keepCompleted },
    observed: { ...(stage.observed ?? stage.queue), keepCompleted },
  };
}

type Drained = Required<Pick<Findings, "unsettled" | "others">>;

class Run {
  readonly #scenario: Scenario;
  readonly #options: DriveOptions;
  readonly #folder: string;
  readonly #ledgers: string;
  readonly #cleanup: Cleanup;
  readonly #random: SeededRandom;
  readonly #began = now();
  readonly #reader: LedgerFolder;
  readonly #faults: Fault[] = [];
  #outOfTime = false;
  /** Why a ledger could not be read. */
  #unreadable: unknown;

  constructor(scenario: Scenario, options: DriveOptions, folder: string, cleanup: Cleanup) {
    this.#scenario = scenario;
    this.#options = options;
    this.#folder = folder;
    this.#cleanup = cleanup;
    this.#ledgers = join(folder, "ledgers");
    mkdirSync(this.#ledgers);
    this.#reader = new LedgerFolder(this.#ledgers);
    cleanup.defer(() => this.#reader[Symbol.dispose]());
    this.#random = new SeededRandom(options.seed, scenario.name);
  }

  async outcome(): Promise<Outcome> {
    const { size, store, seed } = this.#options;
    const { bars, name } = this.#scenario;
    this.#say("servers");
    const stage = remembering(await this.#scenario.open(this.#cleanup));
    const view = new StoreView(stage);
    this.#cleanup.defer(() => view[Symbol.asyncDispose]());
    const crew = await this.#crew(stage);
    const producers = await this.#producers(stage);
    const load = new Load(producers, now(), this.#scenario.stalls === true);
    this.#watch(load);

    await this.#strikes(stage, { crew, producers, queue: () => view.queue() });
    const loadEnd = now();
    load.finish();
    const { unsettled, others } = await this.#drained(stage, view, crew);
    await this.#atMost(5_000, Promise.all(producers.map(({ ended }) => ended)));
    await this.#atMost(30_000, crew.drainAll());
    this.#reader.refresh();

    const figures = figuresOf(this.#reader.books, this.#faults, crew.deaths, loadEnd);
    const crashes = [
      ...crew.crashes,
      ...producers.flatMap(({ problems }) => problems),
      ...producers.filter(({ alive }) => alive).map(() => "a producer did not stop"),
    ];
    return {
      ...figures,
      scenario: name,
      store,
      seed,
      safe: bars.safe,
      workers: size.workers,
      unsettled: unsettled ?? null,
      seconds: Math.round((now() - this.#began) / 1_000),
      missed: missedBars(
        figures,
        { unsettled, others, crashes: [...new Set(crashes)].slice(0, 5), outOfTime: this.#outOfTime },
        { faultsInFlight: FAULTS_IN_FLIGHT, ...bars, accepted: size.accepted },
      ),
    };
  }

  /** Reads the ledgers as they grow, whatever else goes on, and keeps the load even. */
  #watch(load: Load): void {
    const watching = setInterval(() => {
      try {
        this.#reader.refresh();
        load.steer(this.#reader.books, now());
      } catch (error) {
        this.#unreadable ??= error;
      }
    }, LOOK);
    this.#cleanup.defer(() => clearInterval(watching));
  }

  async #crew(stage: Stage): Promise<Crew> {
    const { queue, beside = [] } = stage;
    const { poison } = this.#scenario;
    const settings = {
      queue,
      beside,
      worker: this.#worker(),
      ledgers: this.#ledgers,
      skews: this.#scenario.skews === true,
      poison: poison !== undefined,
      ...this.#build,
    };
    const hire = async (): Promise<AppProcess> => {
      const own = await stage.wire?.();
      const given = own === undefined ? settings : { ...settings, queue: own.queue };
      const worker = await AppProcess.spawn("worker", given, this.#folder, poison?.heapMb);
      worker.wire = own?.proxy;
      return worker;
    };
    const crew = new Crew(hire, poison !== undefined);
    this.#cleanup.defer(() => crew.dismissAll());
    this.#say("workers");
    await Promise.all(Array.from({ length: this.#options.size.workers }, () => crew.hire()));
    return crew;
  }

  async #producers({ queue, beside = [] }: Stage): Promise<readonly AppProcess[]> {
    const { size, seed } = this.#options;
    this.#say("producers");
    const producers: AppProcess[] = [];
    this.#cleanup.defer(() => Promise.all(producers.map((producer) => producer.kill())));
    for (let i = 0; i < size.producers; i++)
      producers.push(
        await AppProcess.start(
          "producer",
          {
            queue,
            beside,
            worker: {},
            ledgers: this.#ledgers,
            prefix: `p${i}`,
            seed,
            lanes: LANES,
            delays: this.#scenario.delays === true,
            ...this.#build,
          },
          this.#folder,
        ),
      );
    return producers;
  }

  get #build(): { readonly broken?: string } {
    const { broken } = this.#options;
    return broken === undefined ? {} : { broken };
  }

  #worker(): WorkerOptions {
    const { worker, deaths = false } = this.#scenario;
    const { lease } = this.#options.size;
    const short = deaths && lease !== undefined ? { lease } : {};
    return { workerCount: 1, maxConcurrentTasks: SLOTS, ...short, ...worker };
  }

  /** All faults, one after the other, and then the load up to its size. */
  async #strikes(stage: Stage, actors: Pick<Scene, "crew" | "producers" | "queue">): Promise<void> {
    const { size } = this.#options;
    const { crew } = actors;
    const scene: Scene = {
      ...actors,
      books: this.#reader.books,
      random: this.#random,
      pause: (ms: number) => this.#pause(ms),
      busy: (pid: number) => this.#busy(() => [pid]),
    };
    await this.#consuming(crew, now());
    const strikes = this.#scenario.strikes ?? size.faults;
    for (let i = 0; i < strikes && !this.#late(); i++) {
      await this.#pause(this.#random.between(...REST));
      await this.#busy(() => crew.pids);
      this.#say("fault");
      const faults = [await stage.strike(scene)].flat();
      this.#faults.push(...faults);
      this.#say("recovery");
      await this.#consuming(crew, Math.max(...faults.map(({ reachableAt }) => reachableAt)));
    }
    this.#say("load");
    const rest = now() + REST[1];
    await this.#until(() => now() > rest && this.#reader.books.accepted.size >= size.accepted);
  }

  /** Waits until each worker has started something a while after the moment: what it held before is done by then. */
  async #consuming(crew: Crew, since: number): Promise<void> {
    const enough = since + 1_000;
    const { lastStart } = this.#reader.books;
    await this.#until(() => crew.pids.every((pid) => (lastStart.get(pid) ?? 0) > enough), BACK_WITHIN);
  }

  /** Waits until one of these processes runs what it has just begun: a fault that hits nobody says nothing. */
  async #busy(pids: () => readonly number[]): Promise<void> {
    const { atWork, lastStart } = this.#reader.books;
    await this.#until(() => {
      // Handlers take a few looks at most, and what was seen in the last one may be over.
      this.#reader.refresh();
      const fresh = now() - FRESH;
      return pids().some((pid) => (atWork.get(pid) ?? 0) > 0 && (lastStart.get(pid) ?? 0) > fresh);
    }, BUSY_WITHIN);
  }

  /**
   * Waits until the store holds no unfinished job.
   *
   * @returns what is wrong by it; accepted jobs that it does not call completed, `undefined` when it could not be asked.
   */
  async #drained(stage: Stage, view: StoreView, crew: Crew): Promise<Drained> {
    this.#say("drain");
    try {
      for (let rest = 0; rest < 2 && !this.#late();) {
        await this.#pause(250);
        rest = (await view.unfinished()) === 0 ? rest + 1 : 0;
        this.#say("drain");
      }
      this.#reader.refresh();
      const { books } = this.#reader;
      const { deaths, dismissed } = crew;
      const others = await stage.missed?.({ books, deaths, dismissed, queue: await view.queue() });
      return { unsettled: await view.unsettled(books), others: others ?? [] };
    } catch (error) {
      this.#options.signal.throwIfAborted();
      this.#say(`the store cannot be asked: ${String(error)}`);
      return { unsettled: undefined, others: [] };
    }
  }

  #late(): boolean {
    this.#outOfTime ||= now() - this.#began > this.#options.size.limitMs;
    return this.#outOfTime;
  }

  async #pause(ms: number): Promise<void> {
    const end = now() + ms;
    await this.#until(() => now() >= end);
  }

  /** Waits until the condition holds, or the time is over. @throws when a ledger cannot be read. */
  async #until(condition: () => boolean, withinMs = Infinity): Promise<void> {
    const end = now() + withinMs;
    for (;;) {
      if (this.#unreadable !== undefined)
        throw new Error("the ledgers cannot be read", { cause: this.#unreadable });
      if (condition() || now() > end || this.#late()) return;
      await sleep(LOOK, undefined, { signal: this.#options.signal });
    }
  }

  async #atMost(ms: number, done: Promise<unknown>): Promise<void> {
    const waiting = new AbortController();
    const until = AbortSignal.any([waiting.signal, this.#options.signal]);
    const limit = sleep(ms, undefined, { signal: until }).catch(() => {});
    await Promise.race([done, limit]);
    waiting.abort();
  }

  #say(what: string): void {
    this.#options.onProgress(this.#faults.length, this.#reader.books.completed, what);
  }
}
