import { isTerminal, type JobId, type NewJob } from "@lexigram/contracts";
import { holds, same } from "../kit/expect.ts";
import type {
  Played,
  SeenDelivery,
  SeenEnqueue,
  SeenJob,
  SeenReply,
  SeenSettlement,
  Ticket,
} from "./player.ts";
import { checkClaim } from "./claim-check.ts";
import { type ModelJob, QueueModel } from "./queue-model.ts";

const FULL = "LEX_ERR_TASK_QUEUE_FULL";
const INVALID = "LEX_ERR_TASK_VALIDATION";

type PlayedExchange = Extract<Played, { kind: "exchange" }>;

/** Follows a script beside a queue, and objects to the first answer that the laws do not allow. */
export class ModelCheck {
  readonly model = new QueueModel();
  readonly #lastExchange = new Map<number, SeenReply>();
  readonly #lastEnqueue = new Map<number, readonly SeenEnqueue[]>();
  #enqueuedBy = 0;

  /** @throws when the answer breaks a law. */
  check(played: Played): void {
    const { model } = this;
    // Before anything but an exchange the player lets the store do what time has made due.
    if (played.kind !== "exchange" && played.kind !== "advance") model.tick();
    switch (played.kind) {
      case "advance":
        model.now += played.ms;
        return;
      case "pause":
        model.paused = true;
        return;
      case "resume":
        model.paused = false;
        return;
      case "policy":
        model.policy = played.policy;
        return;
      case "enqueue":
        for (const [i, job] of played.jobs.entries()) this.#accept(job, played.answer[i]);
        this.#lastEnqueue.set(this.#enqueuedBy, played.answer);
        return;
      case "resent enqueue":
        same(played.answer, this.#lastEnqueue.get(played.worker), "the answer to a resent enqueue");
        return;
      case "exchange":
        this.#exchange(played);
        return;
      case "resent exchange":
        this.#resent(played.worker, played.answer);
        return;
      case "extend":
        this.#extend(played.tickets, played.leaseMs, played.answer);
        return;
      case "cancel":
        this.#cancel(played.id, played.answer);
        return;
      case "delete": {
        const job = model.jobs.get(played.id);
        same(played.answer, job !== undefined, `deleteJob(${played.id})`);
        if (job !== undefined) model.remove(job);
        return;
      }
      case "update":
        this.#update(played);
        return;
      case "redrive": {
        const job = model.jobs.get(played.id);
        const expected =
          job === undefined
            ? "LEX_ERR_TASK_JOB_NOT_FOUND"
            : job.state === "failed"
              ? "ok"
              : "LEX_ERR_TASK_NOT_ALLOWED";
        same(played.answer, expected, `retry of the dead letter ${played.id}`);
        if (job !== undefined && expected === "ok") model.redrive(job);
      }
    }
  }

  /** Whose call the next enqueue is; the answer to its resend must be the same. */
  enqueuesAs(worker: number): void {
    this.#enqueuedBy = worker;
  }

  /** @throws when a job stands elsewhere than the laws say. */
  compare(seen: ReadonlyMap<JobId, SeenJob>, ids: Iterable<JobId>): void {
    this.model.tick();
    this.model.adopt(seen);
    for (const id of new Set(ids)) same(seen.get(id), this.model.view(id), `job ${id}`);
  }

  #accept(job: NewJob, answer: SeenEnqueue | undefined): void {
    const { model } = this;
    holds(answer !== undefined, `enqueue of ${job.id} is answered`);
    const refusals = this.#refusals(job);
    const holder = job.unique === undefined ? undefined : model.holderOf(job.unique.key);
    const callback = job.notifies === undefined ? undefined : model.jobs.get(job.notifies);
    const isLate = job.notifies !== undefined && callback?.state !== "waiting";
    const allowed = new Set<string>(refusals);
    // Of a key that was mixed before it was held in order, either answer is right.
    if (model.orderedPriorities(job.key).size > 1) allowed.add(INVALID);
    if (holder !== undefined) for (const answer of answersToConflict(job, holder)) allowed.add(answer);
    else if (refusals.size === 0 || this.#mayHaveRoom(refusals)) allowed.add("accepted");
    const got = "code" in answer ? answer.code : answer.outcome;
    // What becomes of a job that reports to a callback which is over is not laid down.
    const isOpen = isLate && "code" in answer;
    holds(
      isOpen || allowed.has(got),
      `enqueue of ${job.id} answered ${got}, not one of ${[...allowed].join(", ")}`,
    );
    if ("code" in answer) return;
    if (answer.outcome === "existing") {
      same(answer.id, holder?.id, `the job that stands for ${job.id}`);
      return;
    }
    same(answer.id, job.id, "the id of an accepted job");
    if (answer.outcome === "replaced" && holder !== undefined) {
      model.finish(holder, "cancelled");
      holder.replaced = true;
    }
    model.add({
      id: job.id,
      priority: job.priority,
      ...(job.key === undefined ? {} : { key: job.key }),
      ...(job.maxRecoveries === undefined ? {} : { maxRecoveries: job.maxRecoveries }),
      ...(job.notifies === undefined ? {} : { notifies: job.notifies }),
      ...(job.unique === undefined || typeof job.unique.until === "object"
        ? {}
        : { unique: { key: job.unique.key, until: job.unique.until } }),
      expiresAt: job.expiresInMs === undefined ? Infinity : model.now + job.expiresInMs,
      runAt: model.now + (job.delayMs ?? 0),
      dependsOn: new Set(job.dependsOn),
      barrier: job.barrier?.size ?? 0,
    });
  }

  #refusals(job: NewJob): Set<string> {
    const { model } = this;
    const refusals = new Set<string>();
    if (model.jobs.has(job.id)) refusals.add("LEX_ERR_TASK_DUPLICATE");
    if (model.unfinished() + model.lagging >= (model.policy.maxSize ?? Infinity)) refusals.add(FULL);
    const priorities = model.orderedPriorities(job.key);
    if (priorities.size > 0 && !priorities.has(job.priority)) refusals.add(INVALID);
    if ((job.dependsOn ?? []).some((id) => !model.jobs.has(id))) {
      refusals.add(INVALID);
      refusals.add("LEX_ERR_TASK_JOB_NOT_FOUND");
    }
    return refusals;
  }

  /** Whether the only objection is that the store may still count jobs which have ended. */
  #mayHaveRoom(refusals: ReadonlySet<string>): boolean {
    const { model } = this;
    return (
      refusals.size === 1 && refusals.has(FULL) && model.unfinished() < (model.policy.maxSize ?? Infinity)
    );
  }

  #exchange(played: PlayedExchange): void {
    const { model } = this;
    const lost: Ticket[] = [];
    for (const ticket of played.started) {
      const job = model.heldBy(ticket);
      if (job === undefined) lost.push(ticket);
      else model.start(job);
    }
    for (const settlement of played.settle) if (!this.#settle(settlement)) lost.push(settlement.ticket);
    same(
      played.answer.lost,
      lost.toSorted((a, b) => a - b),
      "lost receipts",
    );
    model.tick();
    checkClaim(model, played);
    for (const delivery of played.answer.deliveries) this.#deliver(delivery, played);
    this.#checkReply(played.worker, played.answer);
    this.#lastExchange.set(played.worker, played.answer);
  }

  #settle({ ticket, kind, delayMs, countAttempt }: SeenSettlement): boolean {
    const { model } = this;
    const job = model.heldBy(ticket);
    if (job === undefined) return false;
    if (kind === "complete") model.finish(job, "completed");
    else if (job.cancelRequested || kind === "cancel") model.finish(job, "cancelled");
    else if (kind === "fail") model.finish(job, "failed");
    else {
      if (kind === "retry") {
        // What has an outcome has started.
        model.start(job);
        if (countAttempt) job.attempts++;
        else job.deferrals++;
      } else if (job.lease?.began === true) job.begun = false;
      model.putBack(job, delayMs);
    }
    return true;
  }

  #deliver(delivery: SeenDelivery, { worker, leaseMs }: PlayedExchange): void {
    const job = this.model.jobs.get(delivery.id) as ModelJob;
    job.state = "running";
    job.fresh = false;
    job.justReleased = false;
    job.lease = {
      ticket: delivery.ticket,
      worker,
      until: this.model.now + leaseMs,
      started: false,
      began: false,
    };
    if (delivery.started) this.model.start(job);
  }

  #checkReply(worker: number, answer: SeenReply): void {
    const { model } = this;
    same(answer.paused, model.paused, "paused");
    this.#checkCancelled(answer.cancelled);
    for (const job of model.jobs.values())
      if (job.cancelRequested && job.lease?.worker === worker)
        holds(answer.cancelled.includes(job.lease.ticket), `the holder of ${job.id} is told of the request`);
    const due = Math.max(0, model.nextDue() - model.now);
    if (model.paused || due === Infinity) return;
    const told = answer.nextDueInMs ?? Infinity;
    holds(told <= due, `nextDueInMs is ${answer.nextDueInMs}, though time makes work in ${due} ms`);
  }

  #checkCancelled(tickets: readonly Ticket[]): void {
    for (const ticket of tickets)
      holds(
        this.model.heldBy(ticket)?.cancelRequested === true,
        `delivery ${ticket} is held and asked to stop`,
      );
  }

  #resent(worker: number, answer: SeenReply): void {
    const recorded = this.#lastExchange.get(worker);
    if (recorded === undefined) return;
    same(answer.lost, recorded.lost, "lost receipts of a resend");
    const held = recorded.deliveries.filter((d) => this.model.heldBy(d.ticket)?.id === d.id);
    const name = (d: SeenDelivery): string => `${d.id} as delivery ${d.ticket}`;
    same(answer.deliveries.map(name), held.map(name), "deliveries of a resend");
    this.#checkCancelled(answer.cancelled);
  }

  #extend(
    tickets: readonly Ticket[],
    leaseMs: number,
    answer: { readonly lost: readonly Ticket[]; readonly cancelled: readonly Ticket[] },
  ): void {
    const held = tickets.flatMap((ticket) => this.model.heldBy(ticket) ?? []);
    const sorted = (list: readonly Ticket[]): Ticket[] => list.toSorted((a, b) => a - b);
    same(
      answer.lost,
      sorted(tickets.filter((t) => this.model.heldBy(t) === undefined)),
      "lost receipts of extend",
    );
    const asked = held.filter((job) => job.cancelRequested).flatMap((job) => job.lease?.ticket ?? []);
    same(answer.cancelled, sorted(asked), "cancelled receipts of extend");
    for (const job of held) if (job.lease !== undefined) job.lease.until = this.model.now + leaseMs;
  }

  #cancel(id: JobId, answer: string): void {
    const { model } = this;
    const job = model.jobs.get(id);
    if (job === undefined) {
      same(answer, "unknown", `cancel(${id})`);
      return;
    }
    const isAhead = job.lease !== undefined && !job.lease.started;
    const expected = model.isUnstarted(job)
      ? "cancelled"
      : job.lease === undefined
        ? "finished"
        : "requested";
    // Whether a delivery that was claimed ahead counts as unstarted here is not laid down.
    if (!(isAhead && answer === "cancelled")) same(answer, expected, `cancel(${id})`);
    if (answer === "cancelled") model.finish(job, "cancelled");
    else if (answer === "requested") job.cancelRequested = true;
  }

  #update(played: Extract<Played, { kind: "update" }>): void {
    const { model } = this;
    const job = model.jobs.get(played.id);
    if (job === undefined || !model.isUnstarted(job)) {
      const code = job === undefined ? "LEX_ERR_TASK_JOB_NOT_FOUND" : "LEX_ERR_TASK_NOT_ALLOWED";
      same(played.answer, code, `update(${played.id})`);
      return;
    }
    if (played.priority !== undefined && played.priority !== job.priority && this.#sharesOrder(job)) {
      same(
        played.answer,
        "LEX_ERR_TASK_VALIDATION",
        `update(${played.id}) of one of several in a key held in order`,
      );
      return;
    }
    same(played.answer, "ok", `update(${played.id})`);
    job.fresh = false;
    if (played.priority !== undefined) job.priority = played.priority;
    if (played.runInMs === undefined) return;
    job.runAt = model.now + played.runInMs;
    if (job.state !== "waiting") job.state = "scheduled";
  }

  #sharesOrder(job: ModelJob): boolean {
    if (this.model.policy.perKey?.order !== "fifo" || job.key === undefined) return false;
    return [...this.model.jobs.values()].some(
      (other) => other !== job && other.key === job.key && !isTerminal(other.state),
    );
  }
}

/** What may be answered to a newcomer whose unique key is held. */
function answersToConflict(job: NewJob, holder: ModelJob): readonly string[] {
  const refusal = "LEX_ERR_TASK_DUPLICATE";
  switch (job.unique?.onConflict) {
    case "existing":
      return ["existing"];
    case "replace":
      if (holder.lease?.started === true) return [refusal];
      // Whether a holder that is held ahead, or that ran and waits again, has started is not laid down.
      return holder.lease !== undefined || holder.begun ? ["replaced", refusal] : ["replaced"];
    default:
      return [refusal];
  }
}
