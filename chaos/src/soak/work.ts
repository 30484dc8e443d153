import { chain, scheduled, step, task } from "@lexigram/tasks";
import { z } from "zod";

const Input = z.object({ n: z.number() });

/** Waits between attempts, short enough that none is under way for long. */
const RETRY = { baseDelay: "200ms", maxDelay: "1s" } as const;

/** A job that succeeds at once. */
export const plain = task({ name: "soak.plain", input: Input }, async ({ n }) => ({ n }));

/** Fails once, and succeeds then. */
export const flaky = task(
  { name: "soak.flaky", input: Input, maxRetries: 3, retry: RETRY },
  async ({ n }, ctx) => {
    if (ctx.attempt === 1) throw new Error(`job ${n} fails once`);
  },
);

/** Fails as often as it may, and becomes a dead letter. */
export const doomed = task(
  { name: "soak.doomed", input: Input, maxRetries: 1, retry: RETRY },
  async ({ n }) => {
    throw new Error(`job ${n} fails for good`);
  },
);

/** Tells how far it is. */
export const told = task({ name: "soak.told", input: Input }, async ({ n }, ctx) => {
  await ctx.progress.update(1, 2, `half of ${n}`);
  await ctx.progress.update(2, 2);
});

/** Comes by itself. */
const tick = scheduled({ name: "soak.tick", every: "1s" }, () => undefined);

/** Two steps, one job each. */
export const twoSteps = chain(step.task(plain, { name: "first" }), step.task(plain, { name: "second" }));

export const TASKS = [plain, flaky, doomed, told, tick] as const;
