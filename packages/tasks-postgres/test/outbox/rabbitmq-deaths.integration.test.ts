import { execFileSync, spawn } from "node:child_process";
import { on, once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { uniqueName } from "@lexigram/conformance";
import { sharedServers } from "@lexigram/services";
import { rabbitmqBackend } from "@lexigram/tasks-rabbitmq";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { type PostgresServer, sharedPostgres } from "../postgres-server.ts";
import { Arrivals, Post } from "./post.ts";

/** Where a relay is when it dies: between these two, the broker has confirmed the jobs and the database still holds them. */
const MOMENTS = ["before it sends", "after the broker has confirmed them", "after it has reported"] as const;

let server: PostgresServer;
beforeAll(async () => {
  server = await sharedPostgres();
});
afterAll(() => server.end());

const home = fileURLToPath(new URL("../..", import.meta.url));

/** A process that relays. It tells its parent when it is at the moment, and stays there. */
const program = `
  import { Application } from "@lexigram/kernel";
  import { TasksModule } from "@lexigram/tasks";
  import { postgresBackend } from "@lexigram/tasks-postgres";
  import { rabbitmqBackend } from "@lexigram/tasks-rabbitmq";
  const { dsn, schema, url, namespace, moment } = JSON.parse(process.argv[1]);
  process.once("disconnect", () => process.exit(1));
  const at = async (here) => {
    if (here !== moment) return;
    process.send("there");
    await new Promise(() => {});
  };
  const shop = postgresBackend({ dsn, schema });
  const mail = rabbitmqBackend({ url, namespace });
  const outbox = (name) => {
    const outbox = shop.outbox(name);
    const take = outbox.take.bind(outbox);
    outbox.take = async (request) => {
      const answer = await take(request);
      if (request.report !== undefined) await at("after it has reported");
      return answer;
    };
    return outbox;
  };
  const queue = (name, options) => {
    const queue = mail.queue(name, options);
    const send = queue.enqueueMany.bind(queue);
    queue.enqueueMany = async (...args) => {
      await at("before it sends");
      const answer = await send(...args);
      await at("after the broker has confirmed them");
      return answer;
    };
    return queue;
  };
  const backends = [
    { name: "shop", backend: { ...shop, outbox } },
    { name: "mail", outbox: "shop", backend: { ...mail, queue } },
  ];
  await Application.boot({
    modules: [TasksModule.configure({ workerCount: 0, backends })],
    config: { logging: { level: "error" } },
  });
  process.send("ready");
`;

/** Deletes what a namespace has on the broker. */
async function removeQueues(namespace: string): Promise<void> {
  const backend = rabbitmqBackend({ url: sharedServers.rabbitmq, namespace });
  await backend.withChannel(async (channel) => {
    for (const part of ["critical", "high", "normal", "low", "dead", "workers"])
      await channel.deleteQueue(`${namespace}.mail.${part}`);
  });
  await backend.close();
}

describe("jobs on their way to RabbitMQ", { timeout: 60_000 }, () => {
  // What is published is what runs there: Node cannot run the sources.
  beforeAll(() => {
    execFileSync(join(home, "../../node_modules/.bin/tsc"), [
      "-b",
      home,
      join(home, "../tasks"),
      join(home, "../tasks-rabbitmq"),
    ]);
  });

  test.each(MOMENTS)("all arrive, in order, when the process that relays is killed %s", async (moment) => {
    const namespace = uniqueName("outbox");
    onTestFinished(() => removeQueues(namespace));
    const post = await Post.open(server, "rabbitmq", namespace);
    const arrivals = new Arrivals();
    await post.app({ workers: 1, tasks: [arrivals.task], mail: { outbox: undefined as never } });
    const { schema } = post.shop;
    const where = { dsn: server.url, schema, url: sharedServers.rabbitmq, namespace, moment };
    const child = spawn(process.execPath, ["--input-type=module", "-e", program, JSON.stringify(where)], {
      cwd: home,
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    onTestFinished(() => void child.kill("SIGKILL"));
    const messages = on(child, "message")[Symbol.asyncIterator]();
    const told = async (what: string): Promise<void> => {
      for (;;) if (((await messages.next()) as { value: [string] }).value[0] === what) return;
    };
    await told("ready");
    const { client, commit } = await post.shop.begun();
    const producer = await post.app({ mail: { outbox: "shop" } });
    await post.enqueue(producer, ["a", "b", "c"], client);
    await producer.stop();
    await commit();
    await told("there");
    expect(await post.left()).toBe(moment === "after it has reported" ? 0 : 3);
    child.kill("SIGKILL");
    await once(child, "exit");
    await post.endLease();
    const heir = await post.app();
    await post.send(heir, ["d"]);
    // The broker remembers no call, so those that it had confirmed come once more, and none is missing.
    const again = moment === "after the broker has confirmed them";
    await arrivals.atLeast(again ? 7 : 4);
    await vi.waitFor(async () => expect(await post.left()).toBe(0));
    const once3 = ["a", "b", "c"];
    expect(arrivals.names).toEqual([...once3, ...(again ? once3 : []), "d"]);
  });
});
