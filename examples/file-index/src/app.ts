import { module } from "@lexigram/kernel";
import { TasksModule } from "@lexigram/tasks";
import { FileIndex } from "./file-index.ts";
import { indexFile } from "./index-file.ts";

/** Whoever runs the example wants to see every file that was given up on, not only the latest 10,000. */
const keepFailed = { age: "1d", count: 1_000_000 } as const;

/** Two queues on the embedded backend: many small files at once, few large ones. */
@module({
  imports: [
    TasksModule.configure({
      workerCount: 2,
      backends: [
        { name: "small", type: "memory", primary: true, keepFailed },
        { name: "large", type: "memory", concurrency: 2, keepFailed },
      ],
      config: { worker: { maxConcurrentTasks: 16 } },
    }),
    TasksModule.scope(indexFile),
  ],
  providers: [FileIndex],
})
export class FileIndexApp {}
