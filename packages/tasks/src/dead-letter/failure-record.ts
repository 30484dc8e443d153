import {
  type Body,
  type DeadLetter,
  type DeadLetterReason,
  type Headers,
  type JobView,
  type JsonValue,
  requireOptions,
  type SerializedError,
} from "@lexigram/contracts";

/** The header that carries what was noted with a dead letter that was put there by hand. */
export const METADATA_HEADER = "lex-dead-letter-metadata";

/** A body whose data is bytes, as JSON can hold it. */
interface EncodedBody {
  readonly base64: string;
  readonly encoding: string;
}

interface FailureFields {
  readonly queue: string;
  readonly job: JobView;
  readonly error: SerializedError;
  readonly reason: DeadLetterReason;
  readonly failedAt: number;
  readonly metadata: Readonly<Record<string, JsonValue>>;
}

/** A job that policy gave up on, with all it takes to understand it. Immutable. */
export class FailureRecord {
  /** The queue's name in the store. */
  readonly queue: string;
  readonly job: JobView;
  readonly error: SerializedError;
  readonly reason: DeadLetterReason;
  /** Epoch milliseconds of the store's clock. */
  readonly failedAt: number;
  /** What was noted when it was put there by hand. */
  readonly metadata: Readonly<Record<string, JsonValue>>;

  constructor(fields: FailureFields) {
    requireOptions("FailureRecord", fields);
    this.queue = fields.queue;
    this.job = fields.job;
    this.error = fields.error;
    this.reason = fields.reason;
    this.failedAt = fields.failedAt;
    this.metadata = fields.metadata;
  }

  static of(queue: string, letter: DeadLetter): FailureRecord {
    const { job, error, reason, failedAt } = letter;
    return new FailureRecord({ queue, job, error, reason, failedAt, metadata: metadataOf(job.headers) });
  }

  /** The stack of the error, when it was kept. */
  get traceback(): string | undefined {
    return this.error.stack;
  }

  /** Attempts that were counted. */
  get attemptCount(): number {
    return this.job.attempt;
  }

  /** Plain data with every field; bodies of bytes as base64. */
  toJSON(): Record<string, unknown> {
    const { queue, error, reason, failedAt, attemptCount, metadata } = this;
    const { body, result, ...rest } = this.job;
    const job = {
      ...rest,
      body: encodeBody(body),
      ...(result === undefined ? {} : { result: encodeBody(result) }),
    };
    return { queue, job, error, traceback: this.traceback, reason, failedAt, attemptCount, metadata };
  }

  /** Reads what `toJSON` wrote; fields of a job that are not known here are kept, others ignored. */
  static fromJSON(value: Readonly<Record<string, unknown>>): FailureRecord {
    const fields = value as unknown as FailureFields & {
      readonly job: { readonly body: Body | EncodedBody };
    };
    const { body, result, ...rest } = fields.job as Omit<JobView, "body" | "result"> & {
      readonly body: Body | EncodedBody;
      readonly result?: Body | EncodedBody;
    };
    const job = {
      ...rest,
      body: decodeBody(body),
      ...(result === undefined ? {} : { result: decodeBody(result) }),
    };
    return new FailureRecord({ ...fields, job });
  }
}

function encodeBody(body: Body): Body | EncodedBody {
  if (typeof body.data === "string") return body;
  return { base64: Buffer.from(body.data).toString("base64"), encoding: body.encoding };
}

function decodeBody(body: Body | EncodedBody): Body {
  if ("data" in body) return body;
  return { data: new Uint8Array(Buffer.from(body.base64, "base64")), encoding: body.encoding };
}

function metadataOf(headers: Headers): Readonly<Record<string, JsonValue>> {
  const text = headers[METADATA_HEADER];
  if (text === undefined) return {};
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value))
      return value as Record<string, JsonValue>;
  } catch {
    // A producer of another make may use the name for something else; the header itself stays with the job.
  }
  return {};
}
