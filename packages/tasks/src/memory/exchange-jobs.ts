import {
  checkExchange,
  checkExtend,
  type Claim,
  type Delivery,
  type ExchangeReply,
  type ExchangeRequest,
  type ExtendReply,
  type Receipt,
} from "@lexigram/contracts";
import type { ExchangeAnswer } from "./call-sessions.ts";
import { type JobEntry, recordOf } from "./job-entry.ts";
import { poisoned } from "./job-errors.ts";
import type { Lease } from "./lease-book.ts";
import type { QueueStore } from "./queue-store.ts";
import { settle } from "./settle-job.ts";
import { CANCELLED, EXPIRED, FAILED } from "./status-code.ts";

/** Least number of due, ended or outdated entries that a step may deal with. */
const LEAST_BUDGET = 500;

/**
 * A UTF-16 unit is three bytes of UTF-8 at most. Counting the bytes of a text costs as much as a claim, so it is done
 * only where this bound does not fit.
 */
const MOST_BYTES_PER_UNIT = 3;

const NONE: readonly never[] = Object.freeze([]);

/** Chooses among `n` jobs that may start. */
export type Choose = (n: number) => number;

/**
 * The whole of an exchange, in one step.
 *
 * @param rememberMs how long the call is remembered at least.
 */
export function exchangeJobs(
  store: QueueStore,
  request: ExchangeRequest,
  rememberMs: number,
  choose: Choose | undefined,
): ExchangeReply {
  checkExchange(request);
  store.readClock();
  const { session, claim } = request;
  const recalled = store.exchanges.recall(request, store.mono);
  if (recalled !== undefined) return reply(store, session, stillHeld(store, recalled));

  const budget = Math.max(LEAST_BUDGET, 2 * (request.settle.length + claim.slots + claim.ahead));
  store.begin(budget);
  const lost: Receipt[] = [];
  for (const receipt of request.started) {
    const lease = store.leases.find(receipt, store.mono);
    if (lease === null) lost.push(receipt);
    else if (!lease.started) store.start(lease);
  }
  for (const settlement of request.settle) if (!settle(store, settlement)) lost.push(settlement.receipt);
  reap(store, budget);
  store.carryOn();
  const deliveries = store.paused ? NONE : claimJobs(store, session, claim, budget, choose);
  const answer: ExchangeAnswer = { lost: lost.length === 0 ? NONE : lost, deliveries };
  store.exchanges.remember(request, answer, store.monoUp, Math.max(claim.leaseMs, rememberMs));
  store.consumers.seen(session, store.monoUp, claim.leaseMs);
  store.done(budget);
  return reply(store, session, answer);
}

/** Renews leases that are still held. */
export function extendLeases(store: QueueStore, receipts: readonly Receipt[], leaseMs: number): ExtendReply {
  checkExtend(receipts, leaseMs);
  const lost: Receipt[] = [];
  const cancelled: Receipt[] = [];
  store.step(() => {
    for (const receipt of receipts) {
      const lease = store.leases.find(receipt, store.mono);
      if (lease === null) {
        lost.push(receipt);
        continue;
      }
      store.leases.renew(lease, store.monoUp + leaseMs);
      if (lease.entry.cancelRequested) cancelled.push(receipt);
    }
  });
  return { lost, cancelled };
}

function reply(store: QueueStore, session: string, answer: ExchangeAnswer): ExchangeReply {
  const notices = store.cancelNotices.get(session);
  const cancelled = notices === undefined ? NONE : Array.from(notices, (lease) => lease.receipt);
  const { lost, deliveries } = answer;
  const dueInMs = store.dueInMs();
  return dueInMs === Number.POSITIVE_INFINITY
    ? { lost, cancelled, deliveries, paused: store.paused }
    : { lost, cancelled, deliveries, nextDueInMs: dueInMs, paused: store.paused };
}

/** What a call was answered, less the deliveries that are no longer held; spans are what is left of them. */
function stillHeld(store: QueueStore, answer: ExchangeAnswer): ExchangeAnswer {
  const deliveries: Delivery[] = [];
  for (const delivery of answer.deliveries) {
    const lease = store.leases.find(delivery.receipt, store.mono);
    if (lease?.batch == null) continue;
    const leaseMs = Math.min(delivery.leaseMs, lease.batch.deadline - store.monoUp);
    deliveries.push({ ...delivery, leaseMs, started: lease.started });
  }
  return { lost: answer.lost, deliveries };
}

/** Takes back what was not settled before its lease ended. */
function reap(store: QueueStore, budget: number): void {
  for (let n = budget; n > 0 && store.leases.firstDeadline <= store.mono; n--) {
    const lease = store.leases.first;
    if (lease === null) return;
    const { entry } = lease;
    if (entry.cancelRequested) store.end(entry, CANCELLED);
    else if (!lease.started) {
      entry.lapsed = true;
      store.makePending(entry);
    } else if (++entry.recoveries <= entry.maxRecoveries) store.makePending(entry);
    else quarantine(store, entry);
  }
}

function quarantine(store: QueueStore, entry: JobEntry): void {
  entry.reason = "poison";
  entry.error = poisoned(entry);
  store.end(entry, FAILED);
}

function claimJobs(
  store: QueueStore,
  session: string,
  claim: Claim,
  budget: number,
  choose: Choose | undefined,
): readonly Delivery[] {
  const { ready } = store;
  const most = claim.slots + claim.ahead;
  if (most === 0) return NONE;
  const deadline = store.monoUp + claim.leaseMs;
  const deliveries: Delivery[] = [];
  let bytes = 0;
  let countsBytes = false;
  let late = 0;
  while (deliveries.length < most && ready.isOpen(store.rateNow)) {
    const entry = choose === undefined ? ready.next(store.rateNow, store.now) : chosen(store, choose);
    if (entry === null) break;
    if (isLate(store, entry)) {
      store.end(entry, EXPIRED);
      if (++late > budget) break;
      continue;
    }
    const started = deliveries.length < claim.slots;
    if (!started && !ready.mayGoAhead(entry)) break;
    bytes += countsBytes ? byteLength(entry.data) : MOST_BYTES_PER_UNIT * entry.data.length;
    if (bytes > claim.maxBytes && !countsBytes) {
      countsBytes = true;
      bytes = byteLength(entry.data);
      for (const { job } of deliveries) bytes += byteLength(job.body.data);
    }
    if (deliveries.length > 0 && bytes > claim.maxBytes) break;
    deliveries.push(delivered(store.claim(entry, deadline, session, started), claim.leaseMs, store.origin));
  }
  return deliveries.length === 0 ? NONE : deliveries;
}

function chosen(store: QueueStore, choose: Choose): JobEntry | null {
  const candidates = store.ready.candidates(store.rateNow, store.now);
  if (candidates.length === 0) return null;
  const at = Math.floor(choose(candidates.length));
  return candidates[Math.min(Math.max(at, 0), candidates.length - 1)] ?? null;
}

function isLate(store: QueueStore, entry: JobEntry): boolean {
  const { expiresAt } = entry;
  return expiresAt !== undefined && !entry.begun && expiresAt <= store.now;
}

function delivered(lease: Lease, leaseMs: number, origin: number): Delivery {
  const { entry } = lease;
  return {
    job: recordOf(entry, origin),
    receipt: lease.receipt,
    attempt: entry.attempt + 1,
    recoveries: entry.recoveries,
    deferrals: entry.deferrals,
    leaseMs,
    started: lease.started,
  };
}

function byteLength(data: string | Uint8Array): number {
  return typeof data === "string" ? Buffer.byteLength(data) : data.byteLength;
}
