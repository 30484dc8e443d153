import { Application } from "@lexigram/kernel";
import { task, TaskDispatcher, TasksModule } from "@lexigram/tasks";
import { rabbitmqBackend, RabbitMQTaskQueue } from "@lexigram/tasks-rabbitmq";
import { z } from "zod";

const url = "amqp://guest:guest@127.0.0.1:5672";
const namespace = `guide-${process.pid}`;

const shrink = task(
  { name: "image.shrink", queue: "images", input: z.object({ file: z.string() }) },
  async ({ file }) => ({ file, width: 320 }),
);
const backend = rabbitmqBackend({ url, namespace });
const app = await Application.boot({
  modules: [TasksModule.configure({ backends: [{ name: "images", backend }] }), TasksModule.scope(shrink)],
});
const handle = await app.get(TaskDispatcher).enqueue(shrink, { file: "cat.png" });
console.log(await handle.result({ timeout: "10s" }));
const { status, details } = await backend.health();
console.log(
  `${status}, ${String(details?.["queueType"])} queues, a namespace of its own: ${details?.["namespace"] === namespace}`,
);
await app.close();

// A queue by itself: no module, no workers, the protocol as far as a broker has it.
const audit = new RabbitMQTaskQueue({ url, namespace, name: "audit", queueType: "classic", maxSize: 1 });
const login = { task: "audit.login", body: { data: '"ada"', encoding: "json" }, headers: {}, priority: 5 };
for (const id of ["login-1", "login-2"]) {
  const answer = await audit.enqueue({ id, ...login });
  console.log(id, answer.ok ? "is stored" : answer.error.code);
}
const delivery = await audit.dequeue({ leaseMs: 30_000 });
console.log(delivery?.job.id, delivery?.job.body.data, "attempt", delivery?.attempt);
await audit.nack("login-1", { requeue: false, reason: "there is no ada" });
for (const { job, reason, error } of (await audit.deadLetters.list()).items)
  console.log(`${job.id} is a dead letter, ${reason}: ${error.message}`);
await audit.getJob("login-1").catch((error: { code?: string }) => console.log(error.code));
await audit.close();

// A channel for work of one's own; here it takes away what this program made.
const own = rabbitmqBackend({ url, namespace });
await own.withChannel(async (channel) => {
  for (const queue of ["images", "audit"])
    for (const part of ["critical", "high", "normal", "low", "dead", "workers"])
      await channel.deleteQueue(`${namespace}.${queue}.${part}`);
});
await own.close();
