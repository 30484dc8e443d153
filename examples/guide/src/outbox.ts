import { Application } from "@lexigram/kernel";
import { task, TaskDispatcher, TasksModule } from "@lexigram/tasks";
import { postgresBackend } from "@lexigram/tasks-postgres";
import { redisBackend } from "@lexigram/tasks-redis";
import { Pool } from "pg";
import { z } from "zod";

const pool = new Pool({ connectionString: "postgres://postgres@127.0.0.1:5432/postgres" });
const schema = `guide_${process.pid}`;
await pool.query(`CREATE SCHEMA ${schema}; CREATE TABLE ${schema}.accounts (name text PRIMARY KEY)`);

const welcome = task(
  { name: "mail.welcome", queue: "mail", input: z.object({ name: z.string() }) },
  async ({ name }) => console.log(`welcome, ${name}`),
);
const app = await Application.boot({
  modules: [
    TasksModule.configure({
      backends: [
        { name: "accounts", backend: postgresBackend({ pool, schema }) },
        {
          name: "mail",
          backend: redisBackend({ url: "redis://127.0.0.1:6379", namespace: schema }),
          outbox: "accounts",
        },
      ],
    }),
    TasksModule.scope(welcome),
  ],
});
const tasks = app.get(TaskDispatcher);

/** Opens an account and has its owner welcomed, or neither. */
async function open(name: string, end: "COMMIT" | "ROLLBACK") {
  const client = await pool.connect();
  try {
    await client.query("BEGIN");
    await client.query(`INSERT INTO ${schema}.accounts VALUES ($1)`, [name]);
    const handle = await tasks.enqueue(welcome, { name }, { transaction: client });
    await client.query(end);
    return handle;
  } finally {
    client.release();
  }
}

await open("ada", "ROLLBACK");
const handle = await open("grace", "COMMIT");
await handle.result({ timeout: "20s" });
console.log(await handle.status());
await app.close();
await pool.query(`DROP SCHEMA ${schema} CASCADE`);
await pool.end();
