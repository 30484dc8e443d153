import type {
  Body,
  Delivery,
  JobId,
  JobStatus,
  JobView,
  NewJob,
  Receipt,
  Settlement,
  TaskQueueProtocol,
} from "@lexigram/contracts";
import { aJob, anError, uniqueName } from "../build/job.ts";
import { accepted, present, same } from "./expect.ts";
import type { QueueHarness } from "./harness.ts";
import { type ExchangePart, Session } from "./session.ts";
import { Time } from "./time.ts";

type Retry = Extract<Settlement, { kind: "retry" }>;

/** What a case of a queue works with: one fresh queue, names of its own, time, and the plain steps of a worker. */
export class QueueEnv {
  readonly queue: TaskQueueProtocol;
  readonly harness: QueueHarness;
  /** Part of every name that this case gives. */
  readonly seed: string;
  readonly time: Time;
  /** The worker and producer that the steps below use. */
  readonly worker: Session;
  readonly #opened: TaskQueueProtocol[];
  #names = 0;

  constructor(queue: TaskQueueProtocol, harness: QueueHarness) {
    this.queue = queue;
    this.harness = harness;
    this.seed = uniqueName("q");
    this.time = new Time(harness);
    this.#opened = [queue];
    this.worker = this.session();
  }

  /** Ends everything that the case opened. */
  async end(): Promise<void> {
    for (const queue of this.#opened.toReversed()) await queue.close();
  }

  name(prefix: string): string {
    return `${prefix}-${++this.#names}-${this.seed}`;
  }

  /** A span of so many units, each long enough to be told from no time at all. */
  span(units: number): number {
    return this.time.span(units);
  }

  /** Lets that many milliseconds of the store's time pass. */
  pass(ms: number): Promise<void> {
    return this.time.pass(ms);
  }

  /** A lease that does not end while the case runs. */
  get longLease(): number {
    return this.time.longMs;
  }

  session(queue: TaskQueueProtocol = this.queue): Session {
    return new Session(queue, this.name("session"), this.longLease);
  }

  /** A second connection to the same queue. */
  async peer(): Promise<TaskQueueProtocol> {
    const peer = await this.harness.peer(this.queue);
    this.#opened.push(peer);
    return peer;
  }

  /** Ends the queue object and opens what is stored anew. */
  async reopen(): Promise<TaskQueueProtocol> {
    const reopened = await this.harness.reopen(this.queue);
    this.#opened.push(reopened);
    return reopened;
  }

  /** A job of this case, under a name of its own. */
  job(given: Partial<NewJob> = {}): NewJob {
    return aJob({ id: this.name("job"), ...given });
  }

  jobs(n: number, given: Partial<NewJob> = {}): NewJob[] {
    return Array.from({ length: n }, () => this.job(given));
  }

  /** Stores jobs that must all be accepted. @returns their ids. */
  async put(...given: Partial<NewJob>[]): Promise<JobId[]> {
    const jobs = given.map((g) => this.job(g));
    const results = await this.worker.enqueue(jobs);
    same(results.length, jobs.length, "results of an enqueue");
    return results.map((result, i) => accepted(result, `enqueue of job ${i}`).id);
  }

  /** Stores one job that must be accepted. @returns its id. */
  async putOne(given: Partial<NewJob> = {}): Promise<JobId> {
    const [id] = await this.put(given);
    return present(id, "id of the stored job");
  }

  /** Claims for that many free slots. */
  async claim(slots: number, part: ExchangePart = {}): Promise<readonly Delivery[]> {
    const reply = await this.worker.exchange({ ...part, slots });
    return reply.deliveries;
  }

  /** Claims one job that must be there. */
  async claimOne(part: ExchangePart = {}): Promise<Delivery> {
    const [delivery] = await this.claim(1, part);
    return present(delivery, "a delivery for one free slot");
  }

  /** Stores a job and claims it. */
  async running(given: Partial<NewJob> = {}, part: ExchangePart = {}): Promise<Delivery> {
    const id = await this.putOne(given);
    const delivery = await this.claimOne(part);
    same(delivery.job.id, id, "the delivered job");
    return delivery;
  }

  /**
   * Claims one at a time, completing each, until nothing comes of a claim that settles nothing: who settles and is sent jobs
   * unasked may be answered before the next one arrives. @returns the ids in the order they came.
   */
  async drain(): Promise<JobId[]> {
    const ids: JobId[] = [];
    let settle: Settlement[] = [];
    for (;;) {
      const { deliveries } = await this.worker.exchange({ settle, slots: 1 });
      const [delivery] = deliveries;
      if (delivery === undefined && settle.length === 0) return ids;
      if (delivery === undefined) {
        settle = [];
        continue;
      }
      ids.push(delivery.job.id);
      settle = [{ receipt: delivery.receipt, kind: "complete" }];
    }
  }

  /** Reports outcomes. @returns the receipts that were refused. */
  async settle(...settlements: Settlement[]): Promise<readonly Receipt[]> {
    const reply = await this.worker.exchange({ settle: settlements });
    return reply.lost;
  }

  /** Reports outcomes that must be accepted. */
  async settled(...settlements: Settlement[]): Promise<void> {
    same(await this.settle(...settlements), [], "refused settlements");
  }

  complete(delivery: Delivery, result?: Body): Promise<void> {
    return this.settled({
      receipt: delivery.receipt,
      kind: "complete",
      ...(result === undefined ? {} : { result }),
    });
  }

  fail(delivery: Delivery, message?: string): Promise<void> {
    return this.settled({ receipt: delivery.receipt, kind: "fail", error: anError(message) });
  }

  retry(delivery: Delivery, given: Partial<Pick<Retry, "delayMs" | "countAttempt">> = {}): Promise<void> {
    return this.settled({
      receipt: delivery.receipt,
      kind: "retry",
      delayMs: 0,
      countAttempt: true,
      error: anError(),
      ...given,
    });
  }

  release(delivery: Delivery, delayMs = 0): Promise<void> {
    return this.settled({ receipt: delivery.receipt, kind: "release", delayMs });
  }

  /** Lets the store do what time alone makes due: promote, expire, reap. Claims nothing. */
  async beat(): Promise<void> {
    await this.worker.exchange();
  }

  async view(id: JobId): Promise<JobView> {
    return present(await this.queue.getJob(id), `job ${id}`);
  }

  /** The job's status, `undefined` when there is no record. */
  async status(id: JobId): Promise<JobStatus | undefined> {
    const view = await this.queue.getJob(id);
    return view?.status;
  }

  /** The ids of all jobs in a status, page by page. */
  async listed(status: JobStatus, limit = 100): Promise<JobId[]> {
    const ids: JobId[] = [];
    let cursor: string | undefined;
    do {
      const page = await this.queue.list({ status, limit, ...(cursor === undefined ? {} : { cursor }) });
      ids.push(...page.items.map((job) => job.id));
      cursor = page.cursor;
    } while (cursor !== undefined);
    return ids;
  }
}
