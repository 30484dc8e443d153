import type { Body, Headers, JobRecord, NewJob } from "@lexigram/contracts";
import { TAIL_BYTES, tailOf } from "../lua/record-tail.ts";

/**
 * How a job is stored: `content` and, at its end, of fixed width, what the store adds when it accepts the job. Content is
 * one letter, a head, a line feed and the data of the body:
 *
 * - `J`: a JSON text without headers, the head is the task's name;
 * - `H`: the head is JSON, and nothing in it concerns the queue;
 * - `S`: the head is JSON, and scripts read it.
 */

/** The head of a job as scripts read it; see `lua/base.ts`. */
interface Head {
  readonly t: string;
  readonly e?: string;
  readonly h?: string;
  readonly k?: string;
  readonly x?: number;
  readonly u?: {
    readonly k: string;
    readonly m: string;
    readonly t?: number;
    readonly c: string;
  };
  readonly d?: readonly string[];
  readonly b?: number;
  readonly n?: string;
  readonly r?: number;
  readonly l?: number;
}

/** Texts are stored as they are, bytes as base64; the first letter of the encoding says which. */
const TEXT = "t";
const BYTES = "b";

const NO_HEADERS: Headers = Object.freeze({});

export const encodingOf = (body: Body): string =>
  (typeof body.data === "string" ? TEXT : BYTES) + body.encoding;

export const dataOf = (body: Body): string =>
  typeof body.data === "string" ? body.data : Buffer.from(body.data).toString("base64");

/** A body from what the two above made of it. */
export function bodyOf(encoding: string, data: string): Body {
  return {
    data: encoding.startsWith(BYTES) ? new Uint8Array(Buffer.from(data, "base64")) : data,
    encoding: encoding.slice(1),
  };
}

/** Half a pair of surrogates has no form in UTF-8, and scripts cannot read how JSON writes it. */
const wellFormed = (text: string): string => text.replace(/\p{Surrogate}/gu, "\ufffd");

function isEmpty(headers: Headers): boolean {
  for (const _ in headers) return false;
  return true;
}

function concernsQueue(job: NewJob): boolean {
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

export function contentOf(job: NewJob): string {
  const { body, task, headers } = job;
  const special = concernsQueue(job);
  if (
    !special &&
    typeof body.data === "string" &&
    body.encoding === "json" &&
    isEmpty(headers) &&
    !task.includes("\n")
  )
    return `J${task}\n${body.data}`;
  return `${special ? "S" : "H"}${JSON.stringify(headOf(job))}\n${dataOf(body)}`;
}

function headOf(job: NewJob): Head {
  const { task, headers, body, key, unique, dependsOn, barrier, notifies, resultTtlMs } = job;
  return {
    t: wellFormed(task),
    e: encodingOf(body),
    // A text inside the text: no script has to read what concerns none.
    ...(isEmpty(headers) ? {} : { h: JSON.stringify(headers) }),
    ...(key === undefined ? {} : { k: wellFormed(key) }),
    ...(job.expiresInMs === undefined ? {} : { x: Math.ceil(job.expiresInMs) }),
    ...(unique === undefined ? {} : { u: uniqueHead(unique) }),
    ...(dependsOn === undefined || dependsOn.length === 0
      ? {}
      : { d: [...new Set(dependsOn)].map(wellFormed) }),
    ...(barrier === undefined ? {} : { b: barrier.size }),
    ...(notifies === undefined ? {} : { n: wellFormed(notifies) }),
    ...(job.maxRecoveries === undefined ? {} : { r: job.maxRecoveries }),
    ...(resultTtlMs === undefined ? {} : { l: resultTtlMs === null ? -1 : Math.ceil(resultTtlMs) }),
  };
}

function uniqueHead(unique: NonNullable<NewJob["unique"]>): NonNullable<Head["u"]> {
  const { until, onConflict } = unique;
  const key = wellFormed(unique.key);
  return typeof until === "string"
    ? { k: key, m: until, c: onConflict }
    : { k: key, m: "ttl", t: Math.ceil(until.ttlMs), c: onConflict };
}

/** What a stored record holds beside the job's own record. */
export interface StoredRecord {
  readonly record: JobRecord;
  readonly dependsOn: readonly string[] | undefined;
  readonly notifies: string | undefined;
  readonly maxRecoveries: number | undefined;
}

/** A job's record as a worker receives it. */
export function recordOf(id: string, stored: string): JobRecord {
  const line = stored.indexOf("\n");
  if (stored.charCodeAt(0) !== 74 /* J */) return headed(id, stored, line).record;
  const { priority, createdAt } = tailOf(stored);
  return {
    id,
    task: stored.slice(1, line),
    body: { data: stored.slice(line + 1, stored.length - TAIL_BYTES), encoding: "json" },
    headers: NO_HEADERS,
    priority,
    createdAt,
  };
}

export function storedRecordOf(id: string, stored: string): StoredRecord {
  const line = stored.indexOf("\n");
  if (stored.charCodeAt(0) !== 74 /* J */) return headed(id, stored, line);
  return {
    record: recordOf(id, stored),
    dependsOn: undefined,
    notifies: undefined,
    maxRecoveries: undefined,
  };
}

function headed(id: string, stored: string, line: number): StoredRecord {
  const head = JSON.parse(stored.slice(1, line)) as Head;
  const end = stored.length - TAIL_BYTES;
  const { priority, createdAt } = tailOf(stored);
  return {
    record: {
      id,
      task: head.t,
      body: bodyOf(head.e ?? "tjson", stored.slice(line + 1, end)),
      headers: head.h === undefined ? NO_HEADERS : (JSON.parse(head.h) as Headers),
      priority,
      createdAt,
      ...(head.k === undefined ? {} : { key: head.k }),
      ...(head.x === undefined ? {} : { expiresAt: createdAt + head.x }),
    },
    dependsOn: head.d,
    notifies: head.n,
    maxRecoveries: head.r,
  };
}
