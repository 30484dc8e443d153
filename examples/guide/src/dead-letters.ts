import { Application } from "@lexigram/kernel";
import { DeadLetterQueue, RejectTask, task, TaskDispatcher, TasksModule } from "@lexigram/tasks";
import { z } from "zod";

let gatewayIsUp = false;
const publish = task(
  { name: "post.publish", input: z.object({ post: z.number() }), maxRetries: 1, retry: { baseDelay: "5ms" } },
  async ({ post }) => {
    if (post === 3) throw new RejectTask({ reason: "it was deleted" });
    if (!gatewayIsUp) throw new Error("the gateway is down");
    return `published ${post}`;
  },
);

const app = await Application.boot({ modules: [TasksModule.configure(), TasksModule.scope(publish)] });
const tasks = app.get(TaskDispatcher);
const letters = app.get(DeadLetterQueue);

const handles = await Promise.all(
  [1, 2, 3].map((post) => tasks.enqueue(publish, { post }, { id: `post-${post}` })),
);
await Promise.allSettled(handles.map((handle) => handle.result()));

const { items } = await letters.list({ task: "post.publish" });
for (const { reason, error, attemptCount } of items.toSorted((a, b) => a.attemptCount - b.attemptCount))
  console.log(`${reason} after ${attemptCount} attempts: ${error.message}`);

// The rejected one will never work; the others get a new budget of attempts.
for (const { job, reason } of items) if (reason === "rejected") await letters.remove(job.id);
gatewayIsUp = true;
console.log("moved back:", await letters.retryAll({ task: "post.publish" }));
for (const handle of handles.slice(0, 2)) console.log(await handle.result());
const again = await handles[0]?.job();
console.log(`redrives: ${again?.redrives}, from: ${again?.replayOf?.reason}, left: ${await letters.size()}`);
await app.close();
