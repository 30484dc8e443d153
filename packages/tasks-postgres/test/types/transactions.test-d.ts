import { task, type TaskContext, type TaskDispatcher } from "@lexigram/tasks";
import type { TransactionClient } from "@lexigram/tasks-postgres";
import type { Client, Pool, PoolClient } from "pg";

// Written as an application writes it, from the packages' doors alone; also compiled against what is published.

declare const tasks: TaskDispatcher;
declare const pool: Pool;
declare const pooled: PoolClient;
declare const client: Client;
declare const builder: { execute(text: string, values: readonly unknown[]): Promise<{ rows: { a: 1 }[] }> };

const ship = task({ name: "ship" }, async (ctx) => {
  const rows = await ctx.transaction(async (own) => {
    const answer = await own.query<{ id: number }>("UPDATE orders SET shipped = true RETURNING id");
    await tasks.enqueue(note, undefined, { transaction: own });
    return answer.rows;
  });
  // @ts-expect-error -- the value is what the work returned
  const wrong: string = rows;
  // @ts-expect-error -- the work is a function
  await ctx.transaction("UPDATE orders SET shipped = true");
  // @ts-expect-error -- a client has no such method
  await ctx.transaction((own) => own.ask("SELECT 1"));
  return { ids: rows.map(({ id }) => id.toFixed()), wrong };
});
const note = task({ name: "note" }, async () => "noted");

const adapter: TransactionClient = {
  query: (text, values = []) => builder.execute(text, values),
};

export const all = [
  tasks.enqueue(ship, undefined, { transaction: pooled }),
  tasks.enqueue(ship, undefined, { transaction: client }),
  tasks.enqueue(ship, undefined, { transaction: adapter }),
  tasks.enqueue(ship, undefined, {
    transaction: { query: (text, values = []) => builder.execute(text, values) },
  }),
  // @ts-expect-error -- each statement of a pool commits by itself
  tasks.enqueue(ship, undefined, { transaction: pool }),
  // @ts-expect-error -- a query builder as it is
  tasks.enqueue(ship, undefined, { transaction: builder }),
  // @ts-expect-error -- it answers no rows
  tasks.enqueue(ship, undefined, { transaction: { query: async () => [{ a: 1 }] } }),
];

export const inHandler = (ctx: TaskContext): Promise<number> => ctx.transaction(async () => 1);
