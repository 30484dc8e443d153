import {
  type Claim,
  type Clock,
  type JobId,
  type JobStatus,
  type NewJob,
  QueueUnavailableError,
  type Receipt,
  type Settlement,
  type TaskQueueProtocol,
} from "@lexigram/contracts";
import { aBody, anError } from "../build/job.ts";
import { Dice, seededRandom } from "./seeded-random.ts";
import { kindOf, mayWait, StormJobs } from "./storm-jobs.ts";
import { emptyLedger, type StormLedger } from "./storm-ledger.ts";

/** Long enough for a machine that does other things, short enough to be waited for. */
const LEASE_MS = 3_000;
const KNOWN = 300;
const MOST_HELD = 40;
/** In which a queue has nothing to give, and says that time brings nothing. */
const VAIN_LOOKS = 20;
const MAX_BYTES = 1_000_000;

const none: Claim = { slots: 0, ahead: 0, leaseMs: LEASE_MS, maxBytes: MAX_BYTES };

interface Held {
  readonly id: JobId;
  readonly recoveries: number;
  started: boolean;
}

/** A queue, and what callers do to it. */
export interface StormQueue {
  readonly queue: TaskQueueProtocol;
  /** Whether jobs mostly concern nothing but themselves and complete, so that stores take their shortest way. */
  readonly plain?: boolean;
}

/** One queue as a caller uses it. */
interface Use {
  readonly queue: TaskQueueProtocol;
  readonly plain: boolean;
  readonly ledger: StormLedger;
  readonly held: Map<Receipt, Held>;
  readonly known: JobId[];
  enqueues: number;
  exchanges: number;
}

/** Statuses of unfinished jobs that are cleared, nobody learns which; and of those whose end was told. */
const WAITING: readonly JobStatus[] = ["scheduled", "retrying", "waiting"];
const TOLD: readonly JobStatus[] = ["completed", "failed"];

function codeOf({ cause }: QueueUnavailableError): string {
  const { code } = (cause ?? {}) as { readonly code?: unknown };
  return typeof code === "string" ? code : "none";
}

/** One of many callers that do everything to the same queues, and writes down what it is told. */
export class StormCaller {
  readonly #name: string;
  readonly #dice: Dice;
  readonly #jobs: StormJobs;
  readonly #clock: Clock;
  readonly #uses: readonly Use[];
  #calls = 0;

  /** @param name which no other caller has. */
  constructor(queues: readonly StormQueue[], name: string, seed: number, clock: Clock) {
    this.#name = name;
    this.#dice = new Dice(seededRandom(seed, name));
    this.#jobs = new StormJobs(this.#dice, name);
    this.#clock = clock;
    this.#uses = queues.map(({ queue, plain = false }) => ({
      queue,
      plain,
      ledger: emptyLedger(),
      held: new Map(),
      known: [],
      enqueues: 0,
      exchanges: 0,
    }));
  }

  get calls(): number {
    return this.#calls;
  }

  /** In the order of the queues. */
  get ledgers(): readonly StormLedger[] {
    return this.#uses.map(({ ledger }) => ledger);
  }

  /** Makes one call, of a kind and to a queue that chance picks. */
  async play(): Promise<void> {
    const use = this.#dice.of(this.#uses) as Use;
    this.#calls++;
    use.ledger.calls++;
    switch (
      this.#dice.weighed({
        exchange: 40,
        enqueue: 22,
        extend: 6,
        cancel: 6,
        update: 6,
        delete: 5,
        redrive: 5,
        clear: 3,
        look: 7,
      })
    ) {
      case "exchange":
        return this.#exchange(use);
      case "enqueue":
        return this.#enqueue(use);
      case "extend":
        return this.#extend(use);
      case "cancel":
        return this.#cancel(use);
      case "update":
        return this.#update(use);
      case "delete":
        return this.#delete(use);
      case "redrive":
        return this.#redrive(use);
      case "clear":
        return this.#clear(use);
      case "look":
        return this.#look(use);
    }
  }

  /** Completes what is left of a queue, until nothing waits for anything. */
  async drain(): Promise<void> {
    for (const use of this.#uses)
      for (let looks = 0; ;) {
        const claim = { ...none, slots: 100 };
        const settle = [...use.held.keys()].map((receipt): Settlement => ({ receipt, kind: "complete" }));
        const dueInMs = await this.#send(use, settle, [], claim);
        if (use.held.size > 0) continue;
        const left = dueInMs === 0 ? undefined : await use.queue.count();
        if (left === 0) break;
        looks = dueInMs === undefined ? looks + 1 : 0;
        if (looks > VAIN_LOOKS) {
          use.ledger.faults.push(`${left} jobs are counted as unfinished, and nothing will end them`);
          break;
        }
        const waitMs = Math.max(1, Math.min(dueInMs ?? 100, 1_000));
        await use.queue.waitForWork(waitMs, new AbortController().signal);
      }
  }

  async #enqueue(use: Use): Promise<void> {
    const { queue, ledger, known } = use;
    const jobs: NewJob[] = this.#jobs.batch(this.#calls, use.plain ? undefined : known.slice(-20));
    const options = { session: this.#name, seq: ++use.enqueues };
    const answers = await this.#named(use, () => queue.enqueueMany(jobs, options));
    const [results = []] = answers;
    const outcomes = (one: typeof results): string =>
      one.map((result) => (result.ok ? result.value.outcome : result.error.code)).join();
    if (answers.some((other) => outcomes(other) !== outcomes(results)))
      ledger.faults.push(`an enqueue that was sent twice was answered in two ways`);
    for (const [i, result] of results.entries()) {
      if (!result.ok || result.value.outcome === "existing") continue;
      ledger.accepted.push(result.value.id);
      if (result.value.id !== jobs[i]?.id) ledger.faults.push(`${jobs[i]?.id} was taken under another id`);
      if (known.push(result.value.id) > KNOWN) known.shift();
    }
  }

  async #exchange(use: Use): Promise<void> {
    const dice = this.#dice;
    const settle: Settlement[] = [];
    const started: Receipt[] = [];
    for (const [receipt, held] of use.held) {
      if (held.recoveries === 0 && dice.falls(0.05)) use.held.delete(receipt);
      else if (dice.falls(0.7)) settle.push(this.#outcome(use, receipt, held.id));
      else if (!held.started && dice.falls(use.plain ? 0.02 : 0.5)) {
        held.started = true;
        started.push(receipt);
      }
    }
    const room = use.held.size < MOST_HELD;
    const claim = room ? { ...none, slots: dice.between(0, 6), ahead: dice.between(0, 3) } : none;
    await this.#send(use, settle, started, claim);
  }

  #outcome({ plain }: Use, receipt: Receipt, id: JobId): Settlement {
    const dice = this.#dice;
    if (kindOf(id) === "doomed" && dice.falls(0.6)) return { receipt, kind: "fail", error: anError() };
    if (!mayWait(id) || (plain && dice.falls(0.95))) return { receipt, kind: "complete" };
    const delayMs = dice.falls(0.5) ? 0 : dice.between(1, 80);
    switch (dice.weighed({ complete: 14, retry: 3, release: 2, cancel: 1 })) {
      case "complete":
        return { receipt, kind: "complete", result: aBody(id) };
      case "retry":
        return { receipt, kind: "retry", delayMs, countAttempt: dice.falls(0.5), error: anError() };
      case "release":
        return { receipt, kind: "release", delayMs };
      case "cancel":
        return { receipt, kind: "cancel" };
    }
  }

  /** @returns when time alone makes work, in milliseconds. */
  async #send(
    use: Use,
    settle: readonly Settlement[],
    started: readonly Receipt[],
    claim: Claim,
  ): Promise<number | undefined> {
    const { queue, ledger, held } = use;
    const request = { session: this.#name, seq: ++use.exchanges, settle, started, claim };
    const replies = await this.#named(use, () => queue.exchange(request));
    const [first] = replies;
    const lost = new Set(first?.lost);
    for (const reply of replies) {
      if (reply.lost.length !== lost.size || reply.lost.some((receipt) => !lost.has(receipt)))
        ledger.faults.push("an exchange that was sent twice was answered in two ways");
      for (const { receipt, job, recoveries, started: isStarted } of reply.deliveries)
        held.set(receipt, { id: job.id, recoveries, started: isStarted });
    }
    for (const { receipt, kind } of settle) {
      const id = held.get(receipt)?.id ?? "";
      held.delete(receipt);
      if (lost.has(receipt)) continue;
      if (kind === "complete") ledger.completed.push(id);
      if (kind === "fail") ledger.failed.push(id);
      if (kind === "cancel") ledger.stopped.push(id);
    }
    for (const receipt of lost) held.delete(receipt);
    return first?.nextDueInMs;
  }

  async #extend(use: Use): Promise<void> {
    const receipts = [...use.held.keys()].slice(0, 10);
    if (receipts.length === 0) return;
    const { lost } = await this.#unnamed(use, () => use.queue.extend(receipts, LEASE_MS));
    for (const receipt of lost) use.held.delete(receipt);
  }

  async #cancel(use: Use): Promise<void> {
    const id = this.#someId(use);
    if (id === undefined) return;
    const answer = await this.#unnamed(use, () => use.queue.cancel(id));
    if (answer === "cancelled" || answer === "requested") use.ledger.stopped.push(id);
  }

  async #update(use: Use): Promise<void> {
    const id = this.#someId(use);
    if (id === undefined) return;
    const dice = this.#dice;
    const what = dice.weighed({
      body: 1,
      priority: kindOf(id) === "keyed" ? 0 : 1,
      runAt: mayWait(id) ? 1 : 0,
    });
    const change = {
      ...(what === "body" ? { body: aBody(`${id} anew`) } : {}),
      ...(what === "priority" ? { priority: dice.between(4, 6) } : {}),
      ...(what === "runAt" ? { runAt: this.#clock.now() + dice.between(0, 80) } : {}),
    };
    await this.#unnamed(use, () => use.queue.update(id, change));
  }

  async #delete(use: Use): Promise<void> {
    const id = this.#someId(use);
    if (id === undefined) return;
    if (await this.#unnamed(use, () => use.queue.deleteJob(id))) use.ledger.deleted.push(id);
  }

  async #redrive(use: Use): Promise<void> {
    const { queue, ledger } = use;
    if (this.#dice.falls(0.5)) {
      ledger.redriven += await this.#unnamed(use, () => queue.deadLetters.retryAll());
      return;
    }
    const { items } = await this.#unnamed(use, () => queue.deadLetters.list({ limit: 3 }));
    const letter = this.#dice.of(items);
    if (letter === undefined) return;
    const answer = await this.#unnamed(use, () => queue.deadLetters.retry(letter.job.id));
    if (answer.ok) ledger.redriven++;
  }

  async #clear(use: Use): Promise<void> {
    const isTold = this.#dice.falls(0.4);
    const status = this.#dice.of(isTold ? TOLD : WAITING) as JobStatus;
    const n = await this.#unnamed(use, () => use.queue.clear({ status }));
    if (!isTold) use.ledger.cleared += n;
  }

  async #look(use: Use): Promise<void> {
    const { queue, ledger } = use;
    const { counts, retrying } = await this.#unnamed(use, () => queue.stats());
    for (const [status, n] of Object.entries({ ...counts, retrying }))
      if (n < 0) ledger.faults.push(`${n} jobs were counted as ${status}`);
    const status = this.#dice.of<JobStatus>(["pending", "running", "scheduled", "completed", "cancelled"]);
    await this.#unnamed(use, () => queue.list({ status: status as JobStatus, limit: 20 }));
    await this.#unnamed(use, () => queue.results(use.known.slice(-5)));
  }

  /** A job that this caller stored, or holds whoever stored it. */
  #someId({ known, held }: Use): JobId | undefined {
    return this.#dice.falls(0.4) ? this.#dice.of([...held.values()])?.id : this.#dice.of(known);
  }

  /** Sends a call that has a name until it is answered; now and then twice at once, as a resend may meet the first. */
  async #named<T>(use: Use, send: () => Promise<T>): Promise<T[]> {
    const times = this.#dice.falls(0.05) ? 2 : 1;
    const answered = async (): Promise<T> => {
      for (;;)
        try {
          return await send();
        } catch (error) {
          this.#note(use, error);
        }
    };
    return Promise.all(Array.from({ length: times }, answered));
  }

  /** Sends a call of which nobody would know whether it was applied, if it failed for another reason than a refusal. */
  async #unnamed<T>(use: Use, send: () => Promise<T>): Promise<T> {
    for (;;)
      try {
        return await send();
      } catch (error) {
        const { accepted } = this.#note(use, error);
        if (accepted === "unknown") use.ledger.faults.push(`the fate of a call is unknown: ${String(error)}`);
      }
  }

  #note({ ledger }: Use, error: unknown): QueueUnavailableError["fields"] {
    if (!(error instanceof QueueUnavailableError && error.fields.retryable)) throw error;
    const code = codeOf(error);
    ledger.troubles[code] = (ledger.troubles[code] ?? 0) + 1;
    return error.fields;
  }
}
