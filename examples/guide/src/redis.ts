import { Application } from "@lexigram/kernel";
import { named, task, TaskDispatcher, TaskQueueProtocol, TasksModule } from "@lexigram/tasks";
import { redisBackend, RedisTaskQueue } from "@lexigram/tasks-redis";
import { z } from "zod";

const url = "redis://127.0.0.1:6379";
const namespace = `guide-${process.pid}`;

const shrink = task(
  { name: "image.shrink", queue: "images", input: z.object({ file: z.string() }) },
  async ({ file }) => ({ file, width: 320 }),
);
const backends = [{ name: "images", backend: redisBackend({ url, namespace }) }];
const app = await Application.boot({
  modules: [TasksModule.configure({ backends }), TasksModule.scope(shrink)],
});
const handle = await app.get(TaskDispatcher).enqueue(shrink, { file: "cat.png" });
console.log(await handle.result({ timeout: "10s" }));

const images = app.get(named(TaskQueueProtocol, "images"));
const { counts, paused } = await images.stats();
console.log(`${counts.completed} completed, ${counts.pending} pending, paused: ${paused}`);
await images.clear();
await app.close();

// A queue by itself: no module, no workers, the protocol as it is.
const audit = new RedisTaskQueue({ url, namespace, name: "audit", maxSize: 1 });
const login = { task: "audit.login", body: { data: '"ada"', encoding: "json" }, headers: {}, priority: 5 };
for (const id of ["login-1", "login-2"]) {
  const answer = await audit.enqueue({ id, ...login });
  console.log(id, answer.ok ? "is stored" : answer.error.code);
}
const delivery = await audit.dequeue({ leaseMs: 30_000 });
console.log(delivery?.job.id, delivery?.job.body.data, "attempt", delivery?.attempt);
await audit.ack("login-1");
console.log(await audit.count("completed"), "completed");
await audit.clear();
await audit.close();
