import { type Headers, type Logger, type TransactionHandle, withFields } from "@lexigram/contracts";
import { type Attempt, Stage } from "./attempt.ts";
import { attemptReporter, type EndingReporter } from "./attempt-progress.ts";
import { completeInTransaction } from "./attempt-transaction.ts";
import type { ProgressReporter, TaskContext, TaskJobInfo } from "./task-context.ts";

const NO_LABELS: Readonly<Record<string, string>> = Object.freeze({});

/** The context of one attempt. What handlers seldom use is made when it is first read. */
export class AttemptContext implements TaskContext {
  readonly #attempt: Attempt;
  #job: TaskJobInfo | undefined = undefined;
  #log: Logger | undefined = undefined;
  #progress: EndingReporter | undefined = undefined;
  /** Whether a run before this one, inside the same slot, reported progress. */
  readonly #reportedBefore: boolean;

  constructor(attempt: Attempt) {
    this.#attempt = attempt;
    this.#reportedBefore = attempt.context !== undefined && attempt.context.leaveProgress();
  }

  get job(): TaskJobInfo {
    if (this.#job === undefined) {
      const { id, task, priority, key, createdAt } = this.#attempt.delivery.job;
      const queue = this.#attempt.queueName;
      this.#job = { id, task, queue, priority, createdAt, ...(key === undefined ? {} : { key }) };
    }
    return this.#job;
  }

  get attempt(): number {
    return this.#attempt.attempt;
  }

  get recoveries(): number {
    return this.#attempt.delivery.recoveries;
  }

  get headers(): Headers {
    return this.#attempt.delivery.job.headers;
  }

  get labels(): Readonly<Record<string, string>> {
    const { policy, plan } = this.#attempt;
    const own = plan?.task.policy.labels ?? NO_LABELS;
    return policy?.labels === undefined ? own : { ...own, ...policy.labels };
  }

  get log(): Logger {
    const { consumer, jobId, taskName } = this.#attempt;
    this.#log ??= withFields(consumer.services.logger, { job: jobId, task: taskName, attempt: this.attempt });
    return this.#log;
  }

  get signal(): AbortSignal {
    return this.#attempt.signal;
  }

  get progress(): ProgressReporter {
    return this.#reporter;
  }

  get #reporter(): EndingReporter {
    const attempt = this.#attempt;
    this.#progress ??= attemptReporter(attempt.jobId, attempt.consumer.services.progress, () => this.#isOver);
    return this.#progress;
  }

  async heartbeat(): Promise<void> {
    const attempt = this.#attempt;
    if (attempt.abortReason === undefined && attempt.leased) await attempt.consumer.leases.renewNow(attempt);
    if (attempt.abortReason !== undefined) throw attempt.abortReason; // oxlint-disable-line typescript/only-throw-error -- always one of our typed errors
  }

  /** Packages whose queues have transactions say how it is typed; see {@link completeInTransaction}. */
  transaction<T>(work: (transaction: TransactionHandle) => Promise<T>): Promise<T> {
    const attempt = this.#attempt;
    return completeInTransaction(attempt, this.#isOver, work, (value) =>
      attempt.consumer.runner.completion(attempt, value),
    );
  }

  /** Ends the job's progress, when a handler reported any in this slot. */
  endProgress(error: string | undefined): void {
    if (this.#reported) this.#reporter.end(error);
  }

  /** Takes no more reports; the job goes on. @returns whether a handler reported any in this slot. */
  leaveProgress(): boolean {
    this.#progress?.leave();
    return this.#reported;
  }

  get #reported(): boolean {
    return this.#reportedBefore || this.#progress?.reported === true;
  }

  /** Whether the job is in other hands by now: another run of it, the store's, or another worker's. */
  get #isOver(): boolean {
    const attempt = this.#attempt;
    return attempt.context !== this || attempt.stage >= Stage.Settling || attempt.leaseIsLost;
  }
}
