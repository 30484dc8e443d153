import { Issues } from "../issues.ts";
import type { Settlement } from "../job/delivery.ts";
import type { Receipt } from "../job/delivery.ts";
import {
  ARRAY_RULE,
  COUNT_RULE,
  isCount,
  isLength,
  isRecord,
  isSignal,
  isSpan,
  LENGTH_RULE,
  OBJECT_RULE,
  SIGNAL_RULE,
  SPAN_RULE,
  TEXT_RULE,
} from "../value-rules.ts";
import { DEAD_LETTER_REASONS } from "./dead-letters.ts";
import { isBody } from "./job-check.ts";
import type { CallName, ExchangeRequest } from "./task-queue.ts";

const KINDS: readonly Settlement["kind"][] = ["complete", "retry", "fail", "cancel", "release"];
const ERROR_RULE = "must be an error as data, with name and message";

/** @throws TaskValidationError when the call is not named as sessions are. */
export function checkCall(call: CallName): void {
  const issues = new Issues();
  if (isRecord(call)) judgeCall(call, issues);
  else issues.add("", OBJECT_RULE);
  issues.refuse("call");
}

/** @throws TaskValidationError before anything is applied. */
export function checkExchange(request: ExchangeRequest): void {
  const issues = new Issues();
  if (isRecord(request)) judgeExchange(request, issues);
  else issues.add("", OBJECT_RULE);
  issues.refuse("exchange");
}

/** @throws TaskValidationError before anything is applied. */
export function checkExtend(receipts: readonly Receipt[], leaseMs: number): void {
  const issues = new Issues();
  judgeReceipts(receipts, "receipts", issues);
  if (!isLength(leaseMs)) issues.add("leaseMs", LENGTH_RULE);
  issues.refuse("extend");
}

/** @throws TaskValidationError */
export function checkWait(maxMs: number, signal: AbortSignal): void {
  const issues = new Issues();
  if (!isSpan(maxMs)) issues.add("maxMs", SPAN_RULE);
  if (!isSignal(signal)) issues.add("signal", SIGNAL_RULE);
  issues.refuse("waitForWork");
}

/** @throws TaskValidationError */
export function checkSettlement(settlement: Settlement): void {
  const issues = new Issues();
  judgeSettlement(settlement, -1, issues);
  issues.refuse("settlement");
}

/** Whether a value is an error as it is stored with a job. */
export function isSerializedError(value: unknown): boolean {
  return isRecord(value) && typeof value["name"] === "string" && typeof value["message"] === "string";
}

function judgeCall(call: CallName, issues: Issues): void {
  if (typeof call.session !== "string" || call.session === "") issues.add("session", TEXT_RULE);
  if (!Number.isSafeInteger(call.seq) || call.seq < 0) issues.add("seq", COUNT_RULE);
}

function judgeExchange(request: ExchangeRequest, issues: Issues): void {
  judgeCall(request, issues);
  const { settle, claim } = request;
  if (!Array.isArray(settle)) issues.add("settle", ARRAY_RULE);
  else for (let i = 0; i < settle.length; i++) judgeSettlement(settle[i], i, issues);
  judgeReceipts(request.started, "started", issues);
  if (!isRecord(claim)) {
    issues.add("claim", OBJECT_RULE);
    return;
  }
  if (!isCount(claim.slots)) issues.add("claim.slots", COUNT_RULE);
  if (!isCount(claim.ahead)) issues.add("claim.ahead", COUNT_RULE);
  if (!isLength(claim.leaseMs)) issues.add("claim.leaseMs", LENGTH_RULE);
  if (!(typeof claim.maxBytes === "number" && claim.maxBytes >= 0))
    issues.add("claim.maxBytes", "must be a number, 0 or more");
}

function judgeReceipts(receipts: unknown, path: string, issues: Issues): void {
  if (!Array.isArray(receipts)) {
    issues.add(path, ARRAY_RULE);
    return;
  }
  for (let i = 0; i < receipts.length; i++)
    if (typeof receipts[i] !== "string") issues.add(`${path}.${i}`, "must be a receipt");
}

/** @param i its place in the list of the call; -1 when it is alone. */
function judgeSettlement(value: unknown, i: number, issues: Issues): void {
  if (!isRecord(value)) {
    issues.add(i < 0 ? "" : `settle.${i}`, OBJECT_RULE);
    return;
  }
  const settlement = value as unknown as Settlement;
  if (typeof settlement.receipt !== "string") issues.add(at(i, "receipt"), "must be a receipt");
  switch (settlement.kind) {
    case "complete":
      if (settlement.result !== undefined && !isBody(settlement.result))
        issues.add(at(i, "result"), "must have data, a text or bytes, and the name of its encoding");
      return;
    case "retry":
      if (!isSpan(settlement.delayMs)) issues.add(at(i, "delayMs"), SPAN_RULE);
      if (typeof settlement.countAttempt !== "boolean")
        issues.add(at(i, "countAttempt"), "must be true or false");
      if (!isSerializedError(settlement.error)) issues.add(at(i, "error"), ERROR_RULE);
      return;
    case "fail":
      if (!isSerializedError(settlement.error)) issues.add(at(i, "error"), ERROR_RULE);
      if (settlement.reason !== undefined)
        issues.word(at(i, "reason"), settlement.reason, DEAD_LETTER_REASONS);
      return;
    case "cancel":
      if (settlement.error !== undefined && !isSerializedError(settlement.error))
        issues.add(at(i, "error"), ERROR_RULE);
      return;
    case "release":
      if (!isSpan(settlement.delayMs)) issues.add(at(i, "delayMs"), SPAN_RULE);
      return;
    default:
      issues.word(at(i, "kind"), (settlement as Settlement).kind, KINDS);
  }
}

function at(i: number, field: string): string {
  return i < 0 ? field : `settle.${i}.${field}`;
}
