import { nearest, type QueuePolicy, TaskValidationError, type ValidationIssue } from "@lexigram/contracts";

type Rule = (value: unknown, path: string, issues: ValidationIssue[]) => void;

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const isAbove = (value: unknown, least: number): boolean =>
  typeof value === "number" && value >= least && value < Number.POSITIVE_INFINITY;

const count =
  (least: number): Rule =>
  (value, path, issues) => {
    if (!Number.isInteger(value) || (value as number) < least)
      issues.push({ path, message: `must be a whole number, ${least} or more` });
  };

const span: Rule = (value, path, issues) => {
  if (!isAbove(value, 0)) issues.push({ path, message: "must be a number of milliseconds, 0 or more" });
};

const positive: Rule = (value, path, issues) => {
  if (!isAbove(value, 0) || value === 0) issues.push({ path, message: "must be a number above 0" });
};

const burst: Rule = (value, path, issues) => {
  if (!isAbove(value, 1)) issues.push({ path, message: "must be a number, 1 or more" });
};

const flag: Rule = (value, path, issues) => {
  if (typeof value !== "boolean") issues.push({ path, message: "must be true or false" });
};

const oneOf =
  (...words: readonly string[]): Rule =>
  (value, path, issues) => {
    if (!words.includes(value as string))
      issues.push({ path, message: `must be ${words.map((word) => `"${word}"`).join(" or ")}` });
  };

const fields =
  (rules: Readonly<Record<string, Rule>>, required: readonly string[] = []): Rule =>
  (value, path, issues) => {
    if (!isObject(value)) {
      issues.push({ path, message: "must be an object" });
      return;
    }
    const at = (field: string): string => (path === "" ? field : `${path}.${field}`);
    for (const [field, inner] of Object.entries(value)) {
      const rule = rules[field];
      if (rule === undefined) {
        const near = nearest(field, Object.keys(rules));
        const meant = near === undefined ? "" : `; did you mean "${near}"?`;
        issues.push({ path: at(field), message: `is unknown${meant}` });
      } else if (inner !== undefined) rule(inner, at(field), issues);
    }
    for (const field of required)
      if (value[field] === undefined) issues.push({ path: at(field), message: "is missing" });
  };

const bucket = fields({ rate: positive, perMs: positive, burst }, ["rate", "perMs", "burst"]);

const keep: Rule = (value, path, issues) => {
  if (value !== 0) fields({ ageMs: span, count: count(0) }, ["ageMs", "count"])(value, path, issues);
};

const byName: Rule = (value, path, issues) => {
  if (!isObject(value)) issues.push({ path, message: "must be an object" });
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
  const issues: ValidationIssue[] = [];
  policyRule(policy, "", issues);
  if (issues.length > 0) throw new TaskValidationError({ subject: "queue policy", issues });
}
