import type {
  DeadLetterReason,
  JobId,
  JobOutcome,
  JobRecord,
  JobView,
  ReplayLink,
  SerializedError,
  Body,
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

/** What the queue holds of one job. Its status is changed by `QueueStore.move` alone. */
export class JobEntry {
  record: JobRecord;
  /** Rises with acceptance; redriving gives a new one. */
  seq: number;
  /** The place in its line; below 0 when it gets one on becoming pending. */
  order = -1;
  code: StatusCode = REMOVED;
  attempt = 0;
  recoveries = 0;
  deferrals = 0;
  readonly maxRecoveries: number;
  readonly resultTtlMs: number | null | undefined;
  /** Instants of the wall clock; below 0 when there is none. */
  runAt = -1;
  startedAt = -1;
  finishedAt = -1;
  /** Whether an attempt began, so that it cannot expire any more. */
  begun = false;
  cancelRequested = false;
  result: Body | undefined = undefined;
  error: SerializedError | undefined = undefined;
  reason: DeadLetterReason | undefined = undefined;
  redrives = 0;
  replayOf: ReplayLink | undefined = undefined;

  unique: UniqueHold | null = null;
  links: JobLinks | null = null;
  line: LineRef | null = null;
  lease: Lease | null = null;

  /** Neighbours in the one list that holds it: a lane while pending, the retention while terminal. */
  prev: JobEntry | null = null;
  next: JobEntry | null = null;
  lane: Lane | null = null;
  /** Slots in heaps; below 0 when it is in none. */
  earlySlot = -1;
  dueSlot = -1;
  expirySlot = -1;
  keepSlot = -1;
  /** Position in the index of its status. */
  indexAt = 0;
  /** Its sequence number there, which cursors name. */
  stamp = 0;
  /** Reasons not to trim its record. */
  pins = 0;
  /** Whether the retention's list holds it. */
  kept = false;

  constructor(record: JobRecord, seq: number, maxRecoveries: number, resultTtlMs: number | null | undefined) {
    this.record = record;
    this.seq = seq;
    this.maxRecoveries = maxRecoveries;
    this.resultTtlMs = resultTtlMs;
  }
}

/** The attempt that is running or ran last. */
export function shownAttempt(entry: JobEntry): number {
  return entry.code === RUNNING && entry.lease?.started === true ? entry.attempt + 1 : entry.attempt;
}

/** A record as it leaves the store; bytes are copied, so that no reader can change what is stored. */
export function recordOf(entry: JobEntry): JobRecord {
  const { record } = entry;
  return typeof record.body.data === "string" ? record : { ...record, body: copyBody(record.body) };
}

export function copyBody(body: Body): Body {
  return { data: typeof body.data === "string" ? body.data : body.data.slice(), encoding: body.encoding };
}

export function viewOf(entry: JobEntry): JobView {
  const { links } = entry;
  return {
    ...recordOf(entry),
    status: statusName(entry.code),
    attempt: shownAttempt(entry),
    recoveries: entry.recoveries,
    deferrals: entry.deferrals,
    maxRecoveries: entry.maxRecoveries,
    redrives: entry.redrives,
    ...(entry.runAt < 0 ? {} : { runAt: entry.runAt }),
    ...(entry.startedAt < 0 ? {} : { startedAt: entry.startedAt }),
    ...(entry.finishedAt < 0 ? {} : { finishedAt: entry.finishedAt }),
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
