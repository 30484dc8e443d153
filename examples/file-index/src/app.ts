import { module } from "@lexigram/kernel";
import { TasksModule } from "@lexigram/tasks";
import { FileIndex } from "./file-index.ts";
import { indexFile } from "./index-file.ts";

/** Whoever runs the example wants to see every file that was given up on, not only the latest 10,000. */
const keepFailed = { age: "1d", count: 1_000_000 } as const;

/** Where jobs wait: in this process, or on a server that several processes may share. */
export type Store =
  | { readonly type: "memory" }
  | { readonly type: "redis"; readonly redisUrl: string; readonly extra?: { readonly namespace: string } }
  | { readonly type: "postgres"; readonly postgresDsn: string; readonly extra?: { readonly schema: string } }
  | { readonly type: "rabbitmq"; readonly amqpUrl: string; readonly extra?: { readonly namespace: string } };

/** The application on a store. Two queues: many small files at once, few large ones. */
export function fileIndexApp(store: Store = { type: "memory" }): new () => object {
  @module({
    imports: [
      TasksModule.configure({
        workerCount: 2,
        backends: [
          { name: "small", queueName: "file-index-small", primary: true, keepFailed, ...store },
          { name: "large", queueName: "file-index-large", concurrency: 2, keepFailed, ...store },
        ],
        config: { worker: { maxConcurrentTasks: 16 } },
      }),
      TasksModule.scope(indexFile),
    ],
    providers: [FileIndex],
  })
  class FileIndexApp {}
  return FileIndexApp;
}
