import type { ValidationIssue } from "@lexigram/contracts";

type Rule = readonly [holds: (value: unknown) => boolean, message: string];

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isNumber = (value: unknown, least = -Infinity, most = Number.MAX_VALUE): boolean =>
  typeof value === "number" && value >= least && value <= most;

const WAIT: Rule = [(value) => isNumber(value, 0), "it must be milliseconds of 0 or more"];

const BACKOFF: Readonly<Record<string, Rule>> = {
  strategy: [
    (value) => value === "exponential" || value === "linear" || value === "fixed",
    'it must be one of "exponential", "linear", "fixed"',
  ],
  baseDelayMs: WAIT,
  factor: [(value) => isNumber(value, 1), "it must be a number of 1 or more"],
  maxDelayMs: WAIT,
  jitter: [(value) => isNumber(value, 0, 1), "it must be a number from 0 to 1"],
};

const POLICY: Readonly<Record<string, Rule>> = {
  maxRetries: [
    (value) => Number.isSafeInteger(value) && isNumber(value, 0),
    "it must be a whole number of 0 or more",
  ],
  timeoutMs: [
    (value) => value === null || (isNumber(value, 0) && value !== 0),
    "it must be milliseconds above 0, or null",
  ],
  deadline: [(value) => isNumber(value, -Number.MAX_VALUE), "it must be milliseconds since 1970"],
  backoff: [isObject, "it must be an object"],
  labels: [
    (value) => isObject(value) && Object.values(value).every((text) => typeof text === "string"),
    "it must be an object of texts",
  ],
};

/** What is wrong with the policy of an envelope, of any producer; `undefined`: nothing. Unknown fields are no fault. */
export function policyIssue(policy: unknown): ValidationIssue | undefined {
  if (!isObject(policy)) return { path: "policy", message: "it must be an object" };
  const issue = firstIssue(policy, POLICY, "policy");
  if (issue !== undefined || policy["backoff"] === undefined) return issue;
  return firstIssue(policy["backoff"] as Readonly<Record<string, unknown>>, BACKOFF, "policy.backoff");
}

function firstIssue(
  given: Readonly<Record<string, unknown>>,
  rules: Readonly<Record<string, Rule>>,
  path: string,
): ValidationIssue | undefined {
  for (const field in rules) {
    const value = given[field];
    const [holds, message] = rules[field]!;
    if (value !== undefined && !holds(value)) return { path: `${path}.${field}`, message };
  }
  return undefined;
}
