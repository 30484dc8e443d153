import { execFileSync, spawn } from "node:child_process";
import { on, once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { task } from "@lexigram/tasks";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { type PostgresServer, sharedPostgres } from "../postgres-server.ts";
import { Shop } from "./shop.ts";

const home = fileURLToPath(new URL("../..", import.meta.url));

/** Where a worker is when it dies. */
type Moment = "inside the work" | "between the settlement and the commit" | "after the commit";

/** A worker process. It tells its parent where its handler is, and stays there when that is where it dies. */
const program = `
  import { Application } from "@lexigram/kernel";
  import { task, TasksModule } from "@lexigram/tasks";
  import "@lexigram/tasks-postgres";
  const { entry, effects, dies } = JSON.parse(process.argv[1]);
  process.once("disconnect", () => process.exit(1));
  const reached = async (moment) => {
    process.send(moment);
    if (moment === dies) await new Promise(() => {});
  };
  const ship = task({ name: "ship" }, async (ctx) => {
    await ctx.transaction(async (client) => {
      await client.query(\`INSERT INTO \${effects} VALUES ($1, $2)\`, [ctx.job.id, String(process.pid)]);
      await reached("inside the work");
      if (dies !== "between the settlement and the commit") return;
      const query = client.query.bind(client);
      client.query = async (...args) => {
        if (args[0] === "COMMIT") await reached(dies);
        return query(...args);
      };
    });
    await reached("after the commit");
  });
  await Application.boot({
    modules: [
      TasksModule.configure({ backends: [entry], config: { worker: { lease: "1s" } } }),
      TasksModule.scope(ship),
    ],
    config: { logging: { level: "error" } },
  });
  process.send("ready");
`;

const ship = task({ name: "ship" });

let server: PostgresServer;
let shop: Shop;
// What is published is what runs there: Node cannot run the sources.
beforeAll(async () => {
  execFileSync(join(home, "../../node_modules/.bin/tsc"), ["-b", home, join(home, "../tasks")]);
  server = await sharedPostgres();
});
afterAll(() => server.end());

async function worker(dies?: Moment) {
  const settings = JSON.stringify({ entry: shop.entry, effects: shop.effects, dies });
  const child = spawn(process.execPath, ["--input-type=module", "-e", program, settings], {
    cwd: home,
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const messages = on(child, "message")[Symbol.asyncIterator]();
  const told = async (what: string): Promise<void> => {
    for (;;) if (((await messages.next()) as { value: [string] }).value[0] === what) return;
  };
  await told("ready");
  return { child, told };
}

describe("a job that completes in a transaction", { timeout: 60_000 }, () => {
  test.each<[Moment, "heir" | "victim"]>([
    ["inside the work", "heir"],
    ["between the settlement and the commit", "heir"],
    ["after the commit", "victim"],
  ])("takes effect once when its worker is killed %s", async (moment, whose) => {
    shop = await Shop.open(server);
    const tasks = await shop.app([], { workers: 0 });
    const handle = await tasks.enqueue(ship, undefined, { queue: "work" });
    const victim = await worker(moment);
    await victim.told(moment);
    const exit = once(victim.child, "exit");
    victim.child.kill("SIGKILL");
    await exit;
    const heir = await worker();
    // With the next job done, whatever the heir was to take over has been.
    const next = await tasks.enqueue(ship, undefined, { queue: "work" });
    await Promise.all([handle, next].map((job) => job.result({ timeout: "20s" })));
    expect(await handle.status()).toBe("completed");
    const { child } = whose === "heir" ? heir : victim;
    expect(await shop.notes(handle.id)).toEqual([String(child.pid)]);
    expect((await handle.job())?.recoveries).toBe(whose === "heir" ? 1 : 0);
  });
});
