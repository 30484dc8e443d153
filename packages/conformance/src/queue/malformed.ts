import type { LexigramError, TaskQueueProtocol, TaskValidationError } from "@lexigram/contracts";
import { anError } from "../build/job.ts";
import { codeOf, refused, rejects, same } from "../kit/expect.ts";
import type { Need } from "../kit/needs.ts";
import type { QueueEnv } from "../kit/queue-env.ts";
import type { QueueCase } from "../kit/run-case.ts";

const INVALID = "LEX_ERR_TASK_VALIDATION";

type Call = (queue: TaskQueueProtocol, env: QueueEnv) => unknown;

/** Calls that callers without types make, by what is wrong with them: the method, and the field. */
const malformed: readonly (readonly [method: string, field: string, needs: readonly Need[], call: Call])[] = [
  ["extend", "leaseMs", [], (q) => q.extend([], 0)],
  ["extend", "receipts.0", [], (q) => q.extend([5 as never], 1_000)],
  ["waitForWork", "maxMs", [], (q) => q.waitForWork(-1, AbortSignal.abort())],
  ["waitForWork", "signal", [], (q) => q.waitForWork(1, {} as never)],
  ["setPolicy", "concurency", [], (q) => q.setPolicy({ concurency: 1 } as never)],
  ["setPolicy", "maxSize", [], (q) => q.setPolicy({ maxSize: "many" as never })],
  ["cancel", "id", ["cancel"], (q) => q.cancel(5 as never)],
  ["getJob", "id", ["lookup"], (q) => q.getJob(undefined as never)],
  ["deleteJob", "id", ["lookup"], (q) => q.deleteJob(null as never)],
  ["count", "status", ["lookup"], (q) => q.count("done" as never)],
  ["clear", "status", ["lookup"], (q) => q.clear({ status: "done" as never })],
  ["list", "status", ["list"], (q) => q.list({ status: "done" as never, limit: 1 })],
  ["list", "limit", ["list"], (q) => q.list({ status: "pending", limit: 0 })],
  ["list", "cursor", ["list"], (q) => q.list({ status: "pending", limit: 1, cursor: 5 as never })],
  ["listActive", "limit", ["list"], (q) => q.listActive({ limit: 1_001 })],
  ["results", "ids.0", ["results"], (q) => q.results([5 as never])],
  ["onSettled", "signal", ["results"], (q, env) => q.onSettled([env.name("nobody")], {} as never)],
  ["dequeue", "leaseMs", [], (q) => q.dequeue({ leaseMs: "x" as never })],
  ["ack", "id", [], (q) => q.ack(5 as never)],
  ["nack", "delayMs", [], (q, env) => q.nack(env.name("nobody"), { delayMs: -1 })],
  [
    "deadLetters.add",
    "reason",
    ["deadLetters"],
    (q, env) => q.deadLetters.add(env.job(), anError(), "why" as never),
  ],
  ["deadLetters.list", "limit", ["deadLetters"], (q) => q.deadLetters.list({ limit: 0 })],
  ["deadLetters.retry", "id", ["deadLetters"], (q) => q.deadLetters.retry(5 as never)],
  ["deadLetters.retryAll", "task", ["deadLetters"], (q) => q.deadLetters.retryAll({ task: 5 as never })],
  ["deadLetters.remove", "id", ["deadLetters"], (q) => q.deadLetters.remove(5 as never)],
  ["deadLetters.purge", "olderThanMs", ["deadLetters"], (q) => q.deadLetters.purge(-1)],
];

function named(error: LexigramError, field: string, what: string): void {
  const { issues } = (error as TaskValidationError).fields;
  same(
    issues.map(({ path }) => path),
    [field],
    `the fields that the refusal of ${what} names`,
  );
}

/** Laws about calls that are not what they must be. */
export const malformedCalls: readonly QueueCase[] = [
  ...malformed.map(([method, field, needs, call]): QueueCase => ({
    law: "Q-104",
    name: `refuses ${method} with a ${field} that is none`,
    needs,
    run: async (env) => {
      // A method that answers without a promise throws at once.
      const called = (async () => call(env.queue, env))();
      named(await rejects(called, INVALID, method), field, method);
    },
  })),
  {
    law: "Q-104",
    name: "refuses a malformed job by itself, and stores those beside it",
    run: async (env) => {
      const sound = env.job();
      const results = await env.worker.enqueue([
        sound,
        env.job({ priority: 99 }),
        env.job({ headers: { a: 1 } as never }),
      ]);
      same(results[0]?.ok, true, "whether the sound job was stored");
      named(refused(results[1], INVALID, "a priority of 99"), "priority", "a job");
      named(refused(results[2], INVALID, "a header that is no text"), "headers.a", "a job");
      named(
        refused(await env.queue.enqueue(env.job({ task: "" })), INVALID, "a job without a task"),
        "task",
        "a job",
      );
      same(await env.drain(), [sound.id], "what is delivered");
    },
  },
  {
    law: "Q-104",
    name: "refuses a change that is none, and changes nothing",
    needs: ["update"],
    run: async (env) => {
      const id = await env.putOne();
      const result = await env.queue.update(id, { runAt: Number.NaN });
      named(refused(result, INVALID, "a due time that is none"), "runAt", "update");
      same((await env.claimOne()).job.id, id, "the job that is delivered");
    },
  },
  {
    law: "Q-104",
    name: "refuses an exchange that is malformed anywhere, and applies nothing of it",
    run: async (env) => {
      const delivery = await env.running();
      const name = { session: env.name("session"), seq: 1 };
      const settle = [{ receipt: delivery.receipt, kind: "complete" }] as const;
      const claim = { slots: 0, ahead: 0, leaseMs: 1_000, maxBytes: 1_000 };
      const exchange = (part: object): Promise<unknown> =>
        env.queue.exchange({ ...name, settle, started: [], claim, ...part });
      const settling = (more: object): object => ({
        settle: [...settle, { receipt: delivery.receipt, ...more }],
      });
      for (const [field, part] of [
        ["claim.leaseMs", { claim: { ...claim, leaseMs: -1 } }],
        ["settle.1.kind", settling({ kind: "done" })],
        ["settle.1.error", settling({ kind: "fail" })],
        ["started.0", { started: [null] }],
      ] as const)
        named(await rejects(exchange(part), INVALID, field), field, "exchange");
      const code = await env.queue.extend([delivery.receipt], 10_000).then(({ lost }) => lost, codeOf);
      same(code, [], "receipts that are lost");
    },
  },
];
