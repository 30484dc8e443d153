import { Application } from "@lexigram/kernel";
import { task, TaskDispatcher, TasksModule } from "@lexigram/tasks";
import { postgresBackend } from "@lexigram/tasks-postgres";
import { Pool } from "pg";
import { z } from "zod";

const pool = new Pool({ connectionString: "postgres://postgres@127.0.0.1:5432/postgres" });
const schema = `guide_${process.pid}`;
await pool.query(`CREATE SCHEMA ${schema}; CREATE TABLE ${schema}.orders (id int, state text)`);

const order = z.object({ id: z.number().int() });
const charge = task(
  { name: "order.charge", input: order, retry: { baseDelay: "10ms" } },
  async ({ id }, ctx) =>
    ctx.transaction(async (client) => {
      // What is written and the end of the job become true together, so a repetition finds nothing half done.
      const text = `UPDATE ${schema}.orders SET state = state || ', charged' WHERE id = $1 RETURNING state`;
      const { rows } = await client.query<{ state: string }>(text, [id]);
      if (ctx.attempt === 1) throw new Error("the card machine is busy");
      return `order ${id} is ${rows[0]?.state}, at attempt ${ctx.attempt}`;
    }),
);

const backends = [{ name: "shop", backend: postgresBackend({ pool, schema }) }];
const app = await Application.boot({
  modules: [TasksModule.configure({ backends }), TasksModule.scope(charge)],
});
const tasks = app.get(TaskDispatcher);

/** Stores an order and the job that charges it, or neither. */
async function place(id: number, end: "COMMIT" | "ROLLBACK") {
  const client = await pool.connect();
  try {
    await client.query("BEGIN");
    await client.query(`INSERT INTO ${schema}.orders VALUES ($1, 'placed')`, [id]);
    const handle = await tasks.enqueue(charge, { id }, { transaction: client });
    await client.query(end);
    return handle;
  } finally {
    client.release();
  }
}

console.log(await (await place(1, "ROLLBACK")).status());
console.log(await (await place(2, "COMMIT")).result({ timeout: "20s" }));
await app.close();
await pool.query(`DROP SCHEMA ${schema} CASCADE`);
await pool.end();
