import { once } from "node:events";
import { Application } from "@lexigram/kernel";
import { task, TaskDispatcher, TaskCancelledError, TasksModule, WorkerPool } from "@lexigram/tasks";

const started = new EventTarget();
const watch = task({ name: "feed.watch", timeout: null }, async (ctx) => {
  started.dispatchEvent(new Event("started"));
  await once(ctx.signal, "abort");
  // Tidy up here: the reason of the signal says why.
  console.log("asked to stop:", (ctx.signal.reason as Error).name);
  throw ctx.signal.reason;
});
const ping = task({ name: "ping" }, async () => "pong");

const app = await Application.boot({
  modules: [
    TasksModule.configure({
      workerCount: 1,
      config: { worker: { maxConcurrentTasks: 1, shutdownTimeout: "5s" } },
    }),
    TasksModule.scope(watch, ping),
  ],
});
const tasks = app.get(TaskDispatcher);
const pool = app.get(WorkerPool);

const begun = once(started, "started");
const long = await tasks.enqueue(watch);
await begun;
const waiting = await tasks.enqueue(ping);
const doomed = await tasks.enqueue(ping);
console.log("the queued job is", await doomed.cancel());

// The only slot is taken; a second worker brings another.
await pool.scaleTo(2);
console.log(await waiting.result(), "from", pool.getPoolStats().slots, "slots");

console.log("the running job is", await long.cancel());
await long.result().catch((error: unknown) => console.log("cancelled:", error instanceof TaskCancelledError));
await app.close();
