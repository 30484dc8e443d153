import type { JsonValue, SerializedError, StateStoreProtocol } from "@lexigram/contracts";
import { serviceOption, TaskConfigError, told } from "@lexigram/contracts";
import { asJson } from "./plan.ts";
import { isEnded, type StepResult, type WorkflowStatus } from "./workflow-result.ts";

/** Where a workflow stands, as it is stored. Instants are epoch milliseconds. */
export interface WorkflowState {
  readonly v: 1;
  readonly workflowId: string;
  /** `chain`, `group`, `chord` or `branch`. */
  readonly kind: string;
  readonly name: string;
  readonly status: WorkflowStatus;
  readonly startedAt: number;
  readonly updatedAt: number;
  /** Steps of a workflow that is executed in a process, by their path. */
  readonly steps: Readonly<Record<string, StepResult>>;
  readonly error?: SerializedError;
  /** Of a workflow that lives on queues: where it is carried on, and what came of it. */
  readonly home?: string;
  /** What its jobs and records are called by. */
  readonly run?: string;
  readonly outcome?: JsonValue;
}

/** What a list of workflows tells of each. */
export type WorkflowSummary = Pick<
  WorkflowState,
  "workflowId" | "kind" | "name" | "status" | "startedAt" | "updatedAt"
>;

export interface StoredWorkflow {
  readonly state: WorkflowState;
  readonly version: number;
}

const PREFIX = "workflow:";
/** Those that have not ended, so that a list of them costs as much as there are. */
const ACTIVE = "workflow-active:";
const WORKFLOW_ID = /^[\w.:-]{1,64}$/;
const PAGE = 1_000;

/** @throws TaskConfigError for what cannot name a workflow. */
export function checkWorkflowId(id: string): string {
  if (typeof id === "string" && WORKFLOW_ID.test(id)) return id;
  throw new TaskConfigError(
    `workflowId must be 1 to 64 letters, digits, or one of "._:-", not ${typeof id === "string" ? JSON.stringify(id) : told(id)}`,
    { path: "workflowId" },
    { hint: 'such as "order-4711"; leave it out to have one made up' },
  );
}

/** Workflows in a state store. Every method is safe beside every other, from any number of processes. */
export class WorkflowStateStore {
  readonly #state: StateStoreProtocol;

  /** @throws TaskConfigError for what is no state store. */
  constructor(state: StateStoreProtocol) {
    this.#state = serviceOption("WorkflowStateStore", "state", "state store", state);
  }

  /**
   * Stores a workflow for the first time.
   *
   * @returns what is stored now: another one when its id is taken, whose version tells.
   */
  async begin(state: WorkflowState): Promise<StoredWorkflow & { readonly isNew: boolean }> {
    const id = checkWorkflowId(state.workflowId);
    await this.#state.put(ACTIVE + id, true);
    const put = await this.#state.put(PREFIX + id, asJson(state), { ifAbsent: true });
    if (put.stored) return { state, version: put.version, isNew: true };
    const found = put.current === undefined ? undefined : (put.current.value as unknown as WorkflowState);
    if (found === undefined) return this.begin(state);
    if (isEnded(found.status)) await this.#state.delete(ACTIVE + id);
    return { state: found, version: put.current?.version ?? 0, isNew: false };
  }

  /**
   * Stores where a workflow stands.
   *
   * @param options `ifVersion`: only when what is stored is of that version; `ttlMs`: how long it is kept.
   * @returns the version that is stored now; `undefined` when the condition did not hold.
   */
  async saveState(
    state: WorkflowState,
    options: { readonly ifVersion?: number; readonly ttlMs?: number } = {},
  ): Promise<number | undefined> {
    const id = checkWorkflowId(state.workflowId);
    if (!isEnded(state.status) && options.ifVersion === undefined) await this.#state.put(ACTIVE + id, true);
    const put = await this.#state.put(PREFIX + id, asJson(state), options);
    if (!put.stored) return undefined;
    if (isEnded(state.status)) await this.#state.delete(ACTIVE + id);
    return put.version;
  }

  /** Where a workflow stands; `undefined` when there is none, or no longer. */
  async loadState(workflowId: string): Promise<WorkflowState | undefined> {
    return (await this.read(workflowId))?.state;
  }

  /** As {@link loadState}, with the version for {@link saveState}. */
  async read(workflowId: string): Promise<StoredWorkflow | undefined> {
    const entry = await this.#state.get(PREFIX + checkWorkflowId(workflowId));
    return entry && { state: entry.value as unknown as WorkflowState, version: entry.version };
  }

  /** Those that have not ended, in the order of their ids. */
  async listActive(): Promise<WorkflowSummary[]> {
    const found: WorkflowSummary[] = [];
    let cursor: string | undefined;
    do {
      const page = await this.#state.list(ACTIVE, {
        limit: PAGE,
        ...(cursor === undefined ? {} : { cursor }),
      });
      const ids = page.items.map(({ key }) => key.slice(ACTIVE.length));
      for (const state of await Promise.all(ids.map((id) => this.loadState(id)))) {
        if (state === undefined) continue;
        // Who ended it may have died before it said so.
        if (isEnded(state.status)) await this.#state.delete(ACTIVE + state.workflowId);
        else found.push(summaryOf(state));
      }
      cursor = page.cursor;
    } while (cursor !== undefined);
    return found;
  }

  /** @returns whether there was one. Jobs of one that has not ended are left alone: cancel it first. */
  async deleteState(workflowId: string): Promise<boolean> {
    const deleted = await this.#state.delete(PREFIX + checkWorkflowId(workflowId));
    await this.#state.delete(ACTIVE + workflowId);
    return deleted;
  }
}

function summaryOf({ workflowId, kind, name, status, startedAt, updatedAt }: WorkflowState): WorkflowSummary {
  return { workflowId, kind, name, status, startedAt, updatedAt };
}
