import { type Bucket, type QueuePolicy, TaskConfigError, UnsupportedError } from "@lexigram/contracts";
import type { RegisteredTask } from "../define/registered-task.ts";
import type { QueueBinding } from "../dispatch/queue-binding.ts";

/** What a task says of how fast and how many of its jobs may run, over all processes. */
export interface TaskLimits {
  readonly concurrency?: number;
  readonly rate?: Bucket;
  /** Of each key by itself: `rateLimit` with a `key`. */
  readonly keyRate?: Bucket;
}

const same = (a: unknown, b: unknown): boolean => JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));

function sorted(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, inner]) => inner !== undefined)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, inner]) => [name, sorted(inner)]),
  );
}

/**
 * The rules of a queue with what its tasks say. What the rules say of a task themselves stays, field by field: they are
 * the operator's.
 *
 * @throws TaskConfigError when two tasks say different things of the keys, whose rate is one for the whole queue; when
 *   a task without one would fall under another's.
 */
function withTaskLimits(queue: string, policy: QueuePolicy, tasks: readonly RegisteredTask[]): QueuePolicy {
  const { perTask } = policy;
  let { perKey } = policy;
  const said: Record<string, NonNullable<QueuePolicy["perTask"]>[string]> = {};
  const first = tasks.find(({ policy: { limits } }) => limits?.keyRate !== undefined);
  const keyRate = first?.policy.limits?.keyRate;
  for (const other of tasks) {
    if (first === undefined || perKey?.rate !== undefined) break;
    if (other === first) continue;
    const isOther = other.policy.limits?.keyRate !== undefined && !same(other.policy.limits.keyRate, keyRate);
    if (isOther || (other.policy.key !== undefined && other.policy.limits?.keyRate === undefined))
      throw new TaskConfigError(
        `tasks "${first.name}" and "${other.name}" share queue "${queue}", whose keys have one rate`,
        { path: `tasks.${other.name}.rateLimit` },
        { hint: "give both the same rateLimit with a key, or one of them a queue of its own" },
      );
  }
  if (keyRate !== undefined) perKey = { rate: keyRate, ...perKey };
  for (const { name, policy: own } of tasks) {
    const { concurrency, rate } = own.limits ?? {};
    if (concurrency === undefined && rate === undefined) continue;
    said[name] = {
      ...(concurrency === undefined ? {} : { concurrency }),
      ...(rate === undefined ? {} : { rate }),
      ...perTask?.[name],
    };
  }
  return {
    ...policy,
    ...(perTask === undefined && Object.keys(said).length === 0 ? {} : { perTask: { ...perTask, ...said } }),
    ...(perKey === undefined ? {} : { perKey }),
  };
}

/** What came of storing the limits of tasks. */
export interface AppliedLimits {
  /** Whether the rules of the queue are others now. */
  readonly changed: boolean;
  /** Tasks of which the rules that the store had say something else than their code; these stay. */
  readonly overruled: readonly string[];
}

const NOTHING: AppliedLimits = { changed: false, overruled: [] };

/** Tasks whose code says something else than rules do that came with no entry. */
function overruledBy({ perTask, perKey }: QueuePolicy, tasks: readonly RegisteredTask[]): string[] {
  const differs = (said: unknown, rule: unknown): boolean =>
    said !== undefined && rule !== undefined && !same(said, rule);
  return tasks
    .filter(({ name, policy: { limits } }) => {
      const rules = perTask?.[name];
      return (
        differs(limits?.concurrency, rules?.concurrency) ||
        differs(limits?.rate, rules?.rate) ||
        differs(limits?.keyRate, perKey?.rate)
      );
    })
    .map(({ name }) => name);
}

/**
 * Tasks of which rules say something that the rules of an entry, which took their place, do not, nor this process's code.
 *
 * @param isKnown whether this process's code limits a task of that name.
 */
export function limitsLost(
  before: QueuePolicy,
  entry: QueuePolicy,
  isKnown: (task: string) => boolean,
): string[] {
  return Object.keys(before.perTask ?? {}).filter(
    (name) => entry.perTask?.[name] === undefined && !isKnown(name),
  );
}

/**
 * Stores what tasks say of themselves with the rules of their queue: those of its entry, else those that the store has.
 *
 * @param tasks those that are enqueued to it and say something.
 * @throws UnsupportedError naming the task, where the queue cannot limit; TaskConfigError as `withTaskLimits` does.
 */
export async function applyTaskLimits(
  { name, queue, policy }: Pick<QueueBinding, "name" | "queue" | "policy">,
  tasks: readonly RegisteredTask[],
): Promise<AppliedLimits> {
  const limited = tasks.find(({ policy: { limits } }) => limits !== undefined);
  if (limited === undefined) return NOTHING;
  if (!queue.capabilities.limits)
    throw new UnsupportedError(
      { subject: `queue "${name}", to which task "${limited.name}" goes,`, capability: "limits" },
      {
        hint: "leave out rateLimit and concurrency of the task, or give it a queue on redis, postgres or memory",
      },
    );
  const stored = await queue.getPolicy();
  const wanted = withTaskLimits(name, policy ?? stored, tasks);
  const changed = !same(stored, wanted);
  if (changed) await queue.setPolicy(wanted);
  return { changed, overruled: policy === undefined ? overruledBy(stored, tasks) : [] };
}
