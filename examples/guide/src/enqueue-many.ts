import { Application } from "@lexigram/kernel";
import { task, TaskDispatcher, TasksModule } from "@lexigram/tasks";
import { z } from "zod";

const resize = task(
  {
    name: "image.resize",
    input: z.object({ file: z.string(), width: z.number().int() }),
    unique: { key: ({ file, width }) => `${file}@${width}` },
  },
  async ({ file, width }) => `${file} at ${width}`,
);
const reindex = task(
  {
    name: "search.reindex",
    input: z.object({ page: z.string() }),
    unique: { key: ({ page }) => page, until: "started", onConflict: "replace" },
  },
  async ({ page }) => `indexed ${page}`,
);

const app = await Application.boot({
  modules: [TasksModule.configure(), TasksModule.scope(resize, reindex)],
});
const tasks = app.get(TaskDispatcher);

const entries = ["a.png", "b.png", "a.png"].map((file) => ({ task: resize, input: { file, width: 640 } }));
for (const answer of await tasks.enqueueMany(entries)) {
  if (answer.ok) console.log("stored:", await answer.value.result());
  else console.log("refused:", answer.error.code);
}

// Debounce: each call puts off the one before it, and the last one runs.
const first = await tasks.enqueue(reindex, { page: "home" }, { delay: "50ms" });
const second = await tasks.enqueue(reindex, { page: "home" }, { delay: "50ms" });
console.log(second.outcome, "|", await first.status(), "|", await second.result());
await app.close();
