import type { JsonValue, StateStoreProtocol } from "@lexigram/contracts";
import type { Ended, FramePosition } from "./frame.ts";
import { asJson, type PlanNode } from "./plan.ts";
import type { Given } from "./plan-place.ts";
import type { StepResult } from "./workflow-result.ts";

/** A list that is stored in itself, or in so many parts. */
export type KeptList<T> = { readonly items: readonly T[] } | { readonly key: string; readonly parts: number };

/** A frame as it is stored. */
export interface FrameRecord {
  readonly v: 1;
  /** Rises with every move. Only the jobs of this number may move it. */
  readonly tick: number;
  readonly position: FramePosition;
  /** The queues that hold what is waited for, in order. */
  readonly queues: readonly string[];
  /** How the children of each queue ended, once they have. */
  readonly arrived: Readonly<Record<string, KeptList<Ended>>>;
  readonly fan?: KeptList<StepResult>;
  readonly notifies?: string;
}

export interface StoredFrame {
  readonly record: FrameRecord;
  readonly version: number;
}

/** A workflow as it was started. */
export interface StoredPlan {
  readonly plan: PlanNode;
  readonly input: Given;
  readonly home: string;
  /** Milliseconds for which its end is kept. */
  readonly retentionMs: number;
}

const PLAN = "workflow-plan:";
const FRAME = "workflow-frame:";
const PART = "workflow-part:";
/** What fits into one record beside everything else. */
const INLINE = 100;
const PART_SIZE = 500;
const PAGE = 500;

/** What workflows on queues keep besides their state. */
export class WorkflowRecords {
  readonly #state: StateStoreProtocol;
  /** Plans never change, and every job of a workflow needs its own. */
  readonly #plans = new Map<string, StoredPlan>();

  constructor(state: StateStoreProtocol) {
    this.#state = state;
  }

  /** @returns what is stored now: another one when the id is taken. */
  async putPlan(run: string, plan: StoredPlan): Promise<StoredPlan> {
    const put = await this.#state.put(PLAN + run, asJson(plan), { ifAbsent: true });
    return (put.stored || put.current === undefined
      ? asJson(plan)
      : put.current.value) as unknown as StoredPlan;
  }

  async plan(run: string): Promise<StoredPlan | undefined> {
    const known = this.#plans.get(run);
    if (known !== undefined) return known;
    const entry = await this.#state.get(PLAN + run);
    if (entry === undefined) return undefined;
    const plan = entry.value as unknown as StoredPlan;
    if (this.#plans.size >= PAGE) this.#plans.clear();
    this.#plans.set(run, plan);
    return plan;
  }

  async frame(run: string, path: string): Promise<StoredFrame | undefined> {
    const entry = await this.#state.get(frameKey(run, path));
    return entry && { record: entry.value as unknown as FrameRecord, version: entry.version };
  }

  /** @returns the version that is stored now; `undefined` when another one was quicker. */
  async putFrame(
    run: string,
    path: string,
    record: FrameRecord,
    version: number | undefined,
  ): Promise<number | undefined> {
    const put = await this.#state.put(
      frameKey(run, path),
      asJson(record),
      version === undefined ? { ifAbsent: true } : { ifVersion: version },
    );
    return put.stored ? put.version : undefined;
  }

  /** The paths and records of all frames of a run. */
  async *frames(run: string): AsyncGenerator<readonly [path: string, FrameRecord]> {
    const prefix = frameKey(run, "");
    let cursor: string | undefined;
    do {
      const page = await this.#state.list(prefix, {
        limit: PAGE,
        ...(cursor === undefined ? {} : { cursor }),
      });
      for (const { key, value } of page.items)
        yield [key.slice(prefix.length), value as unknown as FrameRecord];
      cursor = page.cursor;
    } while (cursor !== undefined);
  }

  /** Stores a list: in the record that names it when it is short, beside it otherwise. */
  async keep<T>(run: string, name: string, items: readonly T[]): Promise<KeptList<T>> {
    if (items.length <= INLINE) return { items };
    const key = `${PART}${run}/${name}`;
    const parts = Math.ceil(items.length / PART_SIZE);
    await Promise.all(
      Array.from({ length: parts }, (_, p) =>
        this.#state.put(`${key}:${p}`, asJson(items.slice(p * PART_SIZE, (p + 1) * PART_SIZE))),
      ),
    );
    return { key, parts };
  }

  async kept<T>(list: KeptList<T>): Promise<readonly T[]> {
    if ("items" in list) return list.items;
    const { key, parts } = list;
    const entries = await Promise.all(
      Array.from({ length: parts }, (_, p) => this.#state.get(`${key}:${p}`)),
    );
    return entries.flatMap((entry) => (entry?.value ?? []) as unknown as T[]);
  }

  /** Lets go of everything but the parts of a list, which stay for a time. */
  async sweep(run: string, spared?: KeptList<unknown>, ttlMs = 1): Promise<void> {
    const own = spared !== undefined && "key" in spared ? `${spared.key}:` : undefined;
    for (const prefix of [frameKey(run, ""), `${PART}${run}/`]) {
      let cursor: string | undefined;
      do {
        const page = await this.#state.list(prefix, {
          limit: PAGE,
          ...(cursor === undefined ? {} : { cursor }),
        });
        await Promise.all(
          page.items.map(({ key }) =>
            own !== undefined && key.startsWith(own)
              ? this.#state.touch(key, { ttlMs })
              : this.#state.delete(key),
          ),
        );
        cursor = page.cursor;
      } while (cursor !== undefined);
    }
    this.#plans.delete(run);
    await this.#state.delete(PLAN + run);
  }

  /** Tells who waits for the end of a run. May fail: they look for themselves, too. */
  announce(run: string): void {
    this.#state.publish(endTopic(run), true satisfies JsonValue).catch(() => {});
  }

  ends(run: string, signal: AbortSignal): Promise<AsyncIterable<JsonValue>> {
    return this.#state.subscribe(endTopic(run), signal);
  }
}

const frameKey = (run: string, path: string): string => `${FRAME}${run}/${path}`;
const endTopic = (run: string): string => `workflow-ended:${run}`;
