import {
  isSerializedError,
  isTerminal,
  type JobOutcome,
  type JobStatus,
  type SerializedError,
} from "@lexigram/contracts";
import type { Message, Options } from "amqplib";
import { bodyOf, type Form, parsed, writtenBody } from "./message.ts";

/** The header that marks a message of outcomes, with the layout of its content. */
const OUTCOME_HEADER = "x-lexigram-outcomes";
const LAYOUT = 2;
/** What an outcome may hold: whoever waits for it keeps it in memory. Bytes. */
export const LARGEST_REPLY = 16 * 1024 * 1024;
/** Of the length of what comes before the bodies, in front of it. Bytes. */
const LENGTH_BYTES = 4;

interface WrittenOutcome {
  i: string;
  s: string;
  a: number;
  /** Bytes of its result or error. */
  n: number;
  e?: string;
  f?: Form;
  /** It was too large to be sent. */
  l?: true;
}

/** How a job ended, as it came. */
export interface ArrivedOutcome {
  readonly outcome: JobOutcome;
  /** Of its result or error. */
  readonly bytes: number;
  readonly isTooLarge: boolean;
}

/** An outcome in bytes. */
export interface OutcomePart {
  readonly written: WrittenOutcome;
  readonly content: Buffer;
}

/** A message that tells how jobs ended. */
export interface OutcomeMessage {
  readonly content: Buffer;
  readonly options: Options.Publish;
}

export function outcomePart({ id, status, attempt, result, error }: JobOutcome): OutcomePart {
  const written: WrittenOutcome = { i: id, s: status, a: attempt, n: 0 };
  let content: Buffer = Buffer.alloc(0);
  if (error !== undefined) content = Buffer.from(JSON.stringify(error));
  else if (result !== undefined) {
    const body = writtenBody(result);
    content = body.content;
    written.e = result.encoding;
    written.f = body.form;
  }
  if (content.length > LARGEST_REPLY) {
    content = Buffer.alloc(0);
    written.l = true;
  }
  written.n = content.length;
  return { written, content };
}

/** One message for all of them: what says which they are, and their bodies behind it. */
export function outcomeMessage(parts: readonly OutcomePart[]): OutcomeMessage {
  const written = Buffer.from(JSON.stringify(parts.map((part) => part.written)));
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32BE(written.length);
  return {
    content: Buffer.concat([length, written, ...parts.map(({ content }) => content)]),
    options: { headers: { [OUTCOME_HEADER]: LAYOUT } },
  };
}

/** What an outcome message says; nothing of what it does not say. */
export function arrivedOutcomes({ properties, content }: Message): ArrivedOutcome[] {
  if (properties.headers?.[OUTCOME_HEADER] !== LAYOUT || content.length < LENGTH_BYTES) return [];
  let at = LENGTH_BYTES + content.readUInt32BE();
  const written = parsed<WrittenOutcome[]>(content.toString("utf8", LENGTH_BYTES, at));
  if (!Array.isArray(written)) return [];
  const arrived: ArrivedOutcome[] = [];
  for (const one of written as readonly Partial<WrittenOutcome>[]) {
    if (typeof one.n !== "number") break;
    const outcome = arrivedOutcome(one, content.subarray(at, (at += one.n)));
    if (outcome !== undefined) arrived.push(outcome);
  }
  return arrived;
}

function arrivedOutcome(read: Partial<WrittenOutcome>, content: Buffer): ArrivedOutcome | undefined {
  const { i: id, s: status, a: attempt, e: encoding, f: form = "t" } = read;
  if (typeof id !== "string" || typeof status !== "string" || typeof attempt !== "number") return undefined;
  if (!isTerminal(status as JobStatus)) return undefined;
  const facts = { id, status: status as JobStatus, attempt };
  const error = status === "completed" ? undefined : errorOf(content);
  return {
    outcome: {
      ...facts,
      ...(encoding === undefined ? {} : { result: bodyOf({ encoding, form }, content) }),
      ...(error === undefined ? {} : { error }),
    },
    bytes: content.length,
    isTooLarge: read.l === true,
  };
}

function errorOf(content: Buffer): SerializedError | undefined {
  const error: unknown = parsed(content.toString("utf8"));
  return isSerializedError(error) ? (error as SerializedError) : undefined;
}
