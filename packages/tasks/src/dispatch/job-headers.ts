import { type Body, type Headers, TaskValidationError } from "@lexigram/contracts";
import type { TaskContext } from "../worker/task-context.ts";
import type { EnqueueOptions } from "./enqueue-options.ts";

const CORRELATION_ID = "correlation-id";
const CAUSATION_ID = "causation-id";
const TRACEPARENT = "traceparent";

export const NO_HEADERS: Headers = Object.freeze({});

const MAX_HEADERS = 64;
const MAX_NAME = 128;
const MAX_HEADER = 4_096;
/** A UTF-16 unit is three bytes of UTF-8 at most. */
const MOST_BYTES_PER_UNIT = 3;
/** Version, trace id, parent id, flags; neither id may be all zeros, and version ff does not exist. */
const W3C_TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-|$)/;

/** The headers of jobs that a running job enqueues: it is their cause, and they belong and trace to what it does. */
export function headersWithin(context: Pick<TaskContext, "job" | "headers">): Headers {
  const { job, headers } = context;
  const trace = headers[TRACEPARENT];
  return {
    [CORRELATION_ID]: headers[CORRELATION_ID] ?? job.id,
    [CAUSATION_ID]: job.id,
    ...(trace === undefined ? {} : { [TRACEPARENT]: trace }),
  };
}

/**
 * The headers of one job: inherited ones, then the caller's, then those that options write.
 *
 * @throws TaskValidationError as {@link checkHeaders} does.
 */
export function headersOf(options: EnqueueOptions, inherited: Headers): Headers {
  const { headers, correlationId, causationId, traceparent } = options;
  if (
    headers === undefined &&
    correlationId === undefined &&
    causationId === undefined &&
    traceparent === undefined
  )
    return inherited;
  const all: Record<string, unknown> = { ...inherited, ...headers };
  if (correlationId !== undefined) all[CORRELATION_ID] = correlationId;
  if (causationId !== undefined) all[CAUSATION_ID] = causationId;
  if (traceparent !== undefined) all[TRACEPARENT] = traceparent;
  checkHeaders(all);
  return all as Headers;
}

/**
 * @throws TaskValidationError for more than 64 headers, a name that is empty or of more than 128 characters, what is no
 *   text or one of more than 4,096, and a traceparent that is none.
 */
export function checkHeaders(headers: Readonly<Record<string, unknown>>): void {
  const entries = Object.entries(headers);
  if (entries.length > MAX_HEADERS)
    refuseHeaders(
      `are ${entries.length}, and ${MAX_HEADERS} are allowed`,
      "pass what belongs together as one text, or in the input",
    );
  for (const [name, text] of entries) {
    if (name === "" || name.length > MAX_NAME)
      refuse(name.slice(0, MAX_NAME), `must have a name of 1 to ${MAX_NAME} characters`);
    if (typeof text !== "string") refuse(name, `must be a text, not ${text === null ? "null" : typeof text}`);
    else if (text.length > MAX_HEADER) refuse(name, `is longer than ${MAX_HEADER} characters`);
    else if (name === TRACEPARENT && !W3C_TRACEPARENT.test(text)) refuse(name, "is no W3C trace context");
  }
}

/**
 * Headers are stored and carried with the body, so they count with it.
 *
 * @throws TaskValidationError when both together take more than `maxBytes`.
 */
export function checkHeaderBytes(headers: Headers, { data }: Body, maxBytes: number): void {
  let units = data.length;
  for (const name in headers) units += name.length + (headers[name] as string).length;
  if (units * MOST_BYTES_PER_UNIT <= maxBytes) return;
  let bytes = typeof data === "string" ? Buffer.byteLength(data) : data.length;
  for (const name in headers) bytes += Buffer.byteLength(name) + Buffer.byteLength(headers[name] as string);
  if (bytes > maxBytes)
    refuseHeaders(
      `take ${bytes} bytes with the payload, and ${maxBytes} are allowed`,
      "store large data elsewhere and pass a reference to it, or raise maxPayloadBytes",
    );
}

function refuseHeaders(message: string, hint: string): never {
  throw new TaskValidationError(
    { subject: "enqueue options", issues: [{ path: "headers", message }] },
    { hint },
  );
}

function refuse(name: string, message: string): never {
  throw new TaskValidationError(
    { subject: "enqueue options", issues: [{ path: `headers.${name}`, message }] },
    { hint: "headers are small texts by name; larger or other data belongs in the input" },
  );
}
