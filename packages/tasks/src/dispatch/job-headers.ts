import { type Headers, TaskValidationError } from "@lexigram/contracts";
import type { TaskContext } from "../worker/task-context.ts";
import type { EnqueueOptions } from "./enqueue-options.ts";

const CORRELATION_ID = "correlation-id";
const CAUSATION_ID = "causation-id";
const TRACEPARENT = "traceparent";

export const NO_HEADERS: Headers = Object.freeze({});

const MAX_HEADER = 4_096;
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
 * @throws TaskValidationError for a header that is no text, or too long, and a traceparent that is none.
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
  for (const [name, text] of Object.entries(all)) {
    if (typeof text !== "string") refuse(name, `must be a text, not ${text === null ? "null" : typeof text}`);
    else if (text.length > MAX_HEADER) refuse(name, `is longer than ${MAX_HEADER} characters`);
    else if (name === TRACEPARENT && !W3C_TRACEPARENT.test(text)) refuse(name, "is no W3C trace context");
  }
  return all as Headers;
}

function refuse(name: string, message: string): never {
  throw new TaskValidationError({
    subject: "enqueue options",
    issues: [{ path: `headers.${name}`, message }],
  });
}
