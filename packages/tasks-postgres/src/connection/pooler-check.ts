import { type ClientPool, execute, query, type TakenClient } from "./pg-clients.ts";
import { Statement } from "./statement.ts";

const PID = new Statement("SELECT pg_backend_pid() AS pid");

/**
 * Whether statements of one connection may run in several sessions. A second connection holds a transaction meanwhile:
 * a pooler then has to give it the session that the first one used, or another one to the first.
 *
 * A pool that has no second connection to give is told apart only by luck; say `pooler` for it.
 */
export async function isPooled(pool: ClientPool, client: TakenClient): Promise<boolean> {
  const before = await pidOf(client);
  if (pool.size < 2 || (pool.idle === 0 && pool.total >= pool.size)) return (await pidOf(client)) !== before;
  const other = await pool.take();
  let broken = true;
  try {
    await execute(other, "BEGIN");
    // Where both have had one session, the first would wait for it until the second gives it back.
    const pooled = (await pidOf(other)) === before || (await pidOf(client)) !== before;
    await execute(other, "ROLLBACK");
    broken = false;
    return pooled;
  } finally {
    pool.release(other, broken);
  }
}

async function pidOf(client: TakenClient): Promise<unknown> {
  const [row] = await query(client, PID, [], false);
  return row?.["pid"];
}
