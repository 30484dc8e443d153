import type { StateStoreProtocol } from "@lexigram/contracts";
import { uniqueName } from "../build/job.ts";
import { proveRefusal, REFUSALS } from "../queue/refusals.ts";
import {
  type Case,
  type CaseReport,
  LawBrokenError,
  type LockLaw,
  type QueueLaw,
  type LimitLaw,
  type ScheduleLaw,
  type StateLaw,
  type WorkflowLaw,
} from "./case.ts";
import type { HarnessSource, QueueHarness, StateHarness } from "./harness.ts";
import { answerTo, capabilityOf } from "./needs.ts";
import { LimitEnv } from "./limit-env.ts";
import type { LimitHarness } from "./limit-harness.ts";
import { LockEnv } from "./lock-env.ts";
import type { LockHarness } from "./lock-harness.ts";
import { ScheduleEnv } from "./schedule-env.ts";
import type { ScheduleHarness } from "./schedule-harness.ts";
import { QueueEnv } from "./queue-env.ts";
import { StateEnv } from "./state-env.ts";
import { WorkflowEnv } from "./workflow-env.ts";
import type { WorkflowHarness } from "./workflow-harness.ts";

export type QueueCase = Case<QueueLaw, QueueEnv>;
export type StateCase = Case<StateLaw, StateEnv>;
export type LockCase = Case<LockLaw, LockEnv>;
export type ScheduleCase = Case<ScheduleLaw, ScheduleEnv>;
export type LimitCase = Case<LimitLaw, LimitEnv>;
export type WorkflowCase = Case<WorkflowLaw, WorkflowEnv>;

/**
 * Runs one case of a queue on a fresh queue.
 *
 * @param source a harness, which stays open, or how to make one, which is then disposed of. Cases may run in parallel,
 *   but for those on one harness whose time is moved.
 * @returns what became of it, when it is not a failure.
 * @throws LawBrokenError when the law is not kept.
 */
export async function runQueueCase(c: QueueCase, source: HarnessSource<QueueHarness>): Promise<CaseReport> {
  return passed(await judgeQueueCase(c, source));
}

/** As {@link runQueueCase}, for a state store. */
export async function runStateCase(c: StateCase, source: HarnessSource<StateHarness>): Promise<CaseReport> {
  return passed(await judgeStateCase(c, source));
}

/** Runs one case of a queue and reports what became of it, also when the law is not kept. Never rejects on account of the subject. */
export function judgeQueueCase(
  c: QueueCase,
  source: HarnessSource<QueueHarness>,
): Promise<CaseReport<QueueLaw>> {
  return withHarness(source, async (harness) => {
    const about = { law: c.law, name: c.name, harness: harness.name };
    let seed = "";
    try {
      const env = new QueueEnv(await harness.open(), harness);
      seed = env.seed;
      try {
        for (const need of c.needs ?? []) {
          const answer = answerTo(need, env.queue.capabilities);
          if (answer === "yes") continue;
          const capability = capabilityOf(need);
          if (answer === "no" && REFUSALS[capability] !== undefined) {
            await proveRefusal(env, capability);
            return { ...about, outcome: "refused", capability };
          }
          const declared = String(env.queue.capabilities[capability]);
          return { ...about, outcome: "skipped", reason: `declared ${capability}: ${declared}` };
        }
        if (c.harness !== undefined && harness[c.harness] === undefined)
          return { ...about, outcome: "skipped", reason: `the harness offers no ${c.harness}` };
        await c.run(env);
        return { ...about, outcome: "passed" };
      } finally {
        await env.end();
      }
    } catch (cause) {
      return { ...about, outcome: "failed", error: new LawBrokenError({ ...about, seed, cause }) };
    }
  });
}

/** As {@link judgeQueueCase}, for a state store. */
export function judgeStateCase(
  c: StateCase,
  source: HarnessSource<StateHarness>,
): Promise<CaseReport<StateLaw>> {
  return withHarness(source, async (harness) => {
    const about = { law: c.law, name: c.name, harness: harness.name };
    if (c.harness === "sever" && harness.sever === undefined)
      return { ...about, outcome: "skipped", reason: "the harness offers no sever" };
    const seed = uniqueName("s");
    try {
      const store: StateStoreProtocol = await harness.open();
      const env = new StateEnv(store, harness, seed);
      try {
        await c.run(env);
        return { ...about, outcome: "passed" };
      } finally {
        await env.end();
      }
    } catch (cause) {
      return { ...about, outcome: "failed", error: new LawBrokenError({ ...about, seed, cause }) };
    }
  });
}

/** As {@link judgeQueueCase}, for schedulers over a backend. */
export function judgeScheduleCase(
  c: ScheduleCase,
  source: HarnessSource<ScheduleHarness>,
): Promise<CaseReport<ScheduleLaw>> {
  return withHarness(source, (harness) => judged(c, harness, () => ScheduleEnv.open(harness)));
}

/** Runs a case in an environment of its own. */
async function judged<Law extends string, Env extends { readonly seed: string; end(): Promise<void> }>(
  c: Case<Law, Env>,
  harness: { readonly name: string },
  open: () => Promise<Env>,
): Promise<CaseReport<Law>> {
  const about = { law: c.law, name: c.name, harness: harness.name };
  let seed = "";
  try {
    const env = await open();
    seed = env.seed;
    try {
      await c.run(env);
      return { ...about, outcome: "passed" };
    } finally {
      await env.end();
    }
  } catch (cause) {
    return { ...about, outcome: "failed", error: new LawBrokenError({ ...about, seed, cause }) };
  }
}

/** As {@link judgeQueueCase}, for workflows over a backend. */
export function judgeWorkflowCase(
  c: WorkflowCase,
  source: HarnessSource<WorkflowHarness>,
): Promise<CaseReport<WorkflowLaw>> {
  return withHarness(source, (harness) => judged(c, harness, () => WorkflowEnv.open(harness)));
}

/** As {@link judgeQueueCase}, for limits over a backend. */
export function judgeLimitCase(
  c: LimitCase,
  source: HarnessSource<LimitHarness>,
): Promise<CaseReport<LimitLaw>> {
  return withHarness(source, (harness) => judged(c, harness, () => LimitEnv.open(harness)));
}

/**
 * As {@link judgeQueueCase}, for locks and idempotency over a backend. A case that needs an ability of queues is skipped
 * where the harness's queue declares that it has it not.
 */
export function judgeLockCase(c: LockCase, source: HarnessSource<LockHarness>): Promise<CaseReport<LockLaw>> {
  return withHarness(source, async (harness) => {
    const about = { law: c.law, name: c.name, harness: harness.name };
    let seed = "";
    try {
      const env = await LockEnv.open(harness);
      seed = env.seed;
      const capabilities = await env.capabilities();
      const lacking = (c.needs ?? []).find((need) => answerTo(need, capabilities) !== "yes");
      if (lacking !== undefined)
        return { ...about, outcome: "skipped", reason: `the queue lacks ${capabilityOf(lacking)}` };
      await c.run(env);
      return { ...about, outcome: "passed" };
    } catch (cause) {
      return { ...about, outcome: "failed", error: new LawBrokenError({ ...about, seed, cause }) };
    }
  });
}

/** The laws that a subject breaks, each once, in the order of their numbers. */
export async function brokenQueueLaws(
  cases: readonly QueueCase[],
  source: HarnessSource<QueueHarness>,
): Promise<QueueLaw[]> {
  const broken = new Set<QueueLaw>();
  for (const c of cases) {
    const report = await judgeQueueCase(c, source);
    if (report.outcome === "failed") broken.add(report.law);
  }
  return inOrder(broken);
}

/** As {@link brokenQueueLaws}, for a state store. */
export async function brokenStateLaws(
  cases: readonly StateCase[],
  source: HarnessSource<StateHarness>,
): Promise<StateLaw[]> {
  const broken = new Set<StateLaw>();
  for (const c of cases) {
    const report = await judgeStateCase(c, source);
    if (report.outcome === "failed") broken.add(report.law);
  }
  return inOrder(broken);
}

function inOrder<Law extends string>(laws: Iterable<Law>): Law[] {
  return [...laws].toSorted((a, b) => Number(a.slice(2)) - Number(b.slice(2)));
}

function passed(report: CaseReport): CaseReport {
  if (report.outcome === "failed") throw report.error;
  return report;
}

async function withHarness<H extends { dispose(): Promise<void> }, T>(
  source: HarnessSource<H>,
  use: (harness: H) => Promise<T>,
): Promise<T> {
  if (typeof source !== "function") return use(source);
  const harness = await source();
  try {
    return await use(harness);
  } finally {
    await harness.dispose();
  }
}
