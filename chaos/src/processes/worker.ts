// A worker process of the application under test. Started by its parent, which may kill, freeze or drain it.
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { runApplication } from "@lexigram/kernel";
import { task, TaskEmitter } from "@lexigram/tasks";
import { HandlerLedger, ledgerName } from "../accounts/ledger.ts";
import { now } from "../moment.ts";
import {
  bootApp,
  givenSettings,
  jobOptions,
  leave,
  poisonOptions,
  report,
  type WorkerOrder,
  type WorkerSettings,
} from "./chaos-app.ts";
import { POISONS } from "./poisons.ts";
import { SkewedClock } from "./skewed-clock.ts";

/** How much too early, in milliseconds, is not to be told from the measurement. */
const EARLY_MS = 50;

const settings = givenSettings<WorkerSettings>();
const clock = settings.skews === true ? new SkewedClock() : undefined;
let blockMs = 0;
process.on("message", (order: WorkerOrder) => {
  if ("blockMs" in order) blockMs = order.blockMs;
  else if (clock !== undefined) clock.skewMs = order.skewMs;
});

/** Blocks the loop as a handler does that computes, when the parent has asked for it. */
function blockIfAsked(): void {
  const until = now() + blockMs;
  blockMs = 0;
  while (now() < until);
}

const ledger = new HandlerLedger(join(settings.ledgers, ledgerName("handler", process.pid)));

// It does not look at its signal: a handler that goes on after its lease has ended is the harder case.
const work = task(jobOptions(settings), async ({ ms, dueAt }, ctx) => {
  const { id } = ctx.job;
  if (dueAt !== undefined && now() < dueAt - EARLY_MS)
    report({ problem: "a delayed job began before its time" });
  ledger.started(id, ctx.attempt);
  blockIfAsked();
  await sleep(ms);
  ledger.ended(id);
});

const poison = task(poisonOptions, async ({ kind }, ctx) => {
  ledger.poisoned(ctx.job.id);
  return POISONS[kind]();
});

const app = await bootApp(settings, settings.poison === true ? [work, poison] : [work], clock);
const emitter = app.get(TaskEmitter);
emitter.on("task.completed", ({ jobId }) => ledger.settled(jobId));
emitter.on("task.lease-lost", ({ jobId }) => ledger.fenced(jobId));
for (const event of ["task.failed", "task.dead"] as const)
  emitter.on(event, ({ jobId, taskName, error }) => {
    if (taskName !== poisonOptions.name)
      report({ problem: `${event} ${jobId}: ${error.name} ${error.message}` });
  });

const ended = runApplication(app);
report({ ready: true });
await ended;
ledger[Symbol.dispose]();
leave();
