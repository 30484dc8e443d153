import {
  checkPolicy,
  DEFAULT_KEEP_FAILED,
  type QueuePolicy,
  type Retention,
  UnsupportedError,
} from "@lexigram/contracts";
import type { DeclaredRules } from "../topology/topology.ts";

type Kept = Exclude<Retention, 0>;

/** What the server makes of keeping none: a message without an age is gone at once. */
const NONE: Kept = { ageMs: 0, count: 0 };

export const DEFAULT_RULES: DeclaredRules = { keepFailed: DEFAULT_KEEP_FAILED as Kept };

/**
 * What queues of the server are declared with so that they keep a policy.
 *
 * @throws TaskValidationError for a policy that is none; UnsupportedError for rules that the server cannot keep.
 */
export function rulesOf(policy: QueuePolicy, queue: string): DeclaredRules {
  checkPolicy(policy);
  const {
    maxSize,
    keepFailed = DEFAULT_RULES.keepFailed,
    concurrency,
    rate,
    perTask,
    perKey,
    agingMs,
  } = policy;
  const needs = (isAsked: boolean, capability: string): void => {
    if (isAsked) throw new UnsupportedError({ subject: `rabbitmq queue "${queue}"`, capability });
  };
  needs(concurrency !== undefined || rate !== undefined || perTask !== undefined, "limits");
  needs(perKey?.concurrency !== undefined || perKey?.rate !== undefined, "limits");
  needs(perKey?.order === "fifo", "keyOrder");
  needs(perKey?.fair === true, "fairness");
  needs(agingMs !== undefined, "aging");
  return { ...(maxSize === undefined ? {} : { maxSize }), keepFailed: keepFailed === 0 ? NONE : keepFailed };
}

/** The policy that is kept, as far as it is not the default. */
export function policyOf({ maxSize, keepFailed }: DeclaredRules): QueuePolicy {
  const { ageMs, count } = DEFAULT_RULES.keepFailed;
  const isDefault = keepFailed.ageMs === ageMs && keepFailed.count === count;
  return {
    ...(maxSize === undefined ? {} : { maxSize }),
    ...(isDefault ? {} : { keepFailed: keepFailed.count === 0 ? 0 : keepFailed }),
  };
}

export function sameRules(a: DeclaredRules, b: DeclaredRules): boolean {
  return (
    a.maxSize === b.maxSize &&
    a.keepFailed.ageMs === b.keepFailed.ageMs &&
    a.keepFailed.count === b.keepFailed.count
  );
}
