import type { Clock, JsonValue } from "@lexigram/contracts";
import type { SchedulerStores } from "./schedule-harness.ts";

/** What a workflow queues and keeps: one connection to a queue and a state store. */
export type WorkflowStores = SchedulerStores;

/**
 * The tasks that workflows of the kit are made of: `add` gives its input and one, `sum` the sum of a list in which `null`
 * counts a thousand, `fail` nothing but an error, in its only attempt; `large` says whether its input is above ten. `mend`
 * gives a hundred times what the step was given that failed.
 */
export type WorkflowTask = "add" | "sum" | "fail" | "large" | "mend";

/** One step that is a task. */
export interface StepShape {
  readonly task: WorkflowTask;
  /** Default: the task's. */
  readonly name?: string;
  readonly onError?: "mend";
  /** Milliseconds before its job is run. */
  readonly delay?: number;
}

/** A workflow in words of the kit, which a harness puts into those of its subject. */
export type WorkflowShape =
  | StepShape
  | { readonly chain: readonly WorkflowShape[]; readonly name?: string; readonly stopOnError?: boolean }
  | { readonly group: StepsShape; readonly name?: string; readonly maxConcurrency?: number }
  | {
      readonly chord: StepsShape;
      readonly callback: WorkflowShape;
      readonly name?: string;
      readonly onPartial?: "stop" | "call";
    }
  | {
      readonly branch: StepShape;
      readonly ifTrue: WorkflowShape;
      readonly ifFalse: WorkflowShape;
      readonly name?: string;
    };

/** Steps one by one, or one for each item of a list. */
export type StepsShape = readonly WorkflowShape[] | { readonly each: WorkflowShape };

/** How a workflow ended, as far as the laws go. */
export interface WorkflowEnd {
  readonly status: string;
  readonly finalResult: unknown;
  readonly steps: readonly {
    readonly stepName: string;
    readonly success: boolean;
    readonly data?: unknown;
  }[];
}

/** A process that starts workflows and, when it works, runs their jobs, three at a time, on leases of five seconds. */
export interface WorkflowSubject {
  /** Starts a workflow that is no single step. */
  start(shape: WorkflowShape, input: JsonValue, workflowId: string): Promise<void>;
  /** Waits for the end. Rejects when it takes longer than half a minute. */
  end(workflowId: string): Promise<WorkflowEnd>;
  status(workflowId: string): Promise<string>;
  cancel(workflowId: string): Promise<string>;
  listActive(): Promise<readonly string[]>;
  /** Lets go of it, as a process that ends in good order. */
  stop(): Promise<void>;
}

/** How the kit gets at workflows over a backend. */
export interface WorkflowHarness {
  /** Names the configuration under test in reports. */
  readonly name: string;
  /** Milliseconds after which a case stops waiting for what should come. Default: as long as a busy machine takes. */
  readonly patienceMs?: number;
  /** The time of stores and processes. Default: the machine's. */
  readonly clock?: Clock;
  /** @returns how to connect to fresh, empty stores; each call is a connection of its own, which the harness ends. */
  open(): Promise<() => Promise<WorkflowStores>>;
  /**
   * A process on a connection.
   *
   * @param works whether it runs jobs.
   * @param ran is told of each run of a task, before it returns.
   */
  process(
    stores: WorkflowStores,
    works: boolean,
    ran: (task: WorkflowTask, input: unknown) => void,
  ): Promise<WorkflowSubject>;
  /** Lets go of everything, and removes what was stored. */
  dispose(): Promise<void>;
}
