import { createHash } from "node:crypto";
import {
  DEAD_LETTER_REASONS,
  type DeadLetter,
  type DeadLetterReason,
  DEFAULT_MAX_RECOVERIES,
  type JobRecord,
  type JobView,
  type ReplayLink,
} from "@lexigram/contracts";
import type { Message, Options } from "amqplib";
import { deliveriesBefore, factsOf, failureOf, type JobFacts, publishOptions, recordOf } from "./message.ts";

/** A dead letter with the message that holds it. */
export interface Letter {
  readonly message: Message;
  /** Absent when the message holds no job that is understood here. */
  readonly facts: JobFacts | undefined;
  readonly letter: DeadLetter;
}

/** Instants of messages are seconds. */
const SECOND_MS = 1_000;

export function letterOf(message: Message): Letter {
  const facts = factsOf(message);
  const failure = failureOf(message);
  const record = facts === undefined ? rawRecord(message) : recordOf({ facts, content: message.content });
  const failedAt = failure?.at ?? diedAt(message) ?? record.createdAt;
  // What the server itself put here was delivered more often than its limit allows.
  const reason = reasonOf(failure?.reason ?? "poison");
  const error = failure?.error ?? {
    name: "PoisonJobError",
    message: "the server delivered it more often than its limit allows",
  };
  const job: JobView = {
    ...record,
    status: "failed",
    attempt: failure?.attempt ?? facts?.attempts ?? 0,
    // Looks at the letter count as deliveries too.
    recoveries: failure === undefined ? deliveriesBefore(message) : (failure.recoveries ?? 0),
    deferrals: facts?.deferrals ?? 0,
    finishedAt: failedAt,
    error,
    reason,
    maxRecoveries: facts?.maxRecoveries ?? DEFAULT_MAX_RECOVERIES,
    redrives: facts?.redrives ?? 0,
    ...(facts?.replayOf === undefined ? {} : { replayOf: facts.replayOf }),
  };
  return { message, facts, letter: { job, error, reason, failedAt } };
}

/** What a letter is published with to run again: with a new budget of attempts, and a link to its failure. */
export function redriveOptions(given: Letter): Options.Publish {
  const facts = redrivenFacts(given);
  if (facts !== undefined) return publishOptions(facts);
  const { headers, ...others } = given.message.properties;
  const kept = Object.entries(headers ?? {}).filter(([name]) => !name.startsWith("x-"));
  const known = Object.entries(others).filter(([, value]) => value !== undefined);
  return {
    ...Object.fromEntries(known),
    persistent: true,
    mandatory: true,
    headers: Object.fromEntries(kept),
  };
}

/** The job of a letter as it runs again; nothing when the letter holds none. */
export function redrivenFacts({ facts, letter }: Letter): JobFacts | undefined {
  if (facts === undefined) return undefined;
  const { job, failedAt, reason } = letter;
  const replayOf: ReplayLink = { id: job.id, failedAt, reason, attempt: job.attempt };
  // A redriven job answers nobody.
  const { expiresAt: _expiresAt, dueAt: _dueAt, replyTo: _replyTo, ...fresh } = facts;
  return { ...fresh, attempts: 0, deferrals: 0, redrives: facts.redrives + 1, replayOf };
}

function reasonOf(reason: string): DeadLetterReason {
  return DEAD_LETTER_REASONS.find((known) => known === reason) ?? "failed";
}

function rawRecord({ properties, content }: Message): JobRecord {
  const { messageId, type, timestamp, headers, contentType } = properties as {
    readonly [name in keyof Message["properties"]]: unknown;
  };
  const texts = Object.entries((headers ?? {}) as Record<string, unknown>).filter(
    (entry): entry is [string, string] => typeof entry[1] === "string" && !entry[0].startsWith("x-"),
  );
  return {
    id:
      typeof messageId === "string" && messageId !== ""
        ? messageId
        : `raw-${createHash("sha256").update(content).digest("hex").slice(0, 16)}`,
    task: typeof type === "string" && type !== "" ? type : "unknown",
    body: {
      data: Uint8Array.from(content),
      encoding: typeof contentType === "string" && contentType !== "" ? contentType : "raw",
    },
    headers: Object.fromEntries(texts),
    priority: 5,
    createdAt: typeof timestamp === "number" ? timestamp * SECOND_MS : 0,
  };
}

/** When the server put it here. */
function diedAt({ properties }: Message): number | undefined {
  const deaths: unknown = properties.headers?.["x-death"];
  const time = Array.isArray(deaths)
    ? (deaths[0] as { time?: { value?: unknown } } | undefined)?.time
    : undefined;
  return typeof time?.value === "number" ? time.value * SECOND_MS : undefined;
}
