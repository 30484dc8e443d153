import {
  at,
  every,
  on,
  scheduled,
  task,
  type TaskContext,
  type TaskScheduler,
  TasksModule,
} from "@lexigram/tasks";
import { expectTypeOf, test } from "vitest";
import { z } from "zod";

const report = task({ name: "report", input: z.object({ month: z.number() }) }, ({ month }) => month);

test("a schedule says when in one way", () => {
  expectTypeOf(scheduled({ cron: "@daily", timezone: "UTC" })).toBeFunction();
  scheduled({ every: "5m", starting: new Date() });
  scheduled({ schedule: at("09:00", "09:00:30").and(on("mon")) });
  // @ts-expect-error -- two ways
  scheduled({ cron: "@daily", every: "5m" });
  // @ts-expect-error -- no way
  scheduled({ name: "a" });
  // @ts-expect-error -- equal spans have no zone
  scheduled({ every: "5m", timezone: "UTC" });
  // @ts-expect-error -- no time of day
  at("noon");
  // @ts-expect-error -- no day of the week
  on("monday");
  // @ts-expect-error -- no duration
  every("5 minutes");
});

test("a scheduled method takes the context alone", () => {
  class Tasks {
    @scheduled({ cron: "@daily" })
    good(ctx: TaskContext): void {
      void ctx;
    }

    // @ts-expect-error -- nobody gives it an input
    @scheduled({ cron: "@daily" })
    bad(input: { month: number }, ctx: TaskContext): void {
      void [input, ctx];
    }
  }
  expectTypeOf<Tasks>().toHaveProperty("good");
  const clean = scheduled({ name: "clean", cron: "@daily" }, async () => 7);
  expectTypeOf(clean()).resolves.toEqualTypeOf<number>();
});

test("schedules of a configuration name a task and when", () => {
  TasksModule.configure({ schedules: [{ task: report, input: { month: 1 }, cron: "@monthly" }] });
  TasksModule.configure({ schedules: [{ task: report, schedules: [["@monthly", { month: 1 }]] }] });
  // @ts-expect-error -- no task
  TasksModule.configure({ schedules: [{ cron: "@monthly" }] });
  expectTypeOf<TaskScheduler>().toHaveProperty("scheduleJob");
});
