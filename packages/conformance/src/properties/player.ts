import type {
  CancelOutcome,
  Delivery,
  Enqueued,
  ExchangeReply,
  JobId,
  JobStatus,
  JobView,
  NewJob,
  Receipt,
  Result,
  Settlement,
  TaskQueueError,
  TaskQueueProtocol,
} from "@lexigram/contracts";
import { aBody, anError } from "../build/job.ts";
import type { QueueHarness } from "../kit/harness.ts";
import { Session } from "../kit/session.ts";
import type { Pick, QueueCommand, ScriptJob, ScriptPolicy, ScriptSettlement } from "./commands.ts";

/** A delivery by the order in which it came, the same on every queue that keeps one history. */
export type Ticket = number;

export interface SeenDelivery {
  readonly ticket: Ticket;
  readonly id: JobId;
  readonly attempt: number;
  readonly recoveries: number;
  readonly deferrals: number;
  readonly started: boolean;
}

export interface SeenReply {
  readonly lost: readonly Ticket[];
  readonly cancelled: readonly Ticket[];
  readonly deliveries: readonly SeenDelivery[];
  readonly paused: boolean;
  readonly nextDueInMs?: number;
}

/** How a job was taken, or the code of its refusal. */
export type SeenEnqueue =
  | { readonly id: JobId; readonly outcome: Enqueued["outcome"] }
  | { readonly code: string };

export interface SeenSettlement extends Omit<ScriptSettlement, "delivery"> {
  readonly ticket: Ticket;
}

/** A command with everything it picked, and what the queue answered. */
export type Played =
  | { readonly kind: "enqueue"; readonly jobs: readonly NewJob[]; readonly answer: readonly SeenEnqueue[] }
  | {
      readonly kind: "exchange";
      readonly worker: number;
      readonly settle: readonly SeenSettlement[];
      readonly started: readonly Ticket[];
      readonly slots: number;
      readonly ahead: number;
      readonly leaseMs: number;
      readonly answer: SeenReply;
    }
  | { readonly kind: "resent enqueue"; readonly worker: number; readonly answer: readonly SeenEnqueue[] }
  | { readonly kind: "resent exchange"; readonly worker: number; readonly answer: SeenReply }
  | {
      readonly kind: "extend";
      readonly tickets: readonly Ticket[];
      readonly leaseMs: number;
      readonly answer: { readonly lost: readonly Ticket[]; readonly cancelled: readonly Ticket[] };
    }
  | { readonly kind: "advance"; readonly ms: number }
  | { readonly kind: "cancel"; readonly id: JobId; readonly answer: CancelOutcome }
  | { readonly kind: "delete"; readonly id: JobId; readonly answer: boolean }
  | {
      readonly kind: "update";
      readonly id: JobId;
      readonly priority?: number;
      readonly runInMs?: number;
      readonly answer: string;
    }
  | { readonly kind: "redrive"; readonly id: JobId; readonly answer: string }
  | { readonly kind: "pause" | "resume" }
  | { readonly kind: "policy"; readonly policy: ScriptPolicy };

/** Where a job stands, as far as two queues must agree. */
export interface SeenJob {
  readonly status: JobStatus;
  readonly recoveries: number;
  readonly deferrals: number;
  readonly priority: number;
}

/** A wait for stored releases to be worked off; scripts are far too short to need more. */
const BEATS = 4;
const CALLS_ARE_REMEMBERED_MS = 10_000;

interface Worker {
  readonly session: Session;
  /** When its last call of a kind was made and how long it is remembered at least, on the script's clock. */
  readonly resendUntil: { enqueue: number; exchange: number };
}

/** Plays scripts on a queue. */
export class Player {
  readonly #queue: TaskQueueProtocol;
  readonly #harness: QueueHarness;
  readonly #workers: readonly Worker[];
  readonly #observer: Session;
  readonly #receipts: Receipt[] = [];
  /** Every id that was ever offered, in that order. */
  readonly ids: JobId[] = [];
  readonly #callbacks: JobId[] = [];
  #elapsedMs = 0;
  #storeStart: number | undefined;
  #stale = false;

  constructor(queue: TaskQueueProtocol, harness: QueueHarness) {
    this.#queue = queue;
    this.#harness = harness;
    this.#workers = ["a", "b"].map((name) => ({
      session: new Session(queue, name, 1),
      resendUntil: { enqueue: -1, exchange: -1 },
    }));
    this.#observer = new Session(queue, "observer", 1);
  }

  /** Milliseconds that the script has moved time by. */
  get elapsedMs(): number {
    return this.#elapsedMs;
  }

  /** @returns what was done, or nothing when there was nothing to pick. */
  async play(command: QueueCommand): Promise<Played | undefined> {
    if (command.kind === "advance") {
      await this.#harness.advance?.(command.ms);
      this.#elapsedMs += command.ms;
      this.#stale = true;
      return { kind: "advance", ms: command.ms };
    }
    // Only an exchange must see what time has done; everything else may or may not.
    if (this.mustBeat(command)) await this.beat();
    this.#stale = false;
    switch (command.kind) {
      case "enqueue":
        return this.#enqueue(command.worker, command.jobs);
      case "exchange":
        return this.#exchange(command);
      case "resend":
        return this.#resend(command.worker, command.call);
      case "extend": {
        const tickets = this.#tickets(command.deliveries);
        const answer = await this.#queue.extend(this.#real(tickets), command.leaseMs);
        const seen = { lost: this.#named(answer.lost), cancelled: this.#named(answer.cancelled) };
        return { kind: "extend", tickets, leaseMs: command.leaseMs, answer: seen };
      }
      case "pause":
        await this.#queue.pause();
        return { kind: "pause" };
      case "resume":
        await this.#queue.resume();
        return { kind: "resume" };
      case "policy":
        await this.#queue.setPolicy(command.policy);
        return { kind: "policy", policy: command.policy };
      default:
        return this.#onJob(command);
    }
  }

  /** Whether time has passed that this command may see or not. */
  mustBeat(command: QueueCommand): boolean {
    return this.#stale && command.kind !== "exchange" && command.kind !== "advance";
  }

  /** Lets the store do what time makes due, without claiming. */
  async beat(): Promise<void> {
    this.#stale = false;
    for (let i = 0; i < BEATS; i++) await this.#observer.exchange();
  }

  /** Where every job stands. */
  async look(): Promise<Map<JobId, SeenJob>> {
    const seen = new Map<JobId, SeenJob>();
    for (const id of new Set(this.ids)) {
      const view = await this.#queue.getJob(id);
      if (view === undefined) continue;
      this.#storeStart ??= view.createdAt - this.#elapsedMs;
      const { status, recoveries, deferrals, priority }: JobView = view;
      seen.set(id, { status, recoveries, deferrals, priority });
    }
    return seen;
  }

  async #enqueue(worker: 0 | 1, scripted: readonly ScriptJob[]): Promise<Played> {
    const jobs: NewJob[] = [];
    for (const job of scripted) jobs.push(this.#newJob(job));
    const { session, resendUntil } = this.#worker(worker);
    resendUntil.enqueue = this.#elapsedMs + CALLS_ARE_REMEMBERED_MS;
    const answer = (await session.enqueue(jobs)).map(seenEnqueue);
    return { kind: "enqueue", jobs, answer };
  }

  #newJob(job: ScriptJob): NewJob {
    const { sameIdAs, dependsOn, barrier, notifies, ...rest } = job;
    const known = this.ids;
    const id = (sameIdAs !== undefined && at(known, sameIdAs)) || `j${known.length}`;
    const callback = notifies === undefined ? undefined : at(this.#callbacks, notifies);
    const dependencies = (dependsOn ?? [])
      .flatMap((pick) => at(known, pick) ?? [])
      .filter((other) => other !== id);
    known.push(id);
    if (barrier !== undefined) this.#callbacks.push(id);
    return {
      id,
      task: "scripted",
      body: aBody(id),
      headers: {},
      ...rest,
      ...(dependencies.length === 0 ? {} : { dependsOn: dependencies }),
      ...(barrier === undefined ? {} : { barrier: { size: barrier } }),
      ...(callback === undefined || callback === id ? {} : { notifies: callback }),
    };
  }

  async #exchange(command: Extract<QueueCommand, { kind: "exchange" }>): Promise<Played | undefined> {
    const { worker, slots, ahead, leaseMs } = command;
    const settle = command.settle.flatMap(({ delivery, ...outcome }) =>
      this.#tickets([delivery]).map((ticket) => ({ ...outcome, ticket })),
    );
    const settledNow = new Set(settle.map((s) => s.ticket));
    // Whether a start beside an outcome of the same delivery is late or not is nobody's business.
    const started = this.#tickets(command.started).filter((ticket) => !settledNow.has(ticket));
    const { session, resendUntil } = this.#worker(worker);
    resendUntil.exchange = this.#elapsedMs + leaseMs;
    const reply = await session.exchange({
      settle: settle.map((s) => this.#settlement(s)),
      started: this.#real(started),
      slots,
      ahead,
      leaseMs,
    });
    return {
      kind: "exchange",
      worker,
      settle,
      started,
      slots,
      ahead,
      leaseMs,
      answer: this.#seenReply(reply),
    };
  }

  async #resend(worker: 0 | 1, call: "enqueue" | "exchange"): Promise<Played | undefined> {
    const { session, resendUntil } = this.#worker(worker);
    if (resendUntil[call] < this.#elapsedMs) return undefined;
    if (call === "enqueue")
      return { kind: "resent enqueue", worker, answer: (await session.resendEnqueue()).map(seenEnqueue) };
    return { kind: "resent exchange", worker, answer: this.#seenReply(await session.resendExchange()) };
  }

  async #onJob(
    command: Extract<QueueCommand, { kind: "cancel" | "delete" | "update" | "redrive" }>,
  ): Promise<Played | undefined> {
    const id = at(this.ids, command.job);
    if (id === undefined) return undefined;
    switch (command.kind) {
      case "cancel":
        return { kind: "cancel", id, answer: await this.#queue.cancel(id) };
      case "delete":
        return { kind: "delete", id, answer: await this.#queue.deleteJob(id) };
      case "redrive":
        return { kind: "redrive", id, answer: verdict(await this.#queue.deadLetters.retry(id)) };
      case "update": {
        const { priority, runInMs } = command;
        if (runInMs !== undefined && this.#storeStart === undefined) return undefined;
        const change = {
          ...(priority === undefined ? {} : { priority }),
          ...(runInMs === undefined ? {} : { runAt: (this.#storeStart ?? 0) + this.#elapsedMs + runInMs }),
        };
        const answer = verdict(await this.#queue.update(id, change));
        return {
          kind: "update",
          id,
          answer,
          ...(priority === undefined ? {} : { priority }),
          ...(runInMs === undefined ? {} : { runInMs }),
        };
      }
    }
  }

  #worker(i: 0 | 1): Worker {
    return this.#workers[i] as Worker;
  }

  #tickets(picks: readonly Pick[]): Ticket[] {
    if (this.#receipts.length === 0) return [];
    // Late deliveries are picked more often: the old ones are all stale.
    return [...new Set(picks.map((pick) => Math.max(0, this.#receipts.length - 1 - (pick % 8))))];
  }

  #real(tickets: readonly Ticket[]): Receipt[] {
    return tickets.map((ticket) => this.#receipts[ticket] as Receipt);
  }

  #named(receipts: readonly Receipt[]): Ticket[] {
    return receipts.map((receipt) => this.#receipts.indexOf(receipt)).toSorted((a, b) => a - b);
  }

  #settlement(seen: SeenSettlement): Settlement {
    const receipt = this.#receipts[seen.ticket] as Receipt;
    const { kind, delayMs, countAttempt } = seen;
    switch (kind) {
      case "complete":
      case "cancel":
        return { receipt, kind };
      case "retry":
        return { receipt, kind, delayMs, countAttempt, error: anError() };
      case "fail":
        return { receipt, kind, error: anError() };
      case "release":
        return { receipt, kind, delayMs };
    }
  }

  #seenReply(reply: ExchangeReply): SeenReply {
    const deliveries = reply.deliveries.map((delivery) => this.#seenDelivery(delivery));
    return {
      lost: this.#named(reply.lost),
      cancelled: this.#named(reply.cancelled),
      deliveries,
      paused: reply.paused,
      ...(reply.nextDueInMs === undefined ? {} : { nextDueInMs: reply.nextDueInMs }),
    };
  }

  #seenDelivery({ job, receipt, attempt, recoveries, deferrals, started }: Delivery): SeenDelivery {
    let ticket = this.#receipts.indexOf(receipt);
    if (ticket < 0) ticket = this.#receipts.push(receipt) - 1;
    return { ticket, id: job.id, attempt, recoveries, deferrals, started };
  }
}

function at<T>(list: readonly T[], pick: Pick): T | undefined {
  return list.length === 0 ? undefined : list[pick % list.length];
}

function seenEnqueue(result: Result<Enqueued, TaskQueueError>): SeenEnqueue {
  return result.ok ? { id: result.value.id, outcome: result.value.outcome } : { code: result.error.code };
}

function verdict(result: Result<unknown, TaskQueueError>): string {
  return result.ok ? "ok" : result.error.code;
}
