import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { Application, inject, injectable, module } from "@lexigram/kernel";
import { named, task, TaskDispatcher, TaskQueueProtocol, TasksModule } from "@lexigram/tasks";
import { z } from "zod";

const hashFile = task(
  { name: "file.hash", queue: "files", input: z.object({ path: z.string() }), maxRetries: 2, timeout: "30s" },
  async ({ path }, ctx) => {
    const data = await readFile(path, { signal: ctx.signal });
    return { path, bytes: data.length, sha256: createHash("sha256").update(data).digest("hex") };
  },
);
@injectable()
class FileIndex {
  constructor(
    @inject(TaskDispatcher) private readonly tasks: TaskDispatcher,
    @inject(named(TaskQueueProtocol, "files")) private readonly files: TaskQueueProtocol,
  ) {}

  async index(folder: string) {
    const files = (await readdir(folder, { withFileTypes: true })).filter((f) => f.isFile());
    const handles = files.map(({ name }) => this.tasks.enqueue(hashFile, { path: join(folder, name) }));
    const results = await Promise.allSettled(handles.map(async (handle) => (await handle).result()));
    console.table(results.flatMap((r) => (r.status === "fulfilled" ? [r.value] : [])));
    console.log(`${results.length} files, ${await this.files.deadLetters.size()} dead letters`);
  }
}

const [, , folder = ".", flag = "--memory", url = ""] = process.argv; // <folder> --redis <url>
const option = { redis: "redisUrl", postgres: "postgresDsn", rabbitmq: "amqpUrl" }[flag.slice(2)];
const files = { name: "files", type: flag.slice(2), ...(option && { [option]: url }) };
const queues = TasksModule.configure({ workerCount: 2, backends: [files] });
@module({ imports: [queues, TasksModule.scope(hashFile)], providers: [FileIndex] })
class App {}
const app = await Application.boot({ modules: [App] });
await app.get(FileIndex).index(folder);
await app.close();
