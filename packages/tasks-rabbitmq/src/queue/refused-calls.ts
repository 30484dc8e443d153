import {
  type CancelOutcome,
  type JobChange,
  type JobId,
  type JobOutcome,
  type JobQuery,
  type JobView,
  type Page,
  type QueueCapabilities,
  type Result,
  type Settlement,
  type TaskQueueError,
  type TransactionHandle,
  UnsupportedError,
} from "@lexigram/contracts";

/** The calls of a queue that a message broker cannot answer. */
export abstract class RefusedCalls {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }

  /** @throws ClosedError */
  protected abstract checkOpen(): void;

  protected unsupported(capability: keyof QueueCapabilities): UnsupportedError {
    return new UnsupportedError({ subject: `rabbitmq queue "${this.name}"`, capability });
  }

  async settleIn(_transaction: TransactionHandle, _settlement: Settlement): Promise<"settled" | "lost"> {
    this.checkOpen();
    throw this.unsupported("transactions");
  }

  async pause(): Promise<void> {
    this.checkOpen();
    throw this.unsupported("pause");
  }

  async resume(): Promise<void> {
    this.checkOpen();
    throw this.unsupported("pause");
  }

  async cancel(_id: JobId): Promise<CancelOutcome> {
    this.checkOpen();
    throw this.unsupported("cancel");
  }

  async update(_id: JobId, _change: JobChange): Promise<Result<JobView, TaskQueueError>> {
    this.checkOpen();
    throw this.unsupported("update");
  }

  async getJob(_id: JobId): Promise<JobView | undefined> {
    this.checkOpen();
    throw this.unsupported("lookup");
  }

  async deleteJob(_id: JobId): Promise<boolean> {
    this.checkOpen();
    throw this.unsupported("lookup");
  }

  async list(_query: JobQuery): Promise<Page<JobView>> {
    this.checkOpen();
    throw this.unsupported("list");
  }

  async listActive(_query?: { cursor?: string; limit?: number }): Promise<Page<JobView>> {
    this.checkOpen();
    throw this.unsupported("list");
  }

  async results(_ids: readonly JobId[]): Promise<readonly JobOutcome[]> {
    this.checkOpen();
    throw this.unsupported("results");
  }

  onSettled(_ids: readonly JobId[], _signal: AbortSignal): AsyncIterable<JobId> {
    this.checkOpen();
    throw this.unsupported("results");
  }
}
