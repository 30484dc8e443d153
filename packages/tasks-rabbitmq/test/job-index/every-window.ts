import { aJob, Session, uniqueName } from "@lexigram/conformance";
import { type Delivery, type JobView, type NewJob, systemClock } from "@lexigram/contracts";
import { MemoryStateStore } from "@lexigram/tasks";
import { expect } from "vitest";
import type { Broker } from "../../src/connection/broker.ts";
import { BrokerQueue } from "../../src/queue/broker-queue.ts";
import type { RabbitServer } from "../rabbit-server.ts";
import { type Death, type End, type Errand, runErrand } from "./killed-process.ts";

/** For how long the index keeps what nobody has confirmed. */
export const LEASE_MS = 1_500;
/** Steps of an errand: it has a delivery, and says so. */
export const CLAIMED = `
  let deliveries = [];
  while (deliveries.length === 0) {
    ({ deliveries } = await exchange([], 1));
    if (deliveries.length === 0) await queue.waitForWork(10_000, AbortSignal.any([]));
  }
  const [{ receipt }] = deliveries;
  await tell("claimed");
`;
/** The job that the processes which are killed work on. */
export const ID = "job";

/** One queue with its index, and a worker of this process. */
function bench(server: RabbitServer, broker: Broker) {
  const name = uniqueName("queue");
  server.names(name);
  const state = new MemoryStateStore({ clock: systemClock });
  const queue = new BrokerQueue({
    name,
    namespace: server.namespace,
    broker,
    type: "quorum",
    state,
    indexLeaseMs: LEASE_MS,
    onClose: () => server.remove(name),
  });
  const session = new Session(queue, uniqueName("session"), 60_000);
  const put = async (id: string, given: Partial<NewJob> = {}): Promise<boolean> => {
    const [answer] = await session.enqueue([aJob({ id, ...given })]);
    return answer?.ok === true;
  };
  /** Completes whatever comes until nothing is left. Of deliveries of one job at the same time one counts. */
  const drained = async (): Promise<readonly Delivery[]> => {
    const all: Delivery[] = [];
    for (;;) {
      const { deliveries } = await session.exchange({ slots: 10 });
      all.push(...deliveries);
      const settle = deliveries.map(({ receipt }) => ({ receipt, kind: "complete" }) as const);
      const jobs = new Set(deliveries.map(({ job }) => job.id)).size;
      if (settle.length > 0)
        expect((await session.exchange({ settle })).lost).toHaveLength(deliveries.length - jobs);
      else if ((await queue.getTaskCount()) === 0) return all;
    }
  };
  const view = (): Promise<JobView | undefined> => queue.getJob(ID);
  const errand = (work: string, more: Partial<Errand> = {}): Errand => ({
    url: server.url,
    namespace: server.namespace,
    queue: name,
    leaseMs: LEASE_MS,
    work,
    ...more,
  });
  return { name, queue, state, session, put, drained, view, errand };
}

export type Bench = ReturnType<typeof bench>;

/**
 * Lets a process do its errand again and again, and die at each call of the state store, before it and after it.
 *
 * @param from the first of these calls. Default 0.
 */
export async function inEveryWindow(
  server: RabbitServer,
  work: string | Partial<Errand>,
  prepare: (bench: Bench) => Promise<unknown>,
  judge: (bench: Bench, end: End, death: Death) => Promise<void>,
  from = 0,
): Promise<number> {
  // A busy machine makes a connection slowly, so there is one for all.
  const broker = server.connect({ callTimeoutMs: 30_000, heartbeat: 30 });
  const more = typeof work === "string" ? { work } : work;
  for (let call = from; ; call++)
    for (const when of ["before", "after"] as const) {
      const one = bench(server, broker);
      await prepare(one);
      const death = { call, when };
      const end = await runErrand(one.errand("", more), one.state, death);
      try {
        await judge(one, end, death);
      } catch (error) {
        throw new Error(`died ${when} call ${call}, after it told ${end.told.join(", ")}`, { cause: error });
      }
      await one.queue.close();
      if (!end.isKilled) return call;
    }
}
