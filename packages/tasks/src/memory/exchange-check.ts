import {
  type CallName,
  type ExchangeRequest,
  type Receipt,
  type Settlement,
  TaskValidationError,
  type ValidationIssue,
} from "@lexigram/contracts";

const isCount = (value: unknown): boolean => Number.isInteger(value) && (value as number) >= 0;
const isSpan = (value: unknown): boolean =>
  typeof value === "number" && value >= 0 && value < Number.POSITIVE_INFINITY;
const isLength = (value: unknown): boolean => isSpan(value) && (value as number) > 0;

function refuse(subject: string, issues: readonly ValidationIssue[]): void {
  if (issues.length > 0) throw new TaskValidationError({ subject, issues });
}

/** @throws TaskValidationError when the call is not named as sessions are. */
export function checkCall(call: CallName): void {
  const issues: ValidationIssue[] = [];
  if (typeof call?.session !== "string" || call.session === "")
    issues.push({ path: "session", message: "must be a text" });
  if (!Number.isSafeInteger(call?.seq) || call.seq < 0)
    issues.push({ path: "seq", message: "must be a whole number, 0 or more" });
  refuse("call", issues);
}

/** @throws TaskValidationError before anything is applied. */
export function checkExchange(request: ExchangeRequest): void {
  checkCall(request);
  const { settle, started, claim } = request;
  const issues: ValidationIssue[] = [];
  const wrong = (path: string, message: string): void => void issues.push({ path, message });
  if (!Array.isArray(settle)) wrong("settle", "must be an array");
  else
    for (let i = 0; i < settle.length; i++) {
      const settlement = settle[i] as Settlement;
      const { kind } = settlement;
      if (kind === "complete" || kind === "fail" || kind === "cancel") continue;
      if (kind !== "retry" && kind !== "release") wrong(`settle.${i}.kind`, "is unknown");
      else if (!isSpan(settlement.delayMs))
        wrong(`settle.${i}.delayMs`, "must be a number of milliseconds, 0 or more");
    }
  if (!Array.isArray(started)) wrong("started", "must be an array");
  if (!isCount(claim?.slots)) wrong("claim.slots", "must be a whole number, 0 or more");
  if (!isCount(claim?.ahead)) wrong("claim.ahead", "must be a whole number, 0 or more");
  if (!isLength(claim?.leaseMs)) wrong("claim.leaseMs", "must be a number of milliseconds above 0");
  if (!(typeof claim?.maxBytes === "number" && claim.maxBytes >= 0))
    wrong("claim.maxBytes", "must be a number, 0 or more");
  refuse("exchange", issues);
}

/** @throws TaskValidationError before anything is applied. */
export function checkExtend(receipts: readonly Receipt[], leaseMs: number): void {
  const issues: ValidationIssue[] = [];
  if (!Array.isArray(receipts)) issues.push({ path: "receipts", message: "must be an array" });
  if (!isLength(leaseMs))
    issues.push({ path: "leaseMs", message: "must be a number of milliseconds above 0" });
  refuse("extend", issues);
}
