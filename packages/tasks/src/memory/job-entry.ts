import {
  DEFAULT_MAX_RECOVERIES,
  type DeadLetterReason,
  type Headers,
  type JobId,
  type NewJob,
  type Priority,
  type JobOutcome,
  type JobRecord,
  type JobView,
  type ReplayLink,
  type SerializedError,
  type Body,
} from "@lexigram/contracts";
import type { JobLinks } from "./job-links.ts";
import type { Lane } from "./lane.ts";
import type { KeyLine, Section } from "./ready-parts.ts";
import type { Lease } from "./lease-book.ts";
import { FAILED, REMOVED, RUNNING, type StatusCode, statusName } from "./status-code.ts";
import type { UniqueHold } from "./unique-keys.ts";

/** Where an entry belongs when rules make it more than a job in the plain line. */
export class LineRef {
  section: Section;
  readonly key: KeyLine | null;
  earlier: JobEntry | null = null;
  later: JobEntry | null = null;
  /** Whether it stands in its key's chain. */
  chained = false;

  constructor(section: Section, key: KeyLine | null) {
    this.section = section;
    this.key = key;
  }
}

/**
 * No instant. Instants inside a queue are milliseconds from its origin: for three weeks they fit a small integer, which
 * needs no object of its own beside each waiting job.
 */
export const NEVER = -(2 ** 31);

/** What most jobs never have; made when the first of it is set, so that a million waiting jobs stay small. */
class RareFields {
  maxRecoveries = DEFAULT_MAX_RECOVERIES;
  resultTtlMs: number | null | undefined = undefined;
  recoveries = 0;
  lapsed = false;
  deferrals = 0;
  runAt = NEVER;
  expiresAt: number | undefined = undefined;
  cancelRequested = false;
  error: SerializedError | undefined = undefined;
  reason: DeadLetterReason | undefined = undefined;
  redrives = 0;
  replayOf: ReplayLink | undefined = undefined;
  unique: UniqueHold | null = null;
  links: JobLinks | null = null;
  pins = 0;
  earlySlot = -1;
  dueSlot = -1;
  expirySlot = -1;
  keepSlot = -1;
}

/** What a job has once it was given out, or is over; of those that wait it would be a quarter. */
class RunFields {
  startedAt = NEVER;
  finishedAt = NEVER;
  attempt = 0;
  begun = false;
  kept = false;
  result: Body | undefined = undefined;
  lease: Lease | null = null;
}

/** What the queue holds of one job. Its status is changed by `QueueStore.move` alone. */
export class JobEntry {
  readonly id: JobId;
  readonly task: string;
  priority: Priority;
  readonly key: string | undefined;
  readonly headers: Headers;
  data: string | Uint8Array;
  encoding: string;
  /** Instants of the wall clock, from the origin of the queue. */
  readonly createdAt: number;
  /** Rises with acceptance; redriving gives a new one. */
  seq: number;
  /** The place in its line; below 0 when it gets one on becoming pending. */
  order = -1;
  code: StatusCode = REMOVED;
  line: LineRef | null = null;
  /** Neighbours in the one list that holds it: a lane while pending, the retention while terminal. */
  prev: JobEntry | null = null;
  next: JobEntry | null = null;
  lane: Lane | null = null;
  /** Hash of its id, by the table that holds it. */
  hash = 0;
  /** Position in the index of its status. */
  indexAt = 0;
  #run: RunFields | null = null;
  #rare: RareFields | null = null;

  /** @param headers a copy of the job's. */
  constructor(job: NewJob, headers: Headers, createdAt: number, seq: number) {
    this.id = job.id;
    this.task = job.task;
    this.priority = job.priority;
    this.key = job.key;
    this.headers = headers;
    this.data = copyData(job.body.data);
    this.encoding = job.body.encoding;
    this.createdAt = createdAt;
    this.seq = seq;
  }

  /** When it was due: accepted, or what it was put off to. */
  get dueSince(): number {
    const { runAt } = this;
    return runAt > this.createdAt ? runAt : this.createdAt;
  }

  /** Cuts off what it held, so that an entry that is gone, and not collected yet, keeps nothing else from being collected. */
  strip(): void {
    this.#run = this.#rare = null;
  }

  setBody(body: Body): void {
    this.data = copyData(body.data);
    this.encoding = body.encoding;
  }

  get #ran(): RunFields {
    return (this.#run ??= new RunFields());
  }

  get startedAt(): number {
    return this.#run === null ? NEVER : this.#run.startedAt;
  }
  set startedAt(value: number) {
    if (this.#run !== null || value !== NEVER) this.#ran.startedAt = value;
  }

  get finishedAt(): number {
    return this.#run === null ? NEVER : this.#run.finishedAt;
  }
  set finishedAt(value: number) {
    if (this.#run !== null || value !== NEVER) this.#ran.finishedAt = value;
  }

  get attempt(): number {
    return this.#run === null ? 0 : this.#run.attempt;
  }
  set attempt(value: number) {
    if (this.#run !== null || value !== 0) this.#ran.attempt = value;
  }

  /** Whether an attempt began, so that it cannot expire any more. */
  get begun(): boolean {
    return this.#run === null ? false : this.#run.begun;
  }
  set begun(value: boolean) {
    if (this.#run !== null || value !== false) this.#ran.begun = value;
  }

  /** Whether the retention's list holds it. */
  get kept(): boolean {
    return this.#run === null ? false : this.#run.kept;
  }
  set kept(value: boolean) {
    if (this.#run !== null || value !== false) this.#ran.kept = value;
  }

  get result(): Body | undefined {
    return this.#run === null ? undefined : this.#run.result;
  }
  set result(value: Body | undefined) {
    if (this.#run !== null || value !== undefined) this.#ran.result = value;
  }

  get lease(): Lease | null {
    return this.#run === null ? null : this.#run.lease;
  }
  set lease(value: Lease | null) {
    if (this.#run !== null || value !== null) this.#ran.lease = value;
  }

  get #own(): RareFields {
    return (this.#rare ??= new RareFields());
  }

  get maxRecoveries(): number {
    return this.#rare === null ? DEFAULT_MAX_RECOVERIES : this.#rare.maxRecoveries;
  }
  set maxRecoveries(value: number) {
    if (this.#rare !== null || value !== DEFAULT_MAX_RECOVERIES) this.#own.maxRecoveries = value;
  }

  /** How long the record is kept at least; null for ever. */
  get resultTtlMs(): number | null | undefined {
    return this.#rare === null ? undefined : this.#rare.resultTtlMs;
  }
  set resultTtlMs(value: number | null | undefined) {
    if (this.#rare !== null || value !== undefined) this.#own.resultTtlMs = value;
  }

  get recoveries(): number {
    return this.#rare === null ? 0 : this.#rare.recoveries;
  }
  set recoveries(value: number) {
    if (this.#rare !== null || value !== 0) this.#own.recoveries = value;
  }

  /** A lease of it ended although nobody said that it had begun, which it may have. */
  get lapsed(): boolean {
    return this.#rare === null ? false : this.#rare.lapsed;
  }
  set lapsed(value: boolean) {
    if (this.#rare !== null || value !== false) this.#own.lapsed = value;
  }
  get deferrals(): number {
    return this.#rare === null ? 0 : this.#rare.deferrals;
  }
  set deferrals(value: number) {
    if (this.#rare !== null || value !== 0) this.#own.deferrals = value;
  }

  /** When it is, or was, due. */
  get runAt(): number {
    return this.#rare === null ? NEVER : this.#rare.runAt;
  }
  set runAt(value: number) {
    if (this.#rare !== null || value !== NEVER) this.#own.runAt = value;
  }

  get expiresAt(): number | undefined {
    return this.#rare === null ? undefined : this.#rare.expiresAt;
  }
  set expiresAt(value: number | undefined) {
    if (this.#rare !== null || value !== undefined) this.#own.expiresAt = value;
  }

  get cancelRequested(): boolean {
    return this.#rare === null ? false : this.#rare.cancelRequested;
  }
  set cancelRequested(value: boolean) {
    if (this.#rare !== null || value !== false) this.#own.cancelRequested = value;
  }

  get error(): SerializedError | undefined {
    return this.#rare === null ? undefined : this.#rare.error;
  }
  set error(value: SerializedError | undefined) {
    if (this.#rare !== null || value !== undefined) this.#own.error = value;
  }

  get reason(): DeadLetterReason | undefined {
    return this.#rare === null ? undefined : this.#rare.reason;
  }
  set reason(value: DeadLetterReason | undefined) {
    if (this.#rare !== null || value !== undefined) this.#own.reason = value;
  }

  get redrives(): number {
    return this.#rare === null ? 0 : this.#rare.redrives;
  }
  set redrives(value: number) {
    if (this.#rare !== null || value !== 0) this.#own.redrives = value;
  }

  get replayOf(): ReplayLink | undefined {
    return this.#rare === null ? undefined : this.#rare.replayOf;
  }
  set replayOf(value: ReplayLink | undefined) {
    if (this.#rare !== null || value !== undefined) this.#own.replayOf = value;
  }

  get unique(): UniqueHold | null {
    return this.#rare === null ? null : this.#rare.unique;
  }
  set unique(value: UniqueHold | null) {
    if (this.#rare !== null || value !== null) this.#own.unique = value;
  }

  get links(): JobLinks | null {
    return this.#rare === null ? null : this.#rare.links;
  }
  set links(value: JobLinks | null) {
    if (this.#rare !== null || value !== null) this.#own.links = value;
  }

  /** Reasons not to trim its record. */
  get pins(): number {
    return this.#rare === null ? 0 : this.#rare.pins;
  }
  set pins(value: number) {
    if (this.#rare !== null || value !== 0) this.#own.pins = value;
  }

  /** Slots in heaps; below 0 when it is in none. */
  get earlySlot(): number {
    return this.#rare === null ? -1 : this.#rare.earlySlot;
  }
  set earlySlot(value: number) {
    if (this.#rare !== null || value !== -1) this.#own.earlySlot = value;
  }

  get dueSlot(): number {
    return this.#rare === null ? -1 : this.#rare.dueSlot;
  }
  set dueSlot(value: number) {
    if (this.#rare !== null || value !== -1) this.#own.dueSlot = value;
  }

  get expirySlot(): number {
    return this.#rare === null ? -1 : this.#rare.expirySlot;
  }
  set expirySlot(value: number) {
    if (this.#rare !== null || value !== -1) this.#own.expirySlot = value;
  }

  get keepSlot(): number {
    return this.#rare === null ? -1 : this.#rare.keepSlot;
  }
  set keepSlot(value: number) {
    if (this.#rare !== null || value !== -1) this.#own.keepSlot = value;
  }
}

/** The attempt that is running or ran last. */
function shownAttempt(entry: JobEntry): number {
  return entry.code === RUNNING && entry.lease?.started === true ? entry.attempt + 1 : entry.attempt;
}

/** A record as it leaves the store, made anew, so that no reader can change what is stored; with instants as epoch milliseconds. */
export function recordOf(entry: JobEntry, origin: number): JobRecord {
  const { id, task, headers, priority, key } = entry;
  const createdAt = origin + entry.createdAt;
  const expiresAt = entry.expiresAt === undefined ? undefined : origin + entry.expiresAt;
  const body = { data: copyData(entry.data), encoding: entry.encoding };
  if (key === undefined)
    return expiresAt === undefined
      ? { id, task, body, headers, priority, createdAt }
      : { id, task, body, headers, priority, createdAt, expiresAt };
  return expiresAt === undefined
    ? { id, task, body, headers, priority, createdAt, key }
    : { id, task, body, headers, priority, createdAt, key, expiresAt };
}

function copyData(data: string | Uint8Array): string | Uint8Array {
  return typeof data === "string" ? data : data.slice();
}

export function copyBody(body: Body): Body {
  return { data: copyData(body.data), encoding: body.encoding };
}

export function viewOf(entry: JobEntry, origin: number): JobView {
  const { links } = entry;
  return {
    ...recordOf(entry, origin),
    status: statusName(entry.code),
    attempt: shownAttempt(entry),
    recoveries: entry.recoveries,
    deferrals: entry.deferrals,
    maxRecoveries: entry.maxRecoveries,
    redrives: entry.redrives,
    ...(entry.runAt === NEVER ? {} : { runAt: origin + entry.runAt }),
    ...(entry.startedAt === NEVER ? {} : { startedAt: origin + entry.startedAt }),
    ...(entry.finishedAt === NEVER ? {} : { finishedAt: origin + entry.finishedAt }),
    ...(entry.result === undefined ? {} : { result: copyBody(entry.result) }),
    ...(entry.error === undefined ? {} : { error: entry.error }),
    ...(entry.code !== FAILED || entry.reason === undefined ? {} : { reason: entry.reason }),
    ...(entry.code === RUNNING && entry.cancelRequested ? { cancelRequested: true } : {}),
    ...(links === null || links.dependsOn.length === 0 ? {} : { dependsOn: links.dependsOn }),
    ...(links?.notifies === undefined ? {} : { notifies: links.notifies }),
    ...(entry.replayOf === undefined ? {} : { replayOf: entry.replayOf }),
  };
}

export function outcomeOf(id: JobId, entry: JobEntry | undefined): JobOutcome {
  if (entry === undefined) return { id, status: "unknown", attempt: 0 };
  return {
    id,
    status: statusName(entry.code),
    attempt: shownAttempt(entry),
    ...(entry.result === undefined ? {} : { result: copyBody(entry.result) }),
    ...(entry.error === undefined ? {} : { error: entry.error }),
  };
}
