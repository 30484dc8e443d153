import type { Bucket, QueuePolicy } from "@lexigram/contracts";

/** The part of a policy that decides what may start next. */
export interface ReadyRules {
  readonly concurrency: number;
  readonly rate: Bucket | undefined;
  /** 0: levels are strict. */
  readonly agingMs: number;
  readonly perTask: ReadonlyMap<string, { readonly concurrency: number; readonly rate: Bucket | undefined }>;
  /** Null when jobs with a key are like those without. */
  readonly perKey: {
    readonly concurrency: number;
    readonly rate: Bucket | undefined;
    readonly fifo: boolean;
    readonly fair: boolean;
    readonly holdOnFailure: boolean;
  } | null;
}

export function readyRules(policy: QueuePolicy): ReadyRules {
  const perTask = new Map<string, { concurrency: number; rate: Bucket | undefined }>();
  for (const [task, limit] of Object.entries(policy.perTask ?? {}))
    if (limit.concurrency !== undefined || limit.rate !== undefined)
      perTask.set(task, { concurrency: limit.concurrency ?? Number.POSITIVE_INFINITY, rate: limit.rate });
  const key = policy.perKey;
  const fifo = key?.order === "fifo";
  const matters = key?.concurrency !== undefined || key?.rate !== undefined || fifo || key?.fair === true;
  return {
    concurrency: policy.concurrency ?? Number.POSITIVE_INFINITY,
    rate: policy.rate,
    agingMs: policy.agingMs ?? 0,
    perTask,
    perKey: matters
      ? {
          concurrency: key?.concurrency ?? Number.POSITIVE_INFINITY,
          rate: key?.rate,
          fifo,
          fair: key?.fair === true,
          holdOnFailure: fifo && key?.onFailure === "block",
        }
      : null,
  };
}

/** Whether two policies order and limit jobs alike, so that nothing has to be filed anew. */
export function decidesAlike(policy: QueuePolicy, other: QueuePolicy): boolean {
  const part = ({ concurrency, rate, agingMs, perTask, perKey }: QueuePolicy): string =>
    JSON.stringify({ concurrency, rate, agingMs, perTask, perKey });
  return part(policy) === part(other);
}
