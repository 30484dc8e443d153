import {
  isSerializedError,
  isTerminal,
  type JobOutcome,
  type JobStatus,
  type SerializedError,
} from "@lexigram/contracts";
import type { Message, Options } from "amqplib";
import { bodyOf, type Form, parsed, short, writtenBody } from "./message.ts";

/** The header that holds how a job ended. */
const OUTCOME_HEADER = "x-lexigram-outcome";
const LAYOUT = 1;
/** What an outcome may hold: whoever waits for it keeps it in memory. Bytes. */
export const LARGEST_REPLY = 16 * 1024 * 1024;

interface WrittenOutcome {
  v: number;
  i: string;
  s: string;
  a: number;
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

/** A message that tells how a job ended. */
export interface OutcomeMessage {
  readonly content: Buffer;
  readonly options: Options.Publish;
}

export function outcomeMessage({ id, status, attempt, result, error }: JobOutcome): OutcomeMessage {
  const written: WrittenOutcome = { v: LAYOUT, i: id, s: status, a: attempt };
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
  return {
    content,
    options: { correlationId: short(id), headers: { [OUTCOME_HEADER]: JSON.stringify(written) } },
  };
}

/** What an outcome message says; nothing when it is none. */
export function arrivedOutcome({ properties, content }: Message): ArrivedOutcome | undefined {
  const read = parsed<WrittenOutcome>(properties.headers?.[OUTCOME_HEADER]);
  if (read?.v !== LAYOUT) return undefined;
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
