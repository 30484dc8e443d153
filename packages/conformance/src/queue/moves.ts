import { isLegalMove, JOB_STATES, type JobId, type JobState, LEGAL_MOVES } from "@lexigram/contracts";
import { anError } from "../build/job.ts";
import { holds, same } from "../kit/expect.ts";
import type { QueueEnv } from "../kit/queue-env.ts";
import type { QueueCase } from "../kit/run-case.ts";

/** Brings a job into its first state, returns it, and then makes it move. */
type Drive = (env: QueueEnv) => Promise<{ id: JobId; move: () => Promise<unknown> }>;

/** Longer than any case: what is not to happen by itself does not, however slow the machine. */
const FAR_MS = 3_600_000;

const fromWaiting =
  (delayMs: number, end: "complete" | "fail"): Drive =>
  async (env) => {
    const first = await env.running();
    const id = await env.putOne({ dependsOn: [first.job.id], delayMs });
    return {
      id,
      move: () => (end === "complete" ? env.complete(first) : env.fail(first)).then(() => env.beat()),
    };
  };

const fromScheduled =
  (move: (env: QueueEnv, id: JobId) => Promise<unknown>, isDueSoon = false): Drive =>
  async (env) => {
    const id = await env.putOne({ delayMs: isDueSoon ? env.span(2) : FAR_MS });
    return { id, move: () => move(env, id) };
  };

const fromPending =
  (move: (env: QueueEnv, id: JobId) => Promise<unknown>, expiresSoon = false): Drive =>
  async (env) => {
    const id = await env.putOne({ expiresInMs: expiresSoon ? env.span(2) : 2 * FAR_MS });
    return { id, move: () => move(env, id) };
  };

const fromRunning =
  (move: (env: QueueEnv, delivery: Awaited<ReturnType<QueueEnv["running"]>>) => Promise<unknown>): Drive =>
  async (env) => {
    const delivery = await env.running({}, { leaseMs: env.span(8) });
    return { id: delivery.job.id, move: () => move(env, delivery) };
  };

const later = async (env: QueueEnv, units: number): Promise<void> => {
  await env.pass(env.span(units));
  await env.beat();
};

const drives: Record<string, Drive> = {
  "waiting → pending": fromWaiting(0, "complete"),
  "waiting → scheduled": fromWaiting(FAR_MS, "complete"),
  "waiting → cancelled": fromWaiting(0, "fail"),
  "scheduled → pending": fromScheduled((env) => later(env, 3), true),
  "scheduled → scheduled": fromScheduled(async (env, id) => {
    await env.queue.update(id, { runAt: (await env.view(id)).createdAt + FAR_MS });
    await later(env, 3);
  }, true),
  "scheduled → cancelled": fromScheduled((env, id) => env.queue.cancel(id)),
  "scheduled → expired": async (env) => {
    const id = await env.putOne({ delayMs: env.span(5), expiresInMs: env.span(2) });
    return { id, move: () => later(env, 3) };
  },
  "pending → running": fromPending((env) => env.claimOne()),
  "pending → scheduled": fromPending(async (env, id) =>
    env.queue.update(id, { runAt: (await env.view(id)).createdAt + FAR_MS }),
  ),
  "pending → cancelled": fromPending((env, id) => env.queue.cancel(id)),
  "pending → expired": fromPending((env) => later(env, 3), true),
  "running → completed": fromRunning((env, d) => env.complete(d)),
  "running → failed": fromRunning((env, d) => env.fail(d)),
  "running → cancelled": fromRunning((env, { receipt }) =>
    env.settled({ receipt, kind: "cancel", error: anError() }),
  ),
  "running → scheduled": fromRunning((env, d) => env.release(d, FAR_MS)),
  "running → pending": fromRunning((env) => later(env, 9)),
  "failed → pending": async (env) => {
    const delivery = await env.running();
    await env.fail(delivery);
    return { id: delivery.job.id, move: () => env.queue.deadLetters.retry(delivery.job.id) };
  },
};

const stored = async (env: QueueEnv, id: JobId): Promise<JobState> => {
  const { status } = await env.view(id);
  return status === "retrying" ? "scheduled" : status;
};

const legalMoves = JOB_STATES.flatMap((from) => LEGAL_MOVES[from].map((to) => `${from} → ${to}`));

export const moves: readonly QueueCase[] = legalMoves.map((move) => ({
  law: "Q-53",
  name: `moves a job ${move}`,
  needs: ["lookup", "delay", "expiry", "update", "cancel", "dependencies", "deadLetters"],
  run: async (env) => {
    const drive = drives[move];
    if (drive === undefined)
      throw new Error(`the table of legal moves has ${move}, which the kit cannot drive`);
    const job = await drive(env);
    const from = await stored(env, job.id);
    await job.move();
    const to = await stored(env, job.id);
    same(`${from} → ${to}`, move, "the move that was seen");
    holds(isLegalMove(from, to), `${from} → ${to} is legal`);
  },
}));
