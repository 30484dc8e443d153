import type { StateStoreProtocol } from "@lexigram/contracts";
import { holds, same } from "../kit/expect.ts";
import type { Case } from "../kit/case.ts";
import type { ScheduleLaw } from "../kit/case.ts";
import type { ScheduleEnv, SchedulerFaults } from "../kit/schedule-env.ts";

const EVERY_MINUTE = { every: 60_000 };
const RACERS = 5;

/** As of a process that ended at a call. */
const dead = (): Promise<never> => Promise.reject(new Error("this process is gone"));

/** A call that is not answered before it is let go. */
function gate(): { readonly reached: Promise<void>; pass(): Promise<void>; open(): void } {
  let reach = (): void => {};
  let open = (): void => {};
  const reached = new Promise<void>((resolve) => (reach = resolve));
  const opened = new Promise<void>((resolve) => (open = resolve));
  return {
    reached,
    pass() {
      reach();
      return opened;
    },
    open: () => open(),
  };
}

/** What becomes of an occurrence whose scheduler ends at a step: all later ones have one job each, and so has it. */
async function survives(env: ScheduleEnv, faults: SchedulerFaults): Promise<void> {
  const id = env.name("schedule");
  const setup = await env.scheduler();
  await setup.scheduleJob("work", EVERY_MINUTE, { id, misfire: "all" });
  const victim = await env.started(faults);
  await env.pass(1);
  await victim.stopScheduler();
  await env.started();
  await env.pass(3);
  same(await env.fired(id), [1, 2, 3, 4], "minutes whose job is there");
}

/** The cases of `docs/laws/schedules.md`. */
export const scheduleCases: readonly Case<ScheduleLaw, ScheduleEnv>[] = [
  {
    law: "T-01",
    name: "five schedulers that race make one job for each occurrence",
    async run(env) {
      const id = env.name("schedule");
      const [first] = await Promise.all(Array.from({ length: RACERS }, () => env.started()));
      await first?.scheduleJob("work", EVERY_MINUTE, { id, misfire: "all" });
      await env.pass(6);
      same(await env.fired(id), [1, 2, 3, 4, 5, 6], "minutes whose job is there");
    },
  },
  {
    law: "T-02",
    name: "what one has scheduled is fired by another, when the first is gone",
    async run(env) {
      const id = env.name("schedule");
      const first = await env.started();
      const second = await env.started();
      await first.scheduleJob("work", EVERY_MINUTE, { id, misfire: "all" });
      await first.stopScheduler();
      await env.pass(3);
      same(await env.fired(id), [1, 2, 3], "minutes whose job is there");
      await second.stopScheduler();
      await env.started();
      await env.pass(1);
      same(await env.fired(id), [1, 2, 3, 4], "minutes whose job is there");
    },
  },
  {
    law: "T-03",
    name: "a disabled schedule is fired by nobody, and makes up for nothing when it is enabled",
    async run(env) {
      const id = env.name("schedule");
      const [first, second] = [await env.started(), await env.started()];
      await first.scheduleJob("work", EVERY_MINUTE, { id, misfire: "all" });
      await env.pass(2);
      holds(await second.disableJob(id), "a schedule that is there is disabled");
      await env.pass(2);
      await env.started();
      await env.pass(1);
      same(await env.fired(id), [1, 2], "minutes whose job is there");
      holds(await first.enableJob(id), "a schedule that is there is enabled");
      await env.pass(2);
      same(await env.fired(id), [1, 2, 6, 7], "minutes whose job is there");
      same(await first.enableJob(env.name("nobody")), false, "enabling what is not there");
    },
  },
  {
    law: "T-04",
    name: "an unscheduled one is fired by nobody, and scheduled anew fires nothing twice",
    async run(env) {
      const id = env.name("schedule");
      const [first, second] = [await env.started(), await env.started()];
      await first.scheduleJob("work", EVERY_MINUTE, { id });
      await env.pass(2);
      same(await second.unscheduleJob(id), true, "unscheduling what is there");
      same(await second.unscheduleJob(id), false, "unscheduling what is not there");
      await env.pass(2);
      same(await env.fired(id), [1, 2], "minutes whose job is there");
      await second.scheduleJob("work", EVERY_MINUTE, { id });
      await env.pass(2);
      same(await env.fired(id), [1, 2, 5, 6], "minutes whose job is there");
    },
  },
  {
    law: "T-05",
    name: "what nobody fired in time is left out, made up for once, or all of it",
    async run(env) {
      const ids = { skip: env.name("skip"), once: env.name("once"), all: env.name("all") };
      const first = await env.scheduler();
      for (const misfire of ["skip", "once", "all"] as const)
        await first.scheduleJob("work", EVERY_MINUTE, { id: ids[misfire], misfire });
      await env.pass(3);
      // Too late to be in time, and before the next.
      await env.clock.advance(2_000);
      await env.started();
      same(await env.fired(ids.all), [1, 2, 3], "all");
      same(await env.fired(ids.once), [3], "once");
      same(await env.fired(ids.skip), [], "skip");
      await env.clock.advance(58_000);
      for (const scheduler of env.schedulers) await scheduler.whenIdle();
      for (const id of Object.values(ids)) holds((await env.fired(id)).includes(4), `${id} goes on`);
    },
  },
  {
    law: "T-06",
    name: "a scheduler that ends before it enqueues leaves its occurrence to the others",
    run: (env) => survives(env, { queue: () => ({ enqueue: dead, enqueueMany: dead }) }),
  },
  {
    law: "T-06",
    name: "a scheduler that ends after it enqueued leaves nothing to fire twice",
    run: (env) =>
      survives(env, {
        state: (state): Partial<StateStoreProtocol> => ({
          put: (key, value, options) =>
            options?.ifVersion === undefined ? state.put(key, value, options) : dead(),
        }),
      }),
  },
  {
    law: "T-07",
    name: "a scheduler that stands still for longer than its job is kept fires nothing again",
    async run(env) {
      const id = env.name("schedule");
      await env.queue.setPolicy({ keepCompleted: 0 });
      const between = gate();
      const setup = await env.scheduler();
      await setup.scheduleJob("work", EVERY_MINUTE, { id });
      const frozen = await env.started({
        queue: (queue) => ({
          async enqueueMany(jobs, options) {
            await between.pass();
            return queue.enqueueMany(jobs, options);
          },
        }),
      });
      try {
        await env.pass(1, []);
        await between.reached;
        const other = await env.started();
        same(await env.work(id), [1], "minutes whose job ran");
        await other.stopScheduler();
        same(await env.fired(id), [], "minutes whose job is kept");
        await setup.disableJob(id);
      } finally {
        between.open();
      }
      await frozen.whenIdle();
      same(await env.work(id), [], "minutes whose job ran again");
    },
  },
  {
    law: "T-08",
    name: "an occurrence is left out while the job before it is not over",
    async run(env) {
      const id = env.name("schedule");
      const [first] = [await env.started(), await env.started()];
      await first.scheduleJob("work", EVERY_MINUTE, { id, overlap: "skip" });
      await env.pass(3);
      same(await env.work(id), [1], "minutes whose job ran");
      await env.pass(1);
      same(await env.work(id), [4], "minutes whose job ran");
    },
  },
  {
    law: "T-09",
    name: "an occurrence cancels the job before it that is not over",
    async run(env) {
      const id = env.name("schedule");
      const [first] = [await env.started(), await env.started()];
      await first.scheduleJob("work", EVERY_MINUTE, { id, overlap: "cancel" });
      await env.pass(3);
      same(await env.work(id), [3], "minutes whose job ran");
    },
  },
  {
    law: "T-10",
    name: "a trigger makes a job now, beside the occurrences and also of a disabled schedule",
    async run(env) {
      const id = env.name("schedule");
      const first = await env.started();
      const second = await env.started();
      await first.scheduleJob("work", EVERY_MINUTE, { id });
      await first.disableJob(id);
      const triggered = await second.trigger(id);
      const job = await env.queue.getJob(triggered.id);
      same([job?.task, job?.status], ["work", "pending"], "the job of a trigger");
      await first.enableJob(id);
      await env.pass(1);
      same(await env.fired(id), [1], "minutes whose job is there");
    },
  },
];
