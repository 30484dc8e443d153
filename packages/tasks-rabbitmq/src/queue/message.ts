import {
  type Body,
  type Headers,
  isSerializedError,
  type JobRecord,
  type NewJob,
  type ReplayLink,
  type SerializedError,
} from "@lexigram/contracts";
import type { Message, Options } from "amqplib";

/** The header that holds what a job is besides its body. */
const JOB_HEADER = "x-lexigram-job";
/** The header of a dead letter that says why it is one. */
const FAILURE_HEADER = "x-lexigram-failure";
const LAYOUT = 1;
/** What a message is answered at that says so; the server puts an address in its place. */
export const REPLY_TO = "amq.rabbitmq.reply-to";
/** Fields of a message that the protocol keeps short. Bytes. */
const LONGEST_SHORT_TEXT = 255;
/** What one frame must hold, of which a server allows 128 KiB by default. Bytes. */
export const LARGEST_HEADER = 96 * 1024;
/** What RabbitMQ takes by default. Bytes. */
export const LARGEST_BODY = 128 * 1024 * 1024;

const LONE_SURROGATE = /\p{Surrogate}/u;

/** How the bytes of a message are a body's data: a text, bytes, or a text that has no UTF-8. */
export type Form = "t" | "b" | "w";

/** A job as it travels; names are short, because every message carries them. */
export interface JobFacts {
  readonly id: string;
  readonly task: string;
  readonly encoding: string;
  readonly form: Form;
  readonly headers: Headers;
  readonly priority: number;
  readonly key?: string;
  /** Epoch milliseconds of the process that enqueued it, as all instants here are of the process that wrote them. */
  readonly createdAt: number;
  /** Until when its first attempt must have begun. */
  readonly expiresAt?: number;
  /** Attempts that ended. */
  readonly attempts: number;
  readonly deferrals: number;
  readonly redrives: number;
  readonly replayOf?: ReplayLink;
  /** Not before. */
  readonly dueAt?: number;
  /** Where whoever enqueued it waits for its outcome. */
  readonly replyTo?: string;
  /** Names the enqueue that made it; of a queue with an index of its jobs. */
  readonly nonce?: string;
  readonly maxRecoveries?: number;
}

/** What of a job never changes. */
export type RecordFacts = Pick<
  JobFacts,
  "id" | "task" | "encoding" | "form" | "headers" | "priority" | "key" | "createdAt" | "expiresAt"
>;

/** A job with its body, as bytes that are passed on as they are. */
export interface JobMessage {
  readonly facts: JobFacts;
  readonly content: Buffer;
  /** The facts as they are written, where somebody has written them. */
  readonly header?: string;
}

/** Why a message is a dead letter. */
export interface Failure {
  readonly reason: string;
  readonly error: SerializedError;
  /** Epoch milliseconds. */
  readonly at: number;
  /** The attempt that was the last. */
  readonly attempt: number;
  /** Workers that it lost, where they are counted. */
  readonly recoveries?: number;
}

interface WrittenFacts {
  v: number;
  i: string;
  t: string;
  e: string;
  f?: Form;
  h?: Headers;
  p: number;
  k?: string;
  c: number;
  x?: number;
  a?: number;
  d?: number;
  r?: number;
  o?: ReplayLink;
  u?: number;
  n?: string;
  m?: number;
}

/** A new job as a message. @param now epoch milliseconds. @param nonce names its enqueue, where an index keeps jobs. */
export function messageOf(job: NewJob, now: number, nonce?: string): JobMessage {
  const { form, content } = writtenBody(job.body);
  return {
    facts: {
      id: job.id,
      task: job.task,
      encoding: job.body.encoding,
      form,
      headers: { ...job.headers },
      priority: job.priority,
      createdAt: now,
      attempts: 0,
      deferrals: 0,
      redrives: 0,
      ...(job.key === undefined ? {} : { key: job.key }),
      ...(job.expiresInMs === undefined ? {} : { expiresAt: now + job.expiresInMs }),
      ...(job.delayMs === undefined || job.delayMs === 0 ? {} : { dueAt: now + job.delayMs }),
      ...(nonce === undefined ? {} : { nonce }),
      ...(job.maxRecoveries === undefined ? {} : { maxRecoveries: job.maxRecoveries }),
    },
    content,
  };
}

/**
 * What a message is published with.
 *
 * @param failure makes it a dead letter.
 * @param job the facts as {@link headerOf} writes them.
 */
export function publishOptions(
  facts: JobFacts,
  failure?: Failure,
  job: string = headerOf(facts),
): Options.Publish {
  return {
    persistent: true,
    mandatory: true,
    messageId: short(facts.id),
    type: short(facts.task),
    priority: facts.priority,
    timestamp: Math.floor(facts.createdAt / 1_000),
    // Who waits is told of a dead letter when it becomes one.
    ...(facts.replyTo === undefined || failure !== undefined ? {} : { replyTo: facts.replyTo }),
    headers: {
      [JOB_HEADER]: job,
      ...(failure === undefined
        ? {}
        : { [FAILURE_HEADER]: failureText(failure, LARGEST_HEADER - job.length) }),
    },
  };
}

/** The header that a job is published with. */
export function headerOf(facts: JobFacts): string {
  return JSON.stringify(written(facts));
}

function written(facts: JobFacts): WrittenFacts {
  const { id, task, encoding, form, headers, priority, key, createdAt } = facts;
  const { expiresAt, attempts, deferrals, redrives, replayOf, dueAt, nonce, maxRecoveries } = facts;
  const text: WrittenFacts = { v: LAYOUT, i: id, t: task, e: encoding, p: priority, c: createdAt };
  if (form !== "t") text.f = form;
  for (const _ in headers) {
    text.h = headers;
    break;
  }
  if (key !== undefined) text.k = key;
  if (expiresAt !== undefined) text.x = expiresAt;
  if (attempts > 0) text.a = attempts;
  if (deferrals > 0) text.d = deferrals;
  if (redrives > 0) text.r = redrives;
  if (replayOf !== undefined) text.o = replayOf;
  if (dueAt !== undefined) text.u = dueAt;
  if (nonce !== undefined) text.n = nonce;
  if (maxRecoveries !== undefined) text.m = maxRecoveries;
  return text;
}

/** The job in a message; nothing when the message holds none. */
export function factsOf({ properties }: Pick<Message, "properties">): JobFacts | undefined {
  const read = parsed<WrittenFacts>(properties.headers?.[JOB_HEADER]);
  if (read?.v !== LAYOUT) return undefined;
  const { i: id, t: task, e: encoding, p: priority, c: createdAt } = read;
  const replyTo: unknown = properties.replyTo;
  if (typeof id !== "string" || typeof task !== "string" || typeof encoding !== "string") return undefined;
  if (typeof priority !== "number" || typeof createdAt !== "number") return undefined;
  return {
    id,
    task,
    encoding,
    form: read.f ?? "t",
    headers: read.h ?? {},
    priority,
    createdAt,
    attempts: read.a ?? 0,
    deferrals: read.d ?? 0,
    redrives: read.r ?? 0,
    ...(read.k === undefined ? {} : { key: read.k }),
    ...(read.x === undefined ? {} : { expiresAt: read.x }),
    ...(read.o === undefined ? {} : { replayOf: read.o }),
    ...(read.u === undefined ? {} : { dueAt: read.u }),
    ...(typeof replyTo === "string" && replyTo.startsWith(REPLY_TO) ? { replyTo } : {}),
    ...(read.n === undefined ? {} : { nonce: read.n }),
    ...(read.m === undefined ? {} : { maxRecoveries: read.m }),
  };
}

/** Why a message is a dead letter; nothing when the server put it there, or somebody else. */
export function failureOf({ properties }: Pick<Message, "properties">): Failure | undefined {
  const read = parsed<Failure>(properties.headers?.[FAILURE_HEADER]);
  if (read?.error === undefined || typeof read.reason !== "string" || !isSerializedError(read.error))
    return undefined;
  const { at = 0, attempt = 0, recoveries } = read;
  const counted = recoveries === undefined ? {} : { recoveries };
  return { reason: read.reason, error: read.error, at, attempt, ...counted };
}

export function recordOf({
  facts,
  content,
}: {
  readonly facts: RecordFacts;
  readonly content: Buffer;
}): JobRecord {
  const { id, task, headers, priority, createdAt, key, expiresAt } = facts;
  return {
    id,
    task,
    body: bodyOf(facts, content),
    headers,
    priority,
    createdAt,
    ...(key === undefined ? {} : { key }),
    ...(expiresAt === undefined ? {} : { expiresAt }),
  };
}

/** The form of a body's data, and the bytes of a message that hold it. */
export function writtenBody({ data }: Body): { readonly form: Form; readonly content: Buffer } {
  if (typeof data !== "string") return { form: "b", content: Buffer.from(data) };
  const form = LONE_SURROGATE.test(data) ? "w" : "t";
  return { form, content: Buffer.from(data, form === "w" ? "utf16le" : "utf8") };
}

export function bodyOf({ encoding, form }: Pick<JobFacts, "encoding" | "form">, content: Buffer): Body {
  if (form === "b") return { data: Uint8Array.from(content), encoding };
  return { data: content.toString(form === "w" ? "utf16le" : "utf8"), encoding };
}

/** How often the server has delivered a message before, as far as it tells. */
export function deliveriesBefore({ fields, properties }: Pick<Message, "fields" | "properties">): number {
  const counted: unknown = properties.headers?.["x-delivery-count"];
  if (typeof counted === "number") return counted;
  return fields.redelivered ? 1 : 0;
}

/** The headers of a message that nobody here understands, when it becomes a dead letter. */
export function rawDeadLetter(message: Message, failure: Failure): Options.Publish {
  const { contentType, contentEncoding, correlationId, replyTo, messageId, timestamp, type, appId, headers } =
    message.properties;
  const kept = { contentType, contentEncoding, correlationId, replyTo, messageId, timestamp, type, appId };
  const given = Object.fromEntries(Object.entries(kept).filter(([, value]) => value !== undefined));
  return {
    ...given,
    persistent: true,
    mandatory: true,
    headers: { ...headers, [FAILURE_HEADER]: failureText(failure, LARGEST_HEADER) },
  };
}

const SHORTENED = 2_000;

function failureText(failure: Failure, most: number): string {
  const text = JSON.stringify(failure);
  if (Buffer.byteLength(text) <= most) return text;
  const { name, message, code } = failure.error;
  const error = {
    name: name.slice(0, SHORTENED),
    message: message.slice(0, SHORTENED),
    ...(code === undefined ? {} : { code }),
  };
  return JSON.stringify({ ...failure, error });
}

/** What a header holds, of whose fields nothing is known. */
export function parsed<T>(text: unknown): Partial<T> | undefined {
  if (typeof text !== "string") return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

/** A text that fits where the protocol has short ones; what is cut is told whole in the header. */
function short(text: string): string {
  if (text.length <= LONGEST_SHORT_TEXT / 3) return text;
  const bytes = Buffer.from(text);
  if (bytes.length <= LONGEST_SHORT_TEXT) return text;
  return new TextDecoder().decode(bytes.subarray(0, LONGEST_SHORT_TEXT - 3), { stream: true });
}
