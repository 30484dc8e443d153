import assert from "node:assert/strict";
import {
  type Delivery,
  isTerminal,
  JOB_STATUSES,
  type JobStatus,
  type JobView,
  type QueuePolicy,
  type Settlement,
} from "@lexigram/contracts";
import fc from "fast-check";
import { Bench, failure, job } from "./jobs.ts";

const LEASE_MS = 100;
const MAX_RECOVERIES = 2;

const small = fc.nat({ max: 40 });
const which = fc.nat({ max: 1_000 });
export const command = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant("put" as const),
      task: fc.constantFrom("a", "b", "c"),
      key: fc.option(fc.constantFrom("k1", "k2", "k3"), { nil: undefined }),
      priority: fc.constantFrom(0, 5, 5, 20),
      delayMs: fc.option(small, { nil: undefined }),
      expiresInMs: fc.option(fc.integer({ min: 1, max: 200 }), { nil: undefined, freq: 4 }),
      dependsOn: fc.option(which, { nil: undefined, freq: 5 }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("exchange" as const),
      slots: fc.nat({ max: 3 }),
      ahead: fc.nat({ max: 2 }),
      kinds: fc.array(
        fc.constantFrom("complete", "complete", "retry", "defer", "fail", "cancel", "release", "keep"),
        { maxLength: 4 },
      ),
      start: fc.boolean(),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("advance" as const), ms: fc.nat({ max: 60 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constantFrom("cancel" as const, "delete" as const, "redrive" as const),
      which,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("update" as const),
      which,
      priority: fc.constantFrom(0, 5, 20),
      inMs: fc.option(small, { nil: undefined }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("extend" as const), which }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constantFrom("resend" as const, "pause" as const, "resume" as const, "resume" as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("policy" as const), which }) },
);
export type Command = typeof command extends fc.Arbitrary<infer T> ? T : never;

/** What a test knows of a job from what it was told. */
interface Known {
  readonly id: string;
  readonly task: string;
  readonly key: string | undefined;
  attempt: number;
  recoveries: number;
  deferrals: number;
  ended: JobStatus | undefined;
  cancelAsked: boolean;
}

interface Held {
  readonly delivery: Delivery;
  readonly known: Known;
  until: number;
  started: boolean;
}

/** Plays commands against a queue and keeps a ledger of its own beside it. */
export class Ledger {
  readonly bench = new Bench();
  readonly jobs: Known[] = [];
  readonly gone = new Set<string>();
  held: Held[] = [];
  readonly #policies: readonly QueuePolicy[];
  /** The rules that hold all the time. */
  readonly #policy: QueuePolicy;
  readonly #starts = new Map<string, number[]>();
  #last: { session: string; seq: number; deliveries: readonly Delivery[] } | undefined;
  #seq = 0;

  /** @param policies the rules that commands choose among; what they allow is only checked when they never change. */
  constructor(policies: readonly QueuePolicy[]) {
    this.#policies = policies;
    this.#policy = (policies.length === 1 ? policies[0] : undefined) ?? {};
  }

  get now(): number {
    return this.bench.clock.monotonic();
  }

  async play(c: Command): Promise<void> {
    const { queue, clock } = this.bench;
    switch (c.do) {
      case "put":
        return this.#put(c);
      case "exchange":
        return this.#exchange(c);
      case "advance":
        return clock.advance(c.ms);
      case "extend": {
        const held = this.held[c.which % Math.max(1, this.held.length)];
        if (held === undefined) return;
        const { lost } = await queue.extend([held.delivery.receipt], LEASE_MS);
        assert.equal(lost.length === 0, this.#isHeld(held));
        if (lost.length === 0) held.until = this.now + LEASE_MS;
        return;
      }
      case "resend":
        return this.#resend();
      case "pause":
        return queue.pause();
      case "resume":
        return queue.resume();
      case "policy":
        return queue.setPolicy({ ...this.#policies[c.which % this.#policies.length], maxSize: 10_000 });
      default:
        return this.#control(c);
    }
  }

  #isHeld(held: Held): boolean {
    return this.now < held.until && !this.gone.has(held.known.id);
  }

  async #put(c: Extract<Command, { do: "put" }>): Promise<void> {
    const { do: _, dependsOn, ...given } = c;
    const on = dependsOn === undefined ? undefined : this.jobs[dependsOn % Math.max(1, this.jobs.length)];
    const made = job({
      maxRecoveries: MAX_RECOVERIES,
      ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
      ...(on === undefined || this.gone.has(on.id) ? {} : { dependsOn: [on.id] }),
    });
    const [result] = await this.bench.put(made);
    if (result?.ok !== true) return;
    this.jobs.push({
      id: made.id,
      task: made.task,
      key: made.key,
      attempt: 0,
      recoveries: 0,
      deferrals: 0,
      ended: undefined,
      cancelAsked: false,
    });
  }

  async #exchange(c: Extract<Command, { do: "exchange" }>): Promise<void> {
    const settle: Settlement[] = [];
    const settled: Held[] = [];
    const kept: Held[] = [];
    const expectLost: string[] = [];
    const started = c.start ? this.held.filter((held) => !held.started) : [];
    for (const held of started) {
      if (!this.#isHeld(held)) expectLost.push(held.delivery.receipt);
      else {
        held.started = true;
        this.#noteStart(held.known);
      }
    }
    for (const [i, held] of this.held.entries()) {
      const kind = c.kinds[i] ?? "keep";
      if (kind === "keep") {
        kept.push(held);
        continue;
      }
      settle.push(settlementOf(held.delivery, kind));
      if (!this.#isHeld(held)) expectLost.push(held.delivery.receipt);
      else this.#noteSettled(held, kind);
      settled.push(held);
    }
    // What is left and ended is reaped by this exchange.
    this.held = kept.filter((held) => {
      if (this.#isHeld(held)) return true;
      if (!this.gone.has(held.known.id)) this.#noteReaped(held);
      return false;
    });
    for (const held of settled)
      if (expectLost.includes(held.delivery.receipt) && !this.gone.has(held.known.id)) this.#noteReaped(held);

    const call = { session: "worker", seq: ++this.#seq };
    const reply = await this.bench.queue.exchange({
      ...call,
      settle,
      started: started.map((held) => held.delivery.receipt),
      claim: { slots: c.slots, ahead: c.ahead, leaseMs: LEASE_MS, maxBytes: 1e9 },
    });
    assert.deepEqual([...reply.lost].toSorted(), expectLost.toSorted());
    this.#last = { ...call, deliveries: reply.deliveries };
    assert.ok(reply.deliveries.length <= c.slots + c.ahead);
    if (reply.paused) assert.deepEqual(reply.deliveries, []);
    for (const delivery of reply.deliveries) await this.#noteDelivered(delivery);
    if (reply.deliveries.length > 0) this.#checkConcurrency();
  }

  async #resend(): Promise<void> {
    if (this.#last === undefined) return;
    const { deliveries, session, seq } = this.#last;
    const reply = await this.bench.queue.exchange({
      session,
      seq,
      settle: [],
      started: [],
      claim: { slots: 9, ahead: 9, leaseMs: LEASE_MS, maxBytes: 1e9 },
    });
    const still = deliveries.filter((d) =>
      this.held.some((held) => held.delivery === d && this.#isHeld(held)),
    );
    assert.deepEqual(
      reply.deliveries.map((d) => d.receipt),
      still.map((d) => d.receipt),
    );
  }

  async #control(
    c: Extract<Command, { which: number; do: "cancel" | "delete" | "redrive" | "update" }>,
  ): Promise<void> {
    const known = this.jobs[c.which % Math.max(1, this.jobs.length)];
    if (known === undefined) return;
    const { queue } = this.bench;
    if (c.do === "cancel") {
      if ((await queue.cancel(known.id)) === "requested") known.cancelAsked = true;
    } else if (c.do === "delete") {
      if (await queue.deleteJob(known.id)) this.gone.add(known.id);
    } else if (c.do === "redrive") {
      const result = await queue.deadLetters.retry(known.id);
      if (result.ok) Object.assign(known, { attempt: 0, recoveries: 0, deferrals: 0, ended: undefined });
    } else if ("priority" in c)
      await queue.update(known.id, {
        priority: c.priority,
        ...(c.inMs === undefined ? {} : { runAt: this.bench.clock.now() + c.inMs }),
      });
  }

  async #noteDelivered(delivery: Delivery): Promise<void> {
    const known = this.jobs.find(({ id }) => id === delivery.job.id) as Known;
    assert.ok(!this.held.map((held) => held.known).includes(known));
    assert.deepEqual(
      {
        attempt: delivery.attempt,
        recoveries: delivery.recoveries,
        deferrals: delivery.deferrals,
      },
      {
        attempt: known.attempt + 1,
        recoveries: known.recoveries,
        deferrals: known.deferrals,
      },
    );
    if (known.recoveries > 0) assert.equal(delivery.started, true);
    if (this.#policy.perKey?.order === "fifo" && known.key !== undefined) await this.#checkFirstOfKey(known);
    this.held.push({ delivery, known, until: this.now + LEASE_MS, started: delivery.started });
    if (delivery.started) this.#noteStart(known);
  }

  async #checkFirstOfKey(known: Known): Promise<void> {
    for (const earlier of this.jobs.slice(0, this.jobs.indexOf(known))) {
      if (earlier.key !== known.key || this.gone.has(earlier.id)) continue;
      const view = await this.bench.queue.getJob(earlier.id);
      // One that was redriven went to the tail.
      if (view === undefined || view.redrives > 0 || isTerminal(view.status)) continue;
      assert.fail(`${known.id} started before ${earlier.id} of its key, which is ${view.status}`);
    }
  }

  #noteStart(known: Known): void {
    const { rate, perTask, perKey } = this.#policy;
    const limits = [
      ["queue", rate],
      [`task ${known.task}`, perTask?.[known.task]?.rate],
      [`key ${known.key}`, known.key === undefined ? undefined : perKey?.rate],
    ] as const;
    for (const [scope, bucket] of limits) {
      if (bucket === undefined) continue;
      const starts = this.#starts.get(scope) ?? [];
      this.#starts.set(scope, starts);
      starts.push(this.now);
      for (const [i, from] of starts.entries())
        assert.ok(
          starts.length - i <= bucket.burst + (bucket.rate / bucket.perMs) * (this.now - from) + 1e-9,
        );
    }
  }

  #checkConcurrency(): void {
    const valid = this.held.filter((held) => this.#isHeld(held));
    const { concurrency = Infinity, perTask, perKey } = this.#policy;
    assert.ok(valid.length <= concurrency);
    for (const [task, limit] of Object.entries(perTask ?? {}))
      assert.ok(valid.filter((held) => held.known.task === task).length <= (limit.concurrency ?? Infinity));
    const perKeyMost = perKey?.order === "fifo" ? 1 : (perKey?.concurrency ?? Infinity);
    for (const key of ["k1", "k2", "k3"])
      assert.ok(valid.filter((held) => held.known.key === key).length <= perKeyMost);
  }

  #noteSettled({ known, started }: Held, kind: string): void {
    const isCancelled = known.cancelAsked && kind !== "complete";
    if (kind === "complete" || (kind !== "release" && started) || (kind !== "release" && kind !== "cancel")) {
      if (kind === "defer" && !isCancelled) known.deferrals++;
      else known.attempt++;
    }
    known.cancelAsked = false;
  }

  #noteReaped(held: Held): void {
    const { known } = held;
    if (held.started && !known.cancelAsked) known.recoveries++;
    known.cancelAsked = false;
  }

  /** Works off what is left: nothing may hang. */
  async finish(): Promise<void> {
    const { queue, clock } = this.bench;
    await queue.resume();
    let settle: Settlement[] = [];
    for (let round = 0; round < 5_000; round++) {
      const { deliveries, nextDueInMs } = await queue.exchange({
        session: "finisher",
        seq: round,
        settle,
        started: [],
        claim: { slots: 5, ahead: 0, leaseMs: LEASE_MS, maxBytes: 1e9 },
      });
      settle = deliveries.map((delivery) => settlementOf(delivery, "complete"));
      if (settle.length > 0) continue;
      await queue.deadLetters.clear();
      if ((await queue.count()) === 0) return;
      assert.equal((await queue.count("pending")) > 0 || nextDueInMs !== undefined, true);
      await clock.advance(Math.max(nextDueInMs ?? 0, 1));
    }
    assert.equal(await queue.count(), 0);
  }

  /** Everything that must hold after every command. */
  async check(): Promise<void> {
    const { queue } = this.bench;
    const seen = new Map<string, JobView>();
    const sizes = new Map<JobStatus, number>();
    for (const status of JOB_STATUSES) {
      let cursor: string | undefined;
      let n = 0;
      do {
        const page = await queue.list({ status, limit: 7, ...(cursor === undefined ? {} : { cursor }) });
        for (const view of page.items) {
          assert.equal(view.status, status);
          assert.equal(seen.has(view.id), false);
          seen.set(view.id, view);
          n++;
        }
        cursor = page.cursor;
      } while (cursor !== undefined);
      assert.equal(await queue.count(status), n);
      sizes.set(status, n);
    }
    const size = (status: JobStatus): number => sizes.get(status) ?? 0;
    const { counts, retrying } = await queue.stats();
    for (const [state, n] of Object.entries(counts))
      assert.equal(
        n,
        state === "scheduled" ? size("scheduled") + size("retrying") : size(state as JobStatus),
      );
    assert.equal(retrying, size("retrying"));
    assert.equal(
      await queue.count(),
      size("waiting") + size("scheduled") + size("retrying") + size("pending") + size("running"),
    );
    for (const known of this.jobs) {
      const view = seen.get(known.id);
      if (view === undefined) {
        // No record: it was deleted, or trimmed after its end.
        this.gone.add(known.id);
        continue;
      }
      assert.equal(this.gone.has(known.id), false);
      assert.ok(view.recoveries <= MAX_RECOVERIES + 1);
      if (known.ended !== undefined) assert.equal(view.status, known.ended);
      if (isTerminal(view.status)) known.ended = view.status;
    }
  }
}

function settlementOf({ receipt }: Delivery, kind: string): Settlement {
  switch (kind) {
    case "retry":
      return { receipt, kind: "retry", delayMs: 10, countAttempt: true, error: failure };
    case "defer":
      return { receipt, kind: "retry", delayMs: 0, countAttempt: false, error: failure };
    case "fail":
      return { receipt, kind: "fail", error: failure };
    case "release":
      return { receipt, kind: "release", delayMs: 0 };
    case "cancel":
      return { receipt, kind: "cancel" };
    default:
      return { receipt, kind: "complete" };
  }
}
