import { Application } from "@lexigram/kernel";
import { RemoteTaskError, ResultTimeoutError, task, TaskDispatcher, TasksModule } from "@lexigram/tasks";
import { z } from "zod";

let open = (): void => undefined;
const gate = new Promise<void>((resolve) => (open = resolve));
const importRows = task(
  { name: "rows.import", input: z.object({ rows: z.number() }), maxRetries: 0 },
  async ({ rows }, ctx) => {
    await gate;
    for (let row = 1; row <= rows; row++) {
      await ctx.progress.update(row, rows, `row ${row}`);
      if (row > 3) throw new Error("too many rows");
    }
    return { rows };
  },
);

const app = await Application.boot({ modules: [TasksModule.configure(), TasksModule.scope(importRows)] });
const tasks = app.get(TaskDispatcher);

const handle = await tasks.enqueue(importRows, { rows: 2 });
await handle.result({ timeout: "20ms" }).catch((error: unknown) => {
  if (error instanceof ResultTimeoutError) console.log("not yet; the job goes on");
});
open();
let last = 0;
for await (const { percent, status } of handle.progress) {
  if (percent < last) throw new Error("progress went back");
  last = percent;
  if (status === "complete") console.log(`${status} at ${percent} %`);
}
console.log(await handle.result());

// Another process needs no more than the queue's name and the id.
const failing = await tasks.enqueue(importRows, { rows: 5 }, { id: "import-5" });
const elsewhere = tasks.handle<{ rows: number }>("default", failing.id);
await elsewhere.result().catch((error: unknown) => {
  if (error instanceof RemoteTaskError) console.log("failed:", error.fields.error.message);
});
await app.close();
