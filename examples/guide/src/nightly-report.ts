import {
  at,
  between,
  every,
  on,
  scheduled,
  ScheduleInvalidError,
  task,
  type TaskContext,
  TaskScheduler,
} from "@lexigram/tasks";
import { createTestApp, TestClock } from "@lexigram/tasks/testing";
import { z } from "zod";

class ReportTasks {
  @scheduled({ cron: "30 2 * * *", timezone: "Europe/Paris", name: "report.nightly", overlap: "skip" })
  async nightly(ctx: TaskContext) {
    console.log(`report, due ${ctx.headers["planned-at"]}`);
  }
}
const remind = task({ name: "mail.remind", input: z.object({ to: z.string() }) }, async ({ to }) =>
  console.log(`reminded ${to}`),
);

// A test moves the clock; Application.boot with TasksModule.scope(ReportTasks, remind) fires by the machine's.
const clock = new TestClock({ now: Date.UTC(2030, 2, 29, 12) });
const test = await createTestApp({ tasks: [ReportTasks, remind], clock });
const scheduler = test.app.get(TaskScheduler);

// Schedules made at run time are stored, and fired by every process of the application.
const weekdays = at("08:00")
  .and(on("mon", "tue", "wed", "thu", "fri"))
  .in("Europe/Paris");
const id = await scheduler.addSchedule(weekdays, remind.s({ to: "ada" }), { id: "ada", jitter: "5m" });
console.log("next:", (await scheduler.preview(id, 2)).map((date) => date.toISOString()).join(", "));

// Clocks in Paris go forward over 02:30 in the night to the 31st: it is shifted by an hour.
for (let day = 0; day < 3; day++) {
  await clock.advance("1d");
  await test.drain();
}
await scheduler.disableJob(id);

const office = every("45m", { starting: "08:00" }).and(between("08:00", "10:00"));
console.log(
  office.preview(4, new Date("2030-04-01T00:00:00Z")).map((date) => date.toISOString().slice(11, 16)),
);

for (const { task: name, enabled, nextRun } of await scheduler.getScheduledJobs())
  console.log(name, enabled ? nextRun?.toISOString() : "disabled");

await scheduler.scheduleJob(remind.s({ to: "alan" }), "0 25 * * *").catch((error: unknown) => {
  if (error instanceof ScheduleInvalidError) console.log(error.fields.field, error.hint);
});
await test.stop();
