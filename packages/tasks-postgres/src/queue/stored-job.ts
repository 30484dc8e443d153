import type { Body, Headers, NewJob } from "@lexigram/contracts";
import { fromOrderedText, toOrderedText } from "../connection/ordered-text.ts";

/** A job as the functions are given it; see `sql/enqueue.ts`. */
export type Offer = Readonly<Record<string, unknown>>;

/** What tasks write; it is stored without letter and name. */
const PLAIN = "json";

/** How all else is stored; the first letter of the encoding says which. */
const TEXT = "t";
const BYTES = "b";
/** A text that PostgreSQL has no characters for. */
const ODD_TEXT = "o";

const NO_HEADERS: Headers = Object.freeze({});

// oxlint-disable-next-line no-control-regex -- It is what cannot be stored.
const UNSTORABLE = /[\u0000\p{Surrogate}]/u;

/** A body as two texts: the encoding's name behind the letter of its form, and the data. */
export function storedBody({ data, encoding }: Body): readonly [encoding: string, data: string] {
  const name = toOrderedText(encoding);
  if (typeof data !== "string")
    return [BYTES + name, Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("base64")];
  if (UNSTORABLE.test(data)) return [ODD_TEXT + name, toOrderedText(data)];
  return [encoding === PLAIN ? "" : TEXT + name, data];
}

/** What {@link storedBody} was given. What somebody else has written there comes as it is: who decodes it refuses it. */
export function bodyOf(stored: string, data: string): Body {
  if (stored === "") return { data, encoding: PLAIN };
  const encoding = fromOrderedText(stored.slice(1));
  switch (stored[0]) {
    case TEXT:
      return { data, encoding };
    case BYTES:
      return { data: bytesOf(data) ?? data, encoding };
    case ODD_TEXT:
      return { data: fromOrderedText(data), encoding };
    default:
      return { data, encoding: stored };
  }
}

/** The bytes that a text stands for, if it is one that was written for some: what is no part of it is passed over else. */
function bytesOf(text: string): Uint8Array | undefined {
  const bytes = Buffer.from(text, "base64");
  const isWhole = text.length % 4 === 0 && bytes.length === Buffer.byteLength(text, "base64");
  return isWhole ? new Uint8Array(bytes) : undefined;
}

function storedHeaders(headers: Headers): string | undefined {
  for (const _ in headers) return JSON.stringify(headers);
  return undefined;
}

export function headersOf(stored: string | null): Headers {
  const headers = parsed<Headers>(stored);
  if (headers === undefined || Array.isArray(headers)) return NO_HEADERS;
  for (const name in headers) if (typeof (headers[name] as unknown) !== "string") return NO_HEADERS;
  return headers;
}

/** An object from its text. What somebody else has written there and is none counts as absent, and keeps no job from being read. */
export function parsed<T extends object>(stored: string | null): T | undefined {
  if (stored === null) return undefined;
  try {
    const value: unknown = JSON.parse(stored);
    return typeof value === "object" && value !== null ? (value as T) : undefined;
  } catch {
    return undefined;
  }
}

/** Spans and instants as whole milliseconds that the store can add up. */
export const whole = (ms: number): number => Math.min(Math.ceil(ms), Number.MAX_SAFE_INTEGER);

export function offerOf(job: NewJob): Offer {
  const [encoding, data] = storedBody(job.body);
  const offer: Record<string, unknown> = {
    i: toOrderedText(job.id),
    t: toOrderedText(job.task),
    p: job.priority,
    d: data,
    e: encoding,
  };
  const headers = storedHeaders(job.headers);
  if (headers !== undefined) offer["h"] = headers;
  if (job.delayMs !== undefined && job.delayMs > 0) offer["y"] = whole(job.delayMs);
  if (concernsQueue(job)) addRules(offer, job);
  return offer;
}

/** Whether anything but its level and its time matters to the queue. */
export function concernsQueue(job: NewJob): boolean {
  return (
    job.key !== undefined ||
    job.unique !== undefined ||
    job.expiresInMs !== undefined ||
    job.notifies !== undefined ||
    job.dependsOn !== undefined ||
    job.barrier !== undefined ||
    job.maxRecoveries !== undefined ||
    job.resultTtlMs !== undefined
  );
}

function addRules(offer: Record<string, unknown>, job: NewJob): void {
  const { key, unique, dependsOn, notifies, resultTtlMs } = job;
  if (job.expiresInMs !== undefined) offer["x"] = whole(job.expiresInMs);
  if (key !== undefined) offer["k"] = toOrderedText(key);
  if (unique !== undefined) {
    const { until } = unique;
    offer["u"] = toOrderedText(unique.key);
    offer["m"] = typeof until === "string" ? until : "ttl";
    if (typeof until !== "string") offer["w"] = whole(until.ttlMs);
    offer["c"] = unique.onConflict;
  }
  if (dependsOn !== undefined && dependsOn.length > 0)
    offer["o"] = [...new Set(dependsOn)].map(toOrderedText);
  if (job.barrier !== undefined) offer["b"] = job.barrier.size;
  if (notifies !== undefined) offer["n"] = toOrderedText(notifies);
  if (job.maxRecoveries !== undefined) offer["r"] = Math.min(job.maxRecoveries, 2 ** 31 - 1);
  if (resultTtlMs !== undefined) offer["l"] = resultTtlMs === null ? -1 : whole(resultTtlMs);
}
