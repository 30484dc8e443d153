import type { TaskQueueProtocol } from "@lexigram/contracts";
import { anError } from "../build/job.ts";
import type { Need } from "../kit/needs.ts";
import type { QueueEnv } from "../kit/queue-env.ts";

/** One method of a queue, called in a way that is lawful at any moment. */
export interface QueueCall {
  readonly name: string;
  readonly needs?: readonly Need[];
  call(queue: TaskQueueProtocol, env: QueueEnv): Promise<unknown>;
}

const call = (
  name: string,
  needs: readonly Need[],
  run: (queue: TaskQueueProtocol, env: QueueEnv) => Promise<unknown>,
): QueueCall => ({ name, needs, call: run });

const none: AbortSignal = AbortSignal.abort();

/** Every method that talks to the store, on which the traits are laid. */
export const queueCalls: readonly QueueCall[] = [
  call("enqueue", [], (q, env) => q.enqueue(env.job())),
  call("enqueueMany", [], (q, env) => env.session(q).enqueue(env.jobs(2))),
  call("exchange", [], (q, env) => env.session(q).exchange({ slots: 0 })),
  call("extend", [], (q) => q.extend([], 1_000)),
  call("waitForWork", [], (q) => q.waitForWork(1, none)),
  call("setPolicy", [], (q) => q.setPolicy({})),
  call("getPolicy", [], (q) => q.getPolicy()),
  call("pause", ["pause"], (q) => q.pause()),
  call("resume", ["pause"], (q) => q.resume()),
  call("isPaused", ["pause"], (q) => q.isPaused()),
  call("cancel", ["cancel"], (q, env) => q.cancel(env.name("nobody"))),
  call("update", ["update"], (q, env) => q.update(env.name("nobody"), { priority: 1 })),
  call("getJob", ["lookup"], (q, env) => q.getJob(env.name("nobody"))),
  call("deleteJob", ["lookup"], (q, env) => q.deleteJob(env.name("nobody"))),
  call("list", ["list"], (q) => q.list({ status: "pending", limit: 10 })),
  call("listActive", ["list"], (q) => q.listActive()),
  call("count", [], (q) => q.count()),
  call("getTaskCount", [], (q) => q.getTaskCount()),
  call("stats", [], (q) => q.stats()),
  call("clear", ["lookup"], (q) => q.clear({ status: "cancelled" })),
  call("results", ["results"], (q) => q.results(["nobody"])),
  call("onSettled", ["results"], async (q, env) => {
    for await (const id of q.onSettled([env.name("nobody")], none)) return id;
    return undefined;
  }),
  call("dequeue", [], (q) => q.dequeue({ leaseMs: 1 })),
  call("ack", [], (q, env) => q.ack(env.name("nobody"))),
  call("nack", [], (q, env) => q.nack(env.name("nobody"))),
  call("deadLetters.add", ["deadLetters"], (q, env) => q.deadLetters.add(env.job(), anError())),
  call("deadLetters.get", ["deadLetters"], (q, env) => q.deadLetters.get(env.name("nobody"))),
  call("deadLetters.list", ["deadLetters"], (q) => q.deadLetters.list()),
  call("deadLetters.retry", ["deadLetters"], (q, env) => q.deadLetters.retry(env.name("nobody"))),
  call("deadLetters.retryAll", ["deadLetters"], (q) => q.deadLetters.retryAll()),
  call("deadLetters.remove", ["deadLetters"], (q, env) => q.deadLetters.remove(env.name("nobody"))),
  call("deadLetters.purge", ["deadLetters"], (q) => q.deadLetters.purge(3_600_000)),
  call("deadLetters.clear", ["deadLetters"], (q) => q.deadLetters.clear()),
  call("deadLetters.size", ["deadLetters"], (q) => q.deadLetters.size()),
  call("deadLetters.stats", ["deadLetters"], (q) => q.deadLetters.stats()),
];
