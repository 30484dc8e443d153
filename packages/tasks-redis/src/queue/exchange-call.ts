import {
  type CallName,
  type Delivery,
  type ExchangeReply,
  type ExchangeRequest,
  type Receipt,
  type Settlement,
  staleCall,
} from "@lexigram/contracts";
import type { ScriptArgument } from "../connection/redis-connection.ts";
import type { QueueKeys } from "../lua/keys.ts";
import { dataOf, encodingOf, recordOf } from "./job-content.ts";

/**
 * What the script of an exchange answers: lost, cancelled, paused, when something is due, four for each delivery, whether
 * new rules are still being applied, and the last place that was given to a job.
 */
export type ExchangeTuple = readonly [
  lost: readonly Receipt[],
  cancelled: readonly Receipt[],
  paused: number,
  nextDueInMs: number,
  deliveries: readonly string[],
  refiling?: number,
  place?: number,
];

/** A receipt is the number of the delivery and the job's id, which tells where to look. */
export function receiptArguments(receipts: readonly Receipt[]): ScriptArgument[] {
  const args: ScriptArgument[] = [];
  for (const receipt of receipts) pushReceipt(args, receipt);
  return args;
}

function pushReceipt(args: ScriptArgument[], receipt: Receipt): void {
  const dot = receipt.indexOf(".");
  args.push(receipt.slice(0, Math.max(dot, 0)), receipt.slice(dot + 1));
}

const whole = (n: number): number => Math.min(Math.ceil(n), Number.MAX_SAFE_INTEGER);

export function exchangeArguments(
  keys: QueueKeys,
  request: ExchangeRequest,
  rememberMs: number,
): ScriptArgument[] {
  const { session, seq, settle, started, claim } = request;
  const args: ScriptArgument[] = [
    keys.wakeChannel,
    keys.settledChannel,
    session,
    seq,
    rememberMs,
    claim.slots,
    claim.ahead,
    whole(claim.leaseMs),
    whole(claim.maxBytes),
    settle.length,
    started.length,
  ];
  for (const settlement of settle) pushSettlement(args, settlement);
  for (const receipt of started) pushReceipt(args, receipt);
  return args;
}

function pushSettlement(args: ScriptArgument[], settlement: Settlement): void {
  const { receipt } = settlement;
  const dot = receipt.indexOf(".");
  const n = receipt.slice(0, Math.max(dot, 0));
  const id = receipt.slice(dot + 1);
  switch (settlement.kind) {
    case "complete": {
      const { result } = settlement;
      if (result === undefined) args.push("c", n, id, "", "");
      else args.push("c", n, id, encodingOf(result), dataOf(result));
      return;
    }
    case "retry":
      args.push(
        "r",
        n,
        id,
        `${whole(settlement.delayMs)}:${settlement.countAttempt ? 1 : 0}`,
        JSON.stringify(settlement.error),
      );
      return;
    case "fail":
      args.push("f", n, id, settlement.reason ?? "failed", JSON.stringify(settlement.error));
      return;
    case "cancel":
      args.push("x", n, id, "", settlement.error === undefined ? "" : JSON.stringify(settlement.error));
      return;
    case "release":
      args.push("l", n, id, whole(settlement.delayMs), "");
  }
}

export function exchangeReplyOf(reply: ExchangeTuple, leaseMs: number): ExchangeReply {
  const [lost, cancelled, paused, nextDueInMs, flat] = reply;
  const deliveries = new Array<Delivery>(flat.length / 4);
  for (let i = 0; i < deliveries.length; i++)
    deliveries[i] = deliveryOf(
      flat[4 * i] as string,
      flat[4 * i + 1] as string,
      flat[4 * i + 2] as string,
      flat[4 * i + 3] as string,
      leaseMs,
    );
  return nextDueInMs < 0
    ? { lost, cancelled, deliveries, paused: paused === 1 }
    : { lost, cancelled, deliveries, nextDueInMs, paused: paused === 1 };
}

function deliveryOf(id: string, n: string, record: string, counters: string, leaseMs: number): Delivery {
  const job = recordOf(id, record);
  const receipt = `${n}.${id}` as Receipt;
  if (counters === "")
    return { job, receipt, attempt: 1, recoveries: 0, deferrals: 0, leaseMs, started: true };
  const [attempt, recoveries, deferrals, started, leftMs] = counters.split(",");
  return {
    job,
    receipt,
    attempt: Number(attempt),
    recoveries: Number(recoveries),
    deferrals: Number(deferrals),
    leaseMs: Math.min(Number(leftMs), leaseMs),
    started: started === "1",
  };
}

/** @throws TaskValidationError when a later call of the session was applied. */
export function refuseStale(answer: readonly unknown[], call: CallName): void {
  if (answer[0] === "stale") throw staleCall(call, Number(answer[1]));
}
