import { Issues } from "../issues.ts";
import { isRecord, isSpan, OBJECT_RULE, SPAN_RULE } from "../value-rules.ts";
import type { QueuePolicy } from "./queue-policy.ts";

type Rule = (value: unknown, path: string, issues: Issues) => void;

const isAbove = (value: unknown, least: number): boolean =>
  typeof value === "number" && value >= least && value < Number.POSITIVE_INFINITY;

const count =
  (least: number): Rule =>
  (value, path, issues) => {
    if (!Number.isInteger(value) || (value as number) < least)
      issues.add(path, `must be a whole number, ${least} or more`);
  };

const span: Rule = (value, path, issues) => {
  if (!isSpan(value)) issues.add(path, SPAN_RULE);
};

const positive: Rule = (value, path, issues) => {
  if (!isSpan(value) || value === 0) issues.add(path, "must be a number above 0");
};

const burst: Rule = (value, path, issues) => {
  if (!isAbove(value, 1)) issues.add(path, "must be a number, 1 or more");
};

const flag: Rule = (value, path, issues) => {
  if (typeof value !== "boolean") issues.add(path, "must be true or false");
};

const oneOf =
  (...words: readonly string[]): Rule =>
  (value, path, issues) =>
    issues.word(path, value, words);

const fields =
  (rules: Readonly<Record<string, Rule>>, required: readonly string[] = []): Rule =>
  (value, path, issues) => {
    if (!isRecord(value)) {
      issues.add(path, OBJECT_RULE);
      return;
    }
    const at = (field: string): string => (path === "" ? field : `${path}.${field}`);
    for (const [field, inner] of Object.entries(value)) {
      const rule = Object.hasOwn(rules, field) ? rules[field] : undefined;
      if (rule === undefined) issues.unknown(at(field), field, Object.keys(rules));
      else if (inner !== undefined) rule(inner, at(field), issues);
    }
    for (const field of required) if (value[field] === undefined) issues.add(at(field), "is missing");
  };

const bucket = fields({ rate: positive, perMs: positive, burst }, ["rate", "perMs", "burst"]);

const keep: Rule = (value, path, issues) => {
  if (value !== 0) fields({ ageMs: span, count: count(0) }, ["ageMs", "count"])(value, path, issues);
};

const byName: Rule = (value, path, issues) => {
  if (!isRecord(value)) issues.add(path, OBJECT_RULE);
  else
    for (const [name, limit] of Object.entries(value))
      fields({ concurrency: count(1), rate: bucket })(limit, `${path}.${name}`, issues);
};

const policyRule = fields({
  maxSize: count(1),
  keepCompleted: keep,
  keepFailed: keep,
  concurrency: count(1),
  rate: bucket,
  agingMs: positive,
  perTask: byName,
  perKey: fields({
    concurrency: count(1),
    rate: bucket,
    order: oneOf("fifo", "any"),
    fair: flag,
    onFailure: oneOf("continue", "block"),
  }),
});

/** @throws TaskValidationError naming every field that is unknown or out of range. */
export function checkPolicy(policy: QueuePolicy): void {
  const issues = new Issues();
  policyRule(policy, "", issues);
  issues.refuse("queue policy");
}
