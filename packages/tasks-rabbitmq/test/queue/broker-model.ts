import assert from "node:assert/strict";
import { aJob, anError, Session, uniqueName } from "@lexigram/conformance";
import type { Delivery, JobId, Receipt, Settlement } from "@lexigram/contracts";
import fc from "fast-check";
import { BrokerQueue } from "../../src/queue/broker-queue.ts";
import type { QueueType } from "../../src/topology/topology.ts";
import type { RabbitServer } from "../rabbit-server.ts";

/** Longer than any script: leases do not end here. */
const LEASE_MS = 600_000;
/** Claims, each after a wait for work, in which everything that lies somewhere has come. */
const ENDS_WITHIN = 200;

type Kind = Settlement["kind"];
type Worker = 0 | 1;

/** One step of a script. Deliveries are picked by number among all that were ever handed out, also over ones. */
type Step =
  | { readonly kind: "enqueue"; readonly jobs: readonly { priority: number; delayMs?: number }[] }
  | {
      readonly kind: "exchange";
      readonly worker: Worker;
      readonly slots: number;
      readonly settle: readonly { pick: number; kind: Kind; delayMs: number; countAttempt: boolean }[];
    }
  | { readonly kind: "extend"; readonly worker: Worker; readonly pick: number }
  | { readonly kind: "redrive"; readonly pick: number }
  | { readonly kind: "replace"; readonly worker: Worker };

const pick = fc.nat({ max: 63 });
const worker = fc.constantFrom<Worker>(0, 1);
const delayMs = fc.constantFrom(0, 0, 0, 60);

/** What a broker can do: no ids, no cancelling, no limits, no order by key, no resends. */
export const brokerScripts: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant("enqueue" as const),
        jobs: fc.array(fc.record({ priority: fc.nat({ max: 20 }), delayMs }), { minLength: 1, maxLength: 5 }),
      }),
    },
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constant("exchange" as const),
        worker,
        slots: fc.nat({ max: 6 }),
        settle: fc.array(
          fc.record({
            pick,
            kind: fc.constantFrom<Kind>("complete", "retry", "fail", "cancel", "release"),
            delayMs,
            countAttempt: fc.boolean(),
          }),
          { maxLength: 4 },
        ),
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("extend" as const), worker, pick }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("redrive" as const), pick }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("replace" as const), worker }) },
  ),
  { maxLength: 25 },
);

interface ModelJob {
  readonly id: JobId;
  state: "waits" | "held" | "over" | "dead";
  attempts: number;
  deferrals: number;
}

interface Handed {
  readonly job: ModelJob;
  readonly receipt: Receipt;
  readonly worker: Worker;
  isOpen: boolean;
}

interface Bench {
  queue: BrokerQueue;
  session: Session;
}

/** Plays a script on a queue of its own by two workers, and then lets everything that is left come. */
export class BrokerPlay {
  readonly #name = uniqueName("queue");
  readonly #jobs = new Map<JobId, ModelJob>();
  readonly #handed: Handed[] = [];
  readonly #server: RabbitServer;
  readonly #type: QueueType;
  readonly #benches: [Bench, Bench];

  constructor(server: RabbitServer, type: QueueType) {
    this.#server = server;
    this.#type = type;
    server.names(this.#name);
    this.#benches = [this.#bench(), this.#bench()];
  }

  async play(script: readonly Step[]): Promise<void> {
    try {
      for (const step of script) await this.#step(step);
      await this.#end();
    } finally {
      for (const { queue } of this.#benches) await queue.close();
      await this.#server.remove(this.#name);
    }
  }

  async #step(step: Step): Promise<void> {
    switch (step.kind) {
      case "enqueue": {
        const jobs = step.jobs.map((job) => aJob(job));
        const answers = await this.#benches[0].session.enqueue(jobs);
        assert.deepEqual(
          answers.map((answer) => answer.ok),
          jobs.map(() => true),
        );
        for (const { id } of jobs) this.#jobs.set(id, { id, state: "waits", attempts: 0, deferrals: 0 });
        return;
      }
      case "exchange":
        return this.#exchange(step);
      case "extend": {
        const handed = this.#picked(step.pick);
        if (handed === undefined) return;
        const { lost } = await this.#benches[step.worker].queue.extend([handed.receipt], LEASE_MS);
        const holds = handed.isOpen && handed.worker === step.worker;
        assert.deepEqual(lost, holds ? [] : [handed.receipt]);
        return;
      }
      case "redrive": {
        const dead = [...this.#jobs.values()].filter(({ state }) => state === "dead");
        const job = dead[step.pick % Math.max(1, dead.length)];
        if (job === undefined) return;
        assert.ok((await this.#benches[0].queue.deadLetters.retry(job.id)).ok);
        Object.assign(job, { state: "waits", attempts: 0, deferrals: 0 });
        return;
      }
      case "replace": {
        // What it holds is another's again.
        await this.#benches[step.worker].queue.close();
        for (const handed of this.#handed)
          if (handed.worker === step.worker && handed.isOpen) {
            handed.isOpen = false;
            handed.job.state = "waits";
          }
        this.#benches[step.worker] = this.#bench();
      }
    }
  }

  async #exchange({ worker, slots, settle }: Extract<Step, { kind: "exchange" }>): Promise<void> {
    const settling: Settlement[] = [];
    const lost: Receipt[] = [];
    for (const { pick: at, ...how } of settle) {
      const handed = this.#picked(at);
      if (handed === undefined || settling.some(({ receipt }) => receipt === handed.receipt)) continue;
      settling.push(settlementOf(handed.receipt, how));
      if (handed.isOpen && handed.worker === worker) this.#settled(handed, how);
      else lost.push(handed.receipt);
    }
    const reply = await this.#benches[worker].session.exchange({ settle: settling, slots });
    assert.deepEqual(reply.lost.toSorted(), lost.toSorted());
    assert.ok(reply.deliveries.length <= slots);
    for (const delivery of reply.deliveries) this.#deliver(delivery, worker);
  }

  #settled(handed: Handed, { kind, countAttempt }: { kind: Kind; countAttempt: boolean }): void {
    const { job } = handed;
    handed.isOpen = false;
    if (kind === "fail") job.state = "dead";
    else job.state = kind === "retry" || kind === "release" ? "waits" : "over";
    if (kind !== "retry") return;
    if (countAttempt) job.attempts++;
    else job.deferrals++;
  }

  #deliver({ job: { id }, receipt, attempt, deferrals }: Delivery, by: Worker): void {
    const job = this.#jobs.get(id);
    assert.deepEqual(job, { id, state: "waits", attempts: attempt - 1, deferrals });
    assert.ok(this.#handed.every((other) => other.receipt !== receipt));
    job.state = "held";
    this.#handed.push({ job: job, receipt, worker: by, isOpen: true });
  }

  /** Everything that is not over comes exactly once more, and the dead letters are those that failed. */
  async #end(): Promise<void> {
    for (const by of [0, 1] as const)
      for (const [at, handed] of this.#handed.entries())
        if (handed.isOpen && handed.worker === by)
          await this.#exchange({
            kind: "exchange",
            worker: by,
            slots: 0,
            settle: [{ pick: at, kind: "complete", delayMs: 0, countAttempt: false }],
          });
    const [, { queue, session }] = this.#benches;
    const waiting = (): number => [...this.#jobs.values()].filter(({ state }) => state === "waits").length;
    for (let turns = 0; waiting() > 0; turns++) {
      assert.ok(turns < ENDS_WITHIN, `${waiting()} jobs never came`);
      const { deliveries } = await session.exchange({ slots: 50 });
      const from = this.#handed.length;
      for (const delivery of deliveries) this.#deliver(delivery, 1);
      const settled = this.#handed.slice(from);
      const done = settled.map(({ receipt }): Settlement => ({ receipt, kind: "complete" }));
      assert.deepEqual((await session.exchange({ settle: done })).lost, []);
      for (const handed of settled) this.#settled(handed, { kind: "complete", countAttempt: false });
      if (deliveries.length === 0) await queue.waitForWork(500, AbortSignal.any([]));
    }
    assert.deepEqual((await session.exchange({ slots: 50 })).deliveries, []);
    const dead = [...this.#jobs.values()].filter(({ state }) => state === "dead").map(({ id }) => id);
    const { items } = await queue.deadLetters.list({ limit: 500 });
    assert.deepEqual(items.map(({ job }) => job.id).toSorted(), dead.toSorted());
  }

  #picked(at: number): Handed | undefined {
    return at < this.#handed.length ? this.#handed[at] : this.#handed[at % Math.max(1, this.#handed.length)];
  }

  #bench(): Bench {
    const queue = new BrokerQueue({
      name: this.#name,
      namespace: this.#server.namespace,
      broker: this.#server.connect(),
      type: this.#type,
      onClose: () => {},
    });
    return { queue, session: new Session(queue, uniqueName("session"), LEASE_MS) };
  }
}

function settlementOf(
  receipt: Receipt,
  { kind, delayMs, countAttempt }: { kind: Kind; delayMs: number; countAttempt: boolean },
): Settlement {
  switch (kind) {
    case "retry":
      return { receipt, kind, delayMs, countAttempt, error: anError() };
    case "fail":
      return { receipt, kind, error: anError() };
    case "release":
      return { receipt, kind, delayMs };
    default:
      return { receipt, kind };
  }
}
