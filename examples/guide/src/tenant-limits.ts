import { setTimeout } from "node:timers/promises";
import { Application } from "@lexigram/kernel";
import { named, task, TaskDispatcher, TaskQueueProtocol, TasksModule } from "@lexigram/tasks";
import { z } from "zod";

const running = new Map<string, number>();
let most = 0;
const sync = task(
  { name: "crm.sync", queue: "crm", input: z.object({ tenant: z.string() }), key: ({ tenant }) => tenant },
  async ({ tenant }) => {
    const now = (running.get(tenant) ?? 0) + 1;
    running.set(tenant, now);
    most = Math.max(most, now);
    await setTimeout(5);
    running.set(tenant, now - 1);
  },
);

const crm = {
  name: "crm",
  maxSize: 6,
  policy: { perKey: { concurrency: 1, fair: true } },
} as const;
const app = await Application.boot({
  modules: [TasksModule.configure({ backends: [{ name: "main" }, crm] }), TasksModule.scope(sync)],
});
const tasks = app.get(TaskDispatcher);
const queue = app.get(named(TaskQueueProtocol, "crm"));

await queue.pause();
const answers = await tasks.enqueueMany(
  ["acme", "acme", "acme", "acme", "initech", "initech", "initech"].map((tenant) => ({
    task: sync,
    input: { tenant },
  })),
);
console.log(answers.map((answer) => (answer.ok ? "stored" : answer.error.code)).join(" "));
console.log("pending:", (await queue.stats()).counts.pending);

await queue.resume();
for (const answer of answers) if (answer.ok) await answer.value.result();
console.log("most at once for one tenant:", most);
await app.close();
