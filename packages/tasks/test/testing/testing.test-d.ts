import { Application } from "@lexigram/kernel";
import { z } from "zod";
import { task, TasksModule } from "../../src/index.ts";
import { createTestApp } from "../../src/testing.ts";

const mail = task({ name: "mail", input: z.object({ to: z.string(), tags: z.array(z.string()) }) }, () => 1);
const t = await createTestApp({ tasks: [mail] });

t.expectEnqueued(mail, { to: "x" });
t.expectEnqueued(mail, { tags: ["a"] }, { count: 1 });
t.expectEnqueued("by-name", { anything: true });
// @ts-expect-error -- no such field of the input
t.expectEnqueued(mail, { too: "x" });
// @ts-expect-error -- a number is no text
t.refuteEnqueued(mail, { to: 1 });
// @ts-expect-error -- no such option
await t.drain({ followDelay: true });
// @ts-expect-error -- no such mode
await createTestApp({ mode: "auto" });

// @ts-expect-error -- no such option
TasksModule.configure({ wokerCount: 1 });
// @ts-expect-error -- no duration
TasksModule.configure({ config: { worker: { lease: "5 minutes" } } });
// @ts-expect-error -- a contract has no handler
TasksModule.scope(task({ name: "contract" }));

const app = new Application();
app.hooks.registerAction("task.completed", ({ taskName, durationMs }) => {
  taskName satisfies string;
  durationMs satisfies number;
});
