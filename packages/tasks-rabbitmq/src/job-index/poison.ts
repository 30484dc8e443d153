import { type Clock, PoisonJobError, serializeError } from "@lexigram/contracts";
import { type JobMessage, publishOptions } from "../queue/message.ts";
import type { Publisher } from "../queue/publisher.ts";
import type { Replier } from "../queue/replier.ts";
import type { Topology } from "../topology/topology.ts";
import type { Indexed } from "./indexed-job.ts";
import type { JobIndex } from "./job-index.ts";

export interface PoisonParts {
  readonly index: JobIndex;
  readonly clock: Clock;
  readonly topology: Topology;
  readonly publisher: Publisher;
  readonly replier: Replier;
}

/** A job that lost too many workers. */
export interface Poison {
  readonly message: JobMessage;
  readonly indexed: Indexed;
  readonly recoveries: number;
}

/** Puts a job into the dead letters that lost too many workers, and tells who waits for it. @throws QueueUnavailableError */
export async function bury(
  { index, clock, topology, publisher, replier }: PoisonParts,
  { message: { facts, content }, indexed, recoveries }: Poison,
): Promise<void> {
  const at = clock.now();
  const error = serializeError(new PoisonJobError({ jobId: facts.id, recoveries }), { stack: false });
  const failure = { reason: "poison", error, at, attempt: facts.attempts + 1, recoveries };
  await publisher.publishOne({
    queue: topology.names.dead,
    content,
    options: publishOptions(facts, failure),
  });
  await index.poisoned(indexed, recoveries, error, at);
  // An end that no settlement brings. Who waits takes the first word on it.
  replier.tell(facts, { status: "failed", attempt: failure.attempt, error });
}
