import { execFileSync, spawn } from "node:child_process";
import { on, once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { uniqueName } from "@lexigram/conformance";
import { sharedServers } from "@lexigram/services";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { type PostgresServer, sharedPostgres } from "../postgres-server.ts";
import { Gate } from "../transactions/shop.ts";
import { Arrivals, type Interception, Post, type Target, TARGETS } from "./post.ts";

/** Where a relay is when it dies. */
const MOMENTS = [
  "before it sends",
  "after its queue has stored them",
  "before it reports",
  "after it has reported",
] as const;
type Moment = (typeof MOMENTS)[number];

const sent = (moment: Moment): boolean => moment !== "before it sends";

let server: PostgresServer;
beforeAll(async () => {
  server = await sharedPostgres();
});
afterAll(() => server.end());

/** Stops a relay at a moment, the first time it comes there, until it is let go. */
class Stop implements Interception {
  readonly reached = new Gate();
  readonly go = new Gate();
  readonly #moment: Moment;

  constructor(moment: Moment) {
    this.#moment = moment;
  }

  readonly send = (call: () => Promise<unknown>): Promise<unknown> =>
    this.#around(call, "before it sends", "after its queue has stored them");

  readonly report = (call: () => Promise<unknown>): Promise<unknown> =>
    this.#around(call, "before it reports", "after it has reported");

  async #around(call: () => Promise<unknown>, before: Moment, after: Moment): Promise<unknown> {
    if (this.#moment === before) await this.#wait();
    const answer = await call();
    if (this.#moment === after) await this.#wait();
    return answer;
  }

  async #wait(): Promise<void> {
    this.reached.open();
    await this.go.opened;
  }
}

describe.each(TARGETS)("jobs on their way to a queue on %s", (target) => {
  test.each(MOMENTS)(
    "arrive once and in order when their relay stops %s, and comes back later",
    async (moment) => {
      const post = await Post.open(server, target);
      const arrivals = await receiver(post);
      const stop = new Stop(moment);
      onTestFinished(() => stop.go.open());
      const zombie = await post.app(stop);
      await post.send(zombie, ["a", "b", "c"]);
      await stop.reached.opened;
      if (sent(moment)) await gone(post, arrivals, 3);
      await post.endLease();
      const heir = await post.app();
      await post.send(heir, ["d", "e"]);
      await gone(post, arrivals, 5);
      stop.go.open();
      await post.send(heir, ["f"]);
      await gone(post, arrivals, 6);
      await vi.waitFor(async () => expect(await post.left()).toBe(0));
      await zombie.stop();
      expect(arrivals.names).toEqual(["a", "b", "c", "d", "e", "f"]);
    },
  );

  test("arrive when the outbox is restored from a time before batches that their queue remembers", async () => {
    const post = await Post.open(server, target);
    const arrivals = await receiver(post);
    const app = await post.app();
    await post.send(app, ["a"]);
    await gone(post, arrivals, 1);
    await vi.waitFor(async () => expect(await post.left()).toBe(0));
    // A clock that was ahead, too.
    await post.tables("UPDATE @outbox_route SET seq = seq + 1e9");
    await post.send(app, ["b"]);
    await gone(post, arrivals, 2);
    await vi.waitFor(async () => expect(await post.left()).toBe(0));
    await post.tables("UPDATE @outbox_route SET seq = 7");
    await post.send(app, ["c", "d"]);
    await gone(post, arrivals, 4);
    expect(arrivals.names).toEqual(["a", "b", "c", "d"]);
  });
});

/** A worker without a relay, and without records of what is over: nothing but the call tells that a job was there. */
async function receiver(post: Post): Promise<Arrivals> {
  const arrivals = new Arrivals();
  await post.app({
    workers: 1,
    tasks: [arrivals.task],
    mail: { outbox: undefined as never, keepCompleted: 0 },
  });
  return arrivals;
}

/** Waits until so many have arrived, and their records are gone. */
async function gone(post: Post, arrivals: Arrivals, n: number): Promise<void> {
  await arrivals.atLeast(n);
  const queue = post.queue();
  await vi.waitFor(async () => expect([await queue.count(), await queue.count("completed")]).toEqual([0, 0]));
}

const home = fileURLToPath(new URL("../..", import.meta.url));

/** A process that relays. It tells its parent when it is at the moment, and stays there. */
const program = `
  import { Application } from "@lexigram/kernel";
  import { TasksModule } from "@lexigram/tasks";
  import { postgresBackend } from "@lexigram/tasks-postgres";
  import { redisBackend } from "@lexigram/tasks-redis";
  const { dsn, schema, redisUrl, namespace, moment } = JSON.parse(process.argv[1]);
  process.once("disconnect", () => process.exit(1));
  const at = async (here) => {
    if (here !== moment) return;
    process.send("there");
    await new Promise(() => {});
  };
  const around = (call, before, after) => async (...args) => {
    await at(before);
    const answer = await call(...args);
    await at(after);
    return answer;
  };
  const shop = postgresBackend({ dsn, schema });
  const mail = redisBackend({ url: redisUrl, namespace });
  const backends = [
    {
      name: "shop",
      backend: {
        ...shop,
        outbox(name) {
          const outbox = shop.outbox(name);
          const take = outbox.take.bind(outbox);
          const reporting = around(take, "before it reports", "after it has reported");
          outbox.take = (request) => (request.report === undefined ? take : reporting)(request);
          return outbox;
        },
      },
    },
    {
      name: "mail",
      outbox: "shop",
      backend: {
        ...mail,
        queue(name, options) {
          const queue = mail.queue(name, options);
          const send = queue.enqueueMany.bind(queue);
          queue.enqueueMany = around(send, "before it sends", "after its queue has stored them");
          return queue;
        },
      },
    },
  ];
  await Application.boot({
    modules: [TasksModule.configure({ workerCount: 0, backends })],
    config: { logging: { level: "error" } },
  });
  process.send("ready");
`;

describe("jobs on their way", { timeout: 60_000 }, () => {
  // What is published is what runs there: Node cannot run the sources.
  beforeAll(() => {
    execFileSync(join(home, "../../node_modules/.bin/tsc"), [
      "-b",
      home,
      join(home, "../tasks"),
      join(home, "../tasks-redis"),
    ]);
  });

  test.each(MOMENTS)("arrive once and in order when the process that relays is killed %s", async (moment) => {
    const target: Target = "redis";
    const namespace = uniqueName("outbox");
    const post = await Post.open(server, target, namespace);
    const arrivals = await receiver(post);
    const where = {
      dsn: server.url,
      schema: post.shop.schema,
      redisUrl: sharedServers.redis,
      namespace,
      moment,
    };
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
    const producer = await post.app({ mail: { outbox: "shop" } });
    await post.send(producer, ["a", "b", "c"]);
    await told("there");
    if (sent(moment)) await gone(post, arrivals, 3);
    const exit = once(child, "exit");
    child.kill("SIGKILL");
    await exit;
    await post.send(producer, ["d"]);
    // The producer's own relay goes on when the lease of the dead one ends.
    await gone(post, arrivals, 4);
    expect(arrivals.names).toEqual(["a", "b", "c", "d"]);
  });
});
