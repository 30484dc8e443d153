import { Application } from "@lexigram/kernel";
import { named, task, TaskDispatcher, TaskQueueProtocol, TasksModule } from "@lexigram/tasks";
import { postgresBackend, PostgresTaskQueue } from "@lexigram/tasks-postgres";
import { Pool } from "pg";
import { z } from "zod";

const pool = new Pool({ connectionString: "postgres://postgres@127.0.0.1:5432/postgres" });
const schema = `guide_${process.pid}`;

const shrink = task(
  { name: "image.shrink", queue: "images", input: z.object({ file: z.string() }) },
  async ({ file }) => ({ file, width: 320 }),
);
const backend = postgresBackend({ pool, schema });
const app = await Application.boot({
  modules: [TasksModule.configure({ backends: [{ name: "images", backend }] }), TasksModule.scope(shrink)],
});
const handle = await app.get(TaskDispatcher).enqueue(shrink, { file: "cat.png" });
console.log(await handle.result({ timeout: "10s" }));

const images = app.get(named(TaskQueueProtocol, "images"));
const { counts, paused } = await images.stats();
console.log(`${counts.completed} completed, ${counts.pending} pending, paused: ${paused}`);
const { status, details } = await backend.health();
console.log(
  `${status}, ${String(details?.["mode"])}, schema of this process: ${details?.["schema"] === schema}`,
);
await app.close();

// A queue by itself: no module, no workers, the protocol as it is.
const audit = new PostgresTaskQueue({ pool, schema, name: "audit", maxSize: 1 });
const login = { task: "audit.login", body: { data: '"ada"', encoding: "json" }, headers: {}, priority: 5 };
for (const id of ["login-1", "login-2"]) {
  const answer = await audit.enqueue({ id, ...login });
  console.log(id, answer.ok ? "is stored" : answer.error.code);
}
const delivery = await audit.dequeue({ leaseMs: 30_000 });
console.log(delivery?.job.id, delivery?.job.body.data, "attempt", delivery?.attempt);
await audit.ack("login-1");
console.log(await audit.count("completed"), "completed");
await audit.close();

// Only this program's: an application keeps its schema.
await pool.query(`DROP SCHEMA "${schema}" CASCADE`);
await pool.end();
