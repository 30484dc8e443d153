import {
  type Clock,
  type StateStoreProtocol,
  systemClock,
  type TaskQueueProtocol,
} from "@lexigram/contracts";
import { uniqueName } from "../build/job.ts";
import { overriding } from "../liars/overriding.ts";
import type { WorkflowHarness, WorkflowStores, WorkflowSubject } from "./workflow-harness.ts";

/** Laid over the calls of one process. */
export interface WorkflowFaults {
  readonly queue?: (queue: TaskQueueProtocol) => Partial<TaskQueueProtocol>;
  readonly state?: (state: StateStoreProtocol) => Partial<StateStoreProtocol>;
}

const LOOK_MS = 5;
const PATIENCE_MS = 15_000;

/** What a case of workflows works with: fresh stores, and processes on connections of their own. */
export class WorkflowEnv {
  readonly harness: WorkflowHarness;
  readonly queue: TaskQueueProtocol;
  readonly state: StateStoreProtocol;
  /** Part of every name that this case gives. */
  readonly seed = uniqueName("w");
  /** What ran, in whatever process: task and input. */
  readonly ran: string[] = [];
  readonly #connect: () => Promise<WorkflowStores>;
  readonly #clock: Clock;
  readonly #processes: WorkflowSubject[] = [];
  #names = 0;

  private constructor(
    harness: WorkflowHarness,
    connect: () => Promise<WorkflowStores>,
    { queue, state }: WorkflowStores,
  ) {
    this.harness = harness;
    this.#connect = connect;
    this.#clock = harness.clock ?? systemClock;
    this.queue = queue;
    this.state = state;
  }

  static async open(harness: WorkflowHarness): Promise<WorkflowEnv> {
    const connect = await harness.open();
    return new WorkflowEnv(harness, connect, await connect());
  }

  async end(): Promise<void> {
    for (const subject of this.#processes) await subject.stop();
  }

  /** Names a workflow of this case. */
  name(): string {
    return `${this.seed}-${++this.#names}`;
  }

  /** A process that starts workflows and runs none of their jobs. */
  starter(faults: WorkflowFaults = {}): Promise<WorkflowSubject> {
    return this.#process(faults, false);
  }

  /** A process that works. */
  worker(faults: WorkflowFaults = {}): Promise<WorkflowSubject> {
    return this.#process(faults, true);
  }

  /** Looks again and again. @throws when it is not so in a long time. */
  async until(what: string, isSo: () => Promise<boolean> | boolean): Promise<void> {
    const until = this.#clock.monotonic() + (this.harness.patienceMs ?? PATIENCE_MS);
    while (!(await isSo())) {
      if (this.#clock.monotonic() > until) throw new Error(`waited in vain: ${what}`);
      await new Promise<void>((resolve) => void this.#clock.setTimer(resolve, LOOK_MS));
    }
  }

  async #process(faults: WorkflowFaults, works: boolean): Promise<WorkflowSubject> {
    const { queue, state } = await this.#connect();
    const subject = await this.harness.process(
      {
        queue: faults.queue === undefined ? queue : overriding(queue, faults.queue(queue)),
        state: faults.state === undefined ? state : overriding(state, faults.state(state)),
      },
      works,
      (task, input) => void this.ran.push(`${task} ${JSON.stringify(input)}`),
    );
    this.#processes.push(subject);
    return subject;
  }
}
