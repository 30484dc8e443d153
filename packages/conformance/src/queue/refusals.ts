import type { NewJob, QueueCapabilities, QueuePolicy } from "@lexigram/contracts";
import { anError } from "../build/job.ts";
import { codeOf, same } from "../kit/expect.ts";
import type { QueueEnv } from "../kit/queue-env.ts";

const UNSUPPORTED = "LEX_ERR_TASK_UNSUPPORTED";

type Asking = (env: QueueEnv) => Promise<Readonly<Record<string, unknown>>>;

const jobWith =
  (given: Partial<NewJob>): Asking =>
  async (env) => ({
    "a job that asks for it": await outcome(async () => {
      const [result] = await env.worker.enqueue([env.job(given)]);
      return result;
    }),
  });

const policyWith =
  (policy: QueuePolicy): Asking =>
  async (env) => ({
    [`setPolicy(${JSON.stringify(policy)})`]: await outcome(() => env.queue.setPolicy(policy)),
  });

/**
 * How to ask for each ability that a queue may lack. The rest cannot be asked for: nothing in a call says that its
 * resend should be known, that attempts should be told apart or that recoveries should be counted exactly.
 */
export const REFUSALS: Partial<Record<keyof QueueCapabilities, Asking>> = {
  lookup: async ({ queue }) => ({
    getJob: await outcome(() => queue.getJob("nobody")),
    deleteJob: await outcome(() => queue.deleteJob("nobody")),
    "count(completed)": await outcome(() => queue.count("completed")),
  }),
  list: async ({ queue }) => ({
    list: await outcome(() => queue.list({ status: "pending", limit: 1 })),
    listActive: await outcome(() => queue.listActive()),
  }),
  cancel: async ({ queue }) => ({ cancel: await outcome(() => queue.cancel("nobody")) }),
  unique: jobWith({ unique: { key: "k", until: "settled", onConflict: "reject" } }),
  pause: async ({ queue }) => ({ pause: await outcome(() => queue.pause()) }),
  capacity: policyWith({ maxSize: 1 }),
  delay: jobWith({ delayMs: 1_000 }),
  expiry: jobWith({ expiresInMs: 1_000 }),
  update: async ({ queue }) => ({ update: await outcome(() => queue.update("nobody", { priority: 1 })) }),
  limits: async (env) => ({
    ...(await policyWith({ concurrency: 1 })(env)),
    ...(await policyWith({ rate: { rate: 1, perMs: 1_000, burst: 1 } })(env)),
    ...(await policyWith({ perTask: { work: { concurrency: 1 } } })(env)),
    ...(await policyWith({ perKey: { concurrency: 1 } })(env)),
  }),
  keyOrder: policyWith({ perKey: { order: "fifo" } }),
  fairness: policyWith({ perKey: { fair: true } }),
  dependencies: async (env) => ({
    dependsOn: await jobWith({ dependsOn: ["nobody"] })(env).then(first),
    barrier: await jobWith({ barrier: { size: 1 } })(env).then(first),
  }),
  results: async ({ queue }) => ({ results: await outcome(() => queue.results(["nobody"])) }),
  deadLetters: async ({ queue }) => ({
    list: await outcome(() => queue.deadLetters.list()),
    size: await outcome(() => queue.deadLetters.size()),
  }),
  quarantine: jobWith({ maxRecoveries: 1 }),
  started: async ({ worker }) => ({ "a claim ahead": await outcome(() => worker.exchange({ ahead: 1 })) }),
  transactions: async (env) => {
    const transaction = {};
    const settlement = { receipt: (await env.running()).receipt, kind: "fail", error: anError() } as const;
    return {
      enqueueMany: await outcome(async () => {
        const name = { session: env.name("session"), seq: 1 };
        const [result] = await env.queue.enqueueMany([env.job()], { ...name, transaction });
        return result;
      }),
      settleIn: await outcome(() => env.queue.settleIn(transaction, settlement)),
    };
  },
};

/** Fails unless each way to ask for the capability is answered with `LEX_ERR_TASK_UNSUPPORTED`. */
export async function proveRefusal(env: QueueEnv, capability: keyof QueueCapabilities): Promise<void> {
  const ask = REFUSALS[capability];
  if (ask === undefined) throw new Error(`nothing can ask for ${capability}`);
  for (const [call, answer] of Object.entries(await ask(env)))
    same(answer, UNSUPPORTED, `${capability} is declared unsupported, so the answer to ${call}`);
}

const first = (answers: Readonly<Record<string, unknown>>): unknown => Object.values(answers)[0];

/** The code of a refusal, by rejection or by result; otherwise what came instead. */
async function outcome(call: () => Promise<unknown>): Promise<unknown> {
  try {
    const value = await call();
    const refusal = value as { readonly ok?: unknown; readonly error?: unknown } | undefined;
    if (refusal?.ok === false) return codeOf(refusal.error) ?? "a refusal without a code";
    return "it was done";
  } catch (error) {
    return codeOf(error) ?? String(error);
  }
}
