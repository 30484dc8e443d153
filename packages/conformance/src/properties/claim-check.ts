import { holds, same } from "../kit/expect.ts";
import type { Played, SeenDelivery } from "./player.ts";
import type { ModelJob, QueueModel } from "./queue-model.ts";

type PlayedExchange = Extract<Played, { kind: "exchange" }>;

/**
 * Whether a claim gave what the laws allow: nothing that may not go, everything that must, in an order they permit.
 * Where they leave a choice, any choice passes.
 */
export function checkClaim(model: QueueModel, { slots, ahead, answer }: PlayedExchange): void {
  const given = answer.deliveries;
  const started = given.filter((d) => d.started);
  holds(started.length <= slots, `${started.length} started deliveries for ${slots} slots`);
  holds(
    given.length - started.length <= ahead,
    `${given.length - started.length} deliveries ahead, ${ahead} asked for`,
  );
  if (model.paused) same(given.length, 0, "deliveries while paused");
  for (const delivery of given) checkDelivery(model, delivery);
  for (const [i, { id }] of given.entries())
    holds(given.findIndex((d) => d.id === id) === i, `job ${id} is delivered once in one answer`);
  if (!model.paused) checkChoice(model, given, slots);
}

function checkDelivery(model: QueueModel, delivery: SeenDelivery): void {
  const job = model.jobs.get(delivery.id);
  holds(job !== undefined, `delivered job ${delivery.id} is known`);
  same(job.state, "pending", `the state in which ${job.id} is delivered`);
  const ahead = model.ahead(job);
  same(
    ahead.map((other) => other.id),
    [],
    `what has not ended of the key of ${job.id} and was accepted before it`,
  );
  const { attempts, recoveries, deferrals, lapsed } = job;
  same(
    { attempt: delivery.attempt, recoveries: delivery.recoveries, deferrals: delivery.deferrals },
    { attempt: attempts + 1, recoveries, deferrals },
    `the counters of ${job.id}`,
  );
  holds(
    delivery.started || (recoveries === 0 && !lapsed),
    `a lease of ${job.id} ended by itself, and it is not claimed ahead`,
  );
}

function checkChoice(model: QueueModel, given: readonly SeenDelivery[], slots: number): void {
  const { concurrency = Infinity, perKey } = model.policy;
  const jobs = given.map((d) => model.jobs.get(d.id) as ModelJob);
  const left = model.eligible().filter((job) => !jobs.includes(job));
  const leases = model.leased() + jobs.length;
  const ofKey = (key: string): number => model.leased(key) + jobs.filter((job) => job.key === key).length;
  const limit = perKey?.concurrency ?? Infinity;
  // A limit that was lowered may be exceeded by leases that were taken before; then nothing more is given.
  holds(leases <= concurrency || jobs.length === 0, `${leases} leases, where ${concurrency} may be`);
  for (const { key } of jobs)
    if (key !== undefined)
      holds(ofKey(key) <= limit, `${ofKey(key)} leases of key ${key}, where ${limit} may be`);
  const started = given.filter((d) => d.started).length;
  for (const job of left) {
    const isKeyFull = job.key !== undefined && ofKey(job.key) >= limit;
    holds(
      started >= slots || leases >= concurrency || isKeyFull,
      `${job.id} is not held back while a slot stays free`,
    );
    for (const [i, other] of jobs.entries()) {
      if (isKeyFull && other.key !== job.key) continue;
      if (given[i]?.started === false && job.recoveries > 0) continue;
      holds(other.priority >= job.priority, `${job.id} of priority ${job.priority} is passed by ${other.id}`);
      checkFifo(other, job, perKey !== undefined);
    }
  }
  for (const [i, earlier] of jobs.entries())
    for (const later of jobs.slice(i + 1)) {
      holds(earlier.priority >= later.priority, `${earlier.id} comes before ${later.id} of higher priority`);
      checkFifo(earlier, later, perKey !== undefined);
    }
}

/** Fails when the second should have come before the first. Only of jobs that never left their line the order is laid down. */
function checkFifo(first: ModelJob, second: ModelJob, hasLanes: boolean): void {
  if (!first.fresh || !second.fresh || first.priority !== second.priority) return;
  if (hasLanes && first.key !== second.key) return;
  holds(first.order < second.order, `${second.id} was accepted before ${first.id}, which passes it`);
}
