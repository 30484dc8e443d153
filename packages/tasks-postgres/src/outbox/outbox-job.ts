import type { NewJob } from "@lexigram/contracts";
import { bodyOf, storedBody } from "../queue/stored-job.ts";

/** A job as it lies in the outbox: as it is, with a body of two texts. */
type StoredOutboxJob = Omit<NewJob, "body"> & { readonly body: ReturnType<typeof storedBody> };

export function outboxJob(job: NewJob): StoredOutboxJob {
  return { ...job, body: storedBody(job.body) };
}

/** @param waitedMs how long it lay in the outbox: what it was not to start before, or had to start within, counts from then. */
export function jobOfOutbox(stored: StoredOutboxJob, waitedMs: number): NewJob {
  const { delayMs, expiresInMs } = stored;
  return {
    ...stored,
    body: bodyOf(...stored.body),
    ...(delayMs === undefined ? {} : { delayMs: Math.max(0, delayMs - waitedMs) }),
    // What is late expires in its queue, where somebody sees it.
    ...(expiresInMs === undefined ? {} : { expiresInMs: Math.max(1, expiresInMs - waitedMs) }),
  };
}
