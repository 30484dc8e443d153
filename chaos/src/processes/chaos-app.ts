import { type Clock, Priority } from "@lexigram/contracts";
import { Application } from "@lexigram/kernel";
import {
  type NamedBackendOptions,
  task,
  type Runnable,
  TasksModule,
  type WorkerOptions,
} from "@lexigram/tasks";
import { z } from "zod";
import { brokenEntry } from "../broken/broken-backend.ts";

/** How an application under test is set up. */
export interface AppSettings {
  /** The queue, as an application names it in its configuration. */
  readonly queue: NamedBackendOptions;
  /** Further backends. */
  readonly beside?: readonly NamedBackendOptions[];
  readonly worker: WorkerOptions;
  /** The build that is broken on purpose; absent: as it is. */
  readonly broken?: string;
}

/** What a worker process is told, as JSON in its first argument. */
export interface WorkerSettings extends AppSettings {
  /** The folder of the run's ledgers. */
  readonly ledgers: string;
  /** Whether its wall clock can be set; a thread beside the loop then keeps no leases, as it reads the machine's. */
  readonly skews?: boolean;
  /** Whether it runs poison jobs, too. */
  readonly poison?: boolean;
}

/** What a producer process is told, as JSON in its first argument. */
export interface ProducerSettings extends AppSettings {
  readonly ledgers: string;
  /** Begins the ids of its jobs; unique in the run. */
  readonly prefix: string;
  readonly seed: number;
  /** Enqueues under way at once. */
  readonly lanes: number;
  /** Whether some of its jobs are delayed. */
  readonly delays?: boolean;
}

/** What a producer process is asked: to enqueue, to stop for now, to stop for good; or for one poison job. */
export type ProducerOrder = "flow" | "hold" | "finish" | { readonly poison: PoisonKind; readonly id: string };

/**
 * What a worker process is asked: that its next handler blocks the event loop for so long, or that its wall clock is so far
 * ahead from now on. Milliseconds.
 */
export type WorkerOrder = { readonly blockMs: number } | { readonly skewMs: number };

/** What a job is given: how long it takes, and before which moment of the machine it may not begin. */
export interface ChaosInput {
  readonly ms: number;
  readonly dueAt?: number | undefined;
}

/** What a process tells its parent: that it is up, or what it met that nobody expects. */
export type ProcessReport = { readonly ready: true } | { readonly problem: string };

/** The one task, in the words that producers and workers share. A job takes as long as its input says. */
export function jobOptions({ queue }: Pick<AppSettings, "queue">) {
  return {
    name: "chaos.job",
    input: z.object({ ms: z.number(), dueAt: z.number().optional() }),
    // Some runs kill workers more often than policy forgives one job; giving up on it is not what they look for. A
    // broker counts no recoveries, and refuses a limit of them.
    ...(queue.type === "rabbitmq" && queue.extra?.["jobIndex"] !== true ? {} : { maxRecoveries: 1_000 }),
  };
}

/** What a poison job does to its worker. */
export type PoisonKind = (typeof POISON_KINDS)[number];
export const POISON_KINDS = ["exit", "throw", "memory", "result", "loop"] as const;

/** How often a poison job is repeated after it failed, or after its worker died. */
export const POISON_REPEATS = 1;

/** The task whose jobs are poison. */
export const poisonOptions = {
  name: "chaos.poison",
  input: z.object({ kind: z.enum(POISON_KINDS) }),
  maxRetries: POISON_REPEATS,
  maxRecoveries: POISON_REPEATS,
  // It does not wait behind what piled up while its last worker was away.
  priority: Priority.CRITICAL,
  retry: { baseDelay: 10 },
  timeout: 1_000,
};

/** The task as producers know it. */
export const chaosJob = (settings: AppSettings) => task(jobOptions(settings));

/**
 * Boots the application of one process.
 *
 * @param work what its workers run; absent: it has no workers.
 * @param clock its time. Default: the machine's.
 */
export async function bootApp(
  { queue, beside = [], worker, broken }: AppSettings,
  work?: readonly Runnable[],
  clock?: Clock,
): Promise<Application> {
  const entry = broken === undefined ? queue : await brokenEntry(queue, broken);
  return Application.boot({
    modules: [
      TasksModule.configure({
        backends: [entry, ...beside],
        ...(work === undefined ? { workerCount: 0 } : {}),
        config: { worker },
      }),
      ...(work === undefined ? [] : [TasksModule.scope(...work)]),
    ],
    config: { logging: { level: "warn" } },
    ...(clock === undefined ? {} : { clock }),
  });
}

/** The settings that the parent gave this process. */
export function givenSettings<T extends AppSettings>(): T {
  // Whatever way the parent ends, this process does not outlive it.
  process.once("disconnect", () => process.exit(1));
  return JSON.parse(process.argv[2] ?? "{}") as T;
}

export function report(message: ProcessReport): void {
  process.send?.(message);
}

/** Lets a process end that has done its work. */
export function leave(): void {
  process.removeAllListeners("disconnect");
  process.disconnect();
}
