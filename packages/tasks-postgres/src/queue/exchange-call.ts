import {
  type CallName,
  type Delivery,
  type ExchangeReply,
  type Receipt,
  type Settlement,
  staleCall,
} from "@lexigram/contracts";
import { fromOrderedText, toOrderedText } from "../connection/ordered-text.ts";
import type { Row } from "../connection/pg-clients.ts";
import { recordOf, type RecordRow } from "./job-view.ts";
import { storedBody, whole } from "./stored-job.ts";

/** What an exchange answers beside its deliveries. */
export interface ReplyHead {
  readonly stale?: number;
  readonly lost: readonly string[];
  readonly cancelled: readonly string[];
  readonly paused: boolean;
  readonly due: number | null;
  readonly number: string | null;
  readonly news: string | null;
}

const RECEIPT = /^(\d{1,18})\./;

/** A receipt is the number of the call that claimed and the job's id. */
interface Held {
  readonly n: string;
  readonly i: string;
}

/** @returns nothing for what was never a receipt of this queue. */
function heldBy(receipt: Receipt): Held | undefined {
  const number = RECEIPT.exec(receipt)?.[1];
  if (number === undefined) return undefined;
  return { n: number, i: toOrderedText(receipt.slice(number.length + 1)) };
}

/** A receipt as functions write it. */
export function receiptOf(stored: string): Receipt {
  const dot = stored.indexOf(".") + 1;
  return (stored.slice(0, dot) + fromOrderedText(stored.slice(dot))) as Receipt;
}

/** Receipts as the functions are given them; those that are none are lost. */
export function receiptValues(receipts: readonly Receipt[], lost: Receipt[]): string | null {
  const held: Held[] = [];
  for (const receipt of receipts) {
    const of = heldBy(receipt);
    if (of === undefined) lost.push(receipt);
    else held.push(of);
  }
  return held.length === 0 ? null : JSON.stringify(held);
}

/** A settlement as the functions are given it; nothing for a receipt that is none. */
export function settlementValue(settlement: Settlement): object | undefined {
  const held = heldBy(settlement.receipt);
  return held === undefined ? undefined : { ...held, ...outcomeValue(settlement) };
}

function outcomeValue(settlement: Settlement): object {
  switch (settlement.kind) {
    case "complete": {
      const { result } = settlement;
      if (result === undefined) return { k: "c" };
      const [a, b] = storedBody(result);
      return { k: "c", a, b };
    }
    case "retry": {
      const { delayMs, countAttempt, error } = settlement;
      return { k: "r", a: `${whole(delayMs)}:${countAttempt ? 1 : 0}`, b: JSON.stringify(error) };
    }
    case "fail":
      return { k: "f", a: settlement.reason ?? "failed", b: JSON.stringify(settlement.error) };
    case "cancel":
      return settlement.error === undefined ? { k: "x" } : { k: "x", b: JSON.stringify(settlement.error) };
    case "release":
      return { k: "l", a: String(whole(settlement.delayMs)) };
  }
}

export function settlementValues(settlements: readonly Settlement[], lost: Receipt[]): string | null {
  const values: object[] = [];
  for (const settlement of settlements) {
    const value = settlementValue(settlement);
    if (value === undefined) lost.push(settlement.receipt);
    else values.push(value);
  }
  return values.length === 0 ? null : JSON.stringify(values);
}

/** Whether the outcomes are completions, and each delivery is named once. */
export function isPlain(settle: readonly Settlement[], started: readonly Receipt[]): boolean {
  const named = new Set(started);
  for (const { kind, receipt } of settle) {
    if (kind !== "complete") return false;
    named.add(receipt);
  }
  return named.size === settle.length + started.length;
}

export function replyOf(
  head: ReplyHead,
  rows: readonly Row[],
  lost: readonly Receipt[],
  leaseMs: number,
): ExchangeReply {
  const deliveries = new Array<Delivery>(rows.length - 1);
  for (let i = 0; i < deliveries.length; i++)
    deliveries[i] = deliveryOf(rows[i + 1] as unknown as DeliveryRow, head.number ?? "", leaseMs);
  const reply = {
    lost: [...lost, ...head.lost.map(receiptOf)],
    cancelled: head.cancelled.map(receiptOf),
    deliveries,
    paused: head.paused,
  };
  return head.due === null ? reply : { ...reply, nextDueInMs: head.due };
}

interface DeliveryRow extends RecordRow {
  readonly attempt: number;
  readonly recoveries: number;
  readonly deferrals: number;
  readonly started: boolean;
  readonly left_ms: number;
}

function deliveryOf(row: DeliveryRow, number: string, leaseMs: number): Delivery {
  const job = recordOf(row);
  return {
    job,
    receipt: `${number}.${job.id}` as Receipt,
    attempt: row.attempt,
    recoveries: row.recoveries,
    deferrals: row.deferrals,
    leaseMs: Math.min(row.left_ms, leaseMs),
    started: row.started,
  };
}

/** @throws TaskValidationError when a later call of the session was applied. */
export function refuseStale(later: number | null | undefined, call: CallName): void {
  if (later !== undefined && later !== null) throw staleCall(call, later);
}
