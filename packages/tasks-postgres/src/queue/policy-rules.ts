import {
  type Bucket,
  DEFAULT_KEEP_COMPLETED,
  DEFAULT_KEEP_FAILED,
  type QueuePolicy,
  type Retention,
} from "@lexigram/contracts";
import { toOrderedText } from "../connection/ordered-text.ts";
import { whole } from "./stored-job.ts";

/** Counts above this are as good as none. */
const most = (count: number): number => Math.min(count, 2 ** 31 - 1);

const bucket = (rate: Bucket): { readonly interval: number; readonly burst: number } => ({
  interval: rate.perMs / rate.rate,
  burst: rate.burst,
});

const limitOf = (limit: { readonly concurrency?: number; readonly rate?: Bucket }): object => ({
  ...(limit.concurrency === undefined ? {} : { c: limit.concurrency }),
  ...(limit.rate === undefined ? {} : { rate: bucket(limit.rate) }),
});

const bounds = (keep: Retention): readonly [ageMs: number, count: number] =>
  keep === 0 ? [0, 0] : [whole(keep.ageMs), most(keep.count)];

/** The part of a policy that decides what may start next, as functions read it; empty when nothing does. */
function rulesOf(policy: QueuePolicy): string {
  const tasks = Object.entries(policy.perTask ?? {})
    .filter(([, limit]) => limit.concurrency !== undefined || limit.rate !== undefined)
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
  const key = policy.perKey;
  const fifo = key?.order === "fifo";
  const keyMatters = key?.concurrency !== undefined || key?.rate !== undefined || fifo || key?.fair === true;
  const anyRate =
    policy.rate !== undefined ||
    key?.rate !== undefined ||
    tasks.some(([, limit]) => limit.rate !== undefined);
  const rules = {
    ...limitOf(policy),
    ...(anyRate ? { anyRate } : {}),
    ...(policy.agingMs === undefined ? {} : { aging: policy.agingMs }),
    ...(tasks.length === 0
      ? {}
      : { tasks: Object.fromEntries(tasks.map(([task, limit]) => [toOrderedText(task), limitOf(limit)])) }),
    ...(keyMatters && key !== undefined
      ? {
          k: {
            ...limitOf(key),
            ...(fifo ? { fifo: true } : {}),
            ...(key.fair === true ? { fair: true } : {}),
            ...(fifo && key.onFailure === "block" ? { hold: true } : {}),
          },
        }
      : {}),
  };
  return Object.keys(rules).length === 0 ? "" : JSON.stringify(rules);
}

/** Which jobs rules concern; while that is the same, jobs that wait stay where they are. */
function concernsOf(policy: QueuePolicy): string {
  const rules = rulesOf(policy);
  if (rules === "") return "";
  const { tasks, k } = JSON.parse(rules) as {
    readonly tasks?: object;
    readonly k?: { readonly fifo?: boolean; readonly fair?: boolean; readonly hold?: boolean };
  };
  if (tasks === undefined && k === undefined) return "";
  return JSON.stringify([
    Object.keys(tasks ?? {}),
    k !== undefined,
    k?.fifo === true,
    k?.fair === true,
    k?.hold === true,
  ]);
}

/** What the function that sets a policy is given. */
export function policyValues(policy: QueuePolicy): readonly unknown[] {
  const rules = rulesOf(policy);
  return [
    JSON.stringify(policy),
    rules === "" ? null : rules,
    concernsOf(policy),
    ...bounds(policy.keepCompleted ?? DEFAULT_KEEP_COMPLETED),
    ...bounds(policy.keepFailed ?? DEFAULT_KEEP_FAILED),
    policy.maxSize === undefined ? null : most(policy.maxSize),
  ];
}
