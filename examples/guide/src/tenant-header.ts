import { AsyncLocalStorage } from "node:async_hooks";
import { Application } from "@lexigram/kernel";
import {
  MetricsMiddleware,
  task,
  TaskCompletedEvent,
  TaskDispatcher,
  type TaskMiddlewareFunction,
  TasksModule,
} from "@lexigram/tasks";

const tenant = new AsyncLocalStorage<string>();

// One function for both phases: it writes the header where a job is enqueued and reads it where the job runs.
const carryTenant: TaskMiddlewareFunction = (context, next) => {
  if (context.phase === "process") return tenant.run(context.headers["tenant"] ?? "nobody", next);
  context.headers["tenant"] = tenant.getStore() ?? "nobody";
  return next();
};

const report = task({ name: "report.build" }, async () => `a report for ${tenant.getStore()}`);

const app = await Application.boot({
  modules: [TasksModule.configure({ middleware: [carryTenant] }), TasksModule.scope(report)],
});
const tasks = app.get(TaskDispatcher);

// Events of this process: by the dispatcher, or as a hook of the application.
using _started = tasks.on("task.started", ({ taskName, attempt }) =>
  console.log(`${taskName} #${attempt} started`),
);
app.events.subscribe(TaskCompletedEvent, ({ taskId }) => console.log(`${taskId} completed`));

const handle = await tenant.run("acme", () => tasks.enqueue(report, undefined, { id: "report-1" }));
console.log(await handle.result());
const { totalExecuted, tasks: byTask } = app.get(MetricsMiddleware).getStats();
console.log(`${totalExecuted} executed, ${byTask["report.build"]?.errors} errors`);
await app.close();
