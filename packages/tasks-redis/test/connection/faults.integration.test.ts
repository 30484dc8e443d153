import { uniqueName } from "@lexigram/conformance";
import { TaskConfigError } from "@lexigram/contracts";
import {
  freePort,
  privateRedis,
  privateReplica,
  privateSentinelGroup,
  redisCommand,
  redisSays,
  sharedServers,
  TcpProxy,
} from "@lexigram/services";
import { createServer } from "node:net";
import { once } from "node:events";
import { describe, expect, onTestFinished, test } from "vitest";
import type { SharedRedisConnection } from "../../src/connection/redis-connection.ts";
import {
  append,
  at,
  ending,
  heardLogger,
  insisting,
  length,
  open,
  ping,
  publish,
  reachable,
  signal,
  subject,
  unavailability,
} from "./opened.ts";

/** Milliseconds that something took. */
async function taking(what: () => Promise<unknown>): Promise<number> {
  const since = performance.now();
  await what();
  return performance.now() - since;
}

async function proxied(): Promise<{
  proxy: TcpProxy;
  connection: SharedRedisConnection;
  server: Awaited<ReturnType<typeof privateRedis>>;
}> {
  const server = ending(await privateRedis());
  const proxy = ending(await TcpProxy.open(server.port));
  const connection = open(at(proxy.redisUrl));
  await reachable(connection);
  return { proxy, connection, server };
}

describe("a server that is away", () => {
  test("fails calls fast, with nothing accepted, and is found within 5 s of its return", async () => {
    const server = ending(await privateRedis());
    const connection = open(at(server.url));
    await connection.run(append, ["key"], ["x"], { subject });
    await server.kill();
    const spans = [];
    for (let i = 0; i < 3; i++)
      spans.push(
        await taking(async () => {
          const { fields } = await unavailability(connection.run(ping, [], [], { subject }));
          expect(fields.retryable).toBe(true);
          if (i > 0) expect(fields.accepted).toBe("no");
        }),
      );
    expect(Math.max(...spans)).toBeLessThan(2_000);
    await server.start();
    expect(await taking(() => reachable(connection))).toBeLessThan(5_000);
    expect(await connection.run(length, ["key"], [], { subject })).toBe(1);
  });

  test("was away from the beginning, and is found when it comes", async () => {
    const server = ending(await privateRedis());
    await server.kill();
    const connection = open(at(server.url));
    const { fields, cause } = await unavailability(connection.run(ping, [], [], { subject }));
    expect(fields).toEqual({ queue: subject, retryable: true, accepted: "no", ids: [] });
    expect((cause as Error).message).toMatch(/ECONNREFUSED/);
    await server.start();
    await reachable(connection);
  });

  test("and comes back every second loses nothing that it had answered", async () => {
    const server = ending(await privateRedis("--appendfsync", "always"));
    const connection = open(at(server.url));
    let answered = 0;
    let stop = false;
    const writing = Promise.all(
      Array.from({ length: 10 }, async () => {
        while (!stop)
          try {
            await connection.run(append, ["key"], ["x"], { subject });
            answered++;
          } catch (error) {
            const { fields } = await unavailability(Promise.reject(error));
            expect(fields.retryable).toBe(true);
          }
      }),
    );
    for (let fault = 0; fault < 3; fault++) {
      await insisting(() => connection.run(ping, [], [], { subject }));
      await server.kill();
      await server.start();
    }
    await reachable(connection);
    stop = true;
    await writing;
    expect(answered).toBeGreaterThan(0);
    expect(await connection.run(length, ["key"], [], { subject })).toBeGreaterThanOrEqual(answered);
  });

  test("loads its data is waited for", async () => {
    const server = ending(
      await privateRedis("--key-load-delay", "1000", "--loading-process-events-interval-bytes", "1024"),
    );
    const connection = open(at(server.url));
    for (let i = 0; i < 400; i++) await connection.run(append, [`key:${i}`], ["x".repeat(200)], { subject });
    await server.kill();
    await server.start();
    await reachable(connection);
    expect(await connection.run(length, ["key:399"], [], { subject })).toBe(1);
  });
});

describe("a link that breaks", () => {
  test("leaves a call unknown that was applied, and one that was not written not accepted", async () => {
    const { proxy, connection, server } = await proxied();
    // The server knows the script, so that its one reply is the one that is lost.
    await connection.run(append, ["other"], ["x"], { subject });
    proxy.blackhole("replies");
    const applied = unavailability(connection.run(append, ["key"], ["x"], { subject }));
    await redisSays(server.port, "LLEN key", /:1/);
    proxy.refuse();
    expect((await applied).fields).toMatchObject({ accepted: "unknown", retryable: true });
    const unwritten = await unavailability(connection.run(append, ["key"], ["y"], { subject }));
    expect(unwritten.fields).toMatchObject({ accepted: "no", retryable: true });
    proxy.heal();
    await reachable(connection);
    // Nothing was sent a second time by itself.
    expect(await connection.run(length, ["key"], [], { subject })).toBe(1);
  });

  test("by CLIENT KILL is back at once, both links of it", async () => {
    const { connection, server } = await proxied();
    const heard = signal<string>();
    const resumed = signal();
    await connection.subscribe("c", { message: heard.hear, resumed: resumed.hear }, subject);
    await redisCommand(server.port, "CLIENT KILL TYPE normal");
    await redisCommand(server.port, "CLIENT KILL TYPE pubsub");
    expect(await taking(() => Promise.all([reachable(connection), resumed.heard]))).toBeLessThan(2_000);
    await connection.run(publish, [], ["c", "hello"], { subject });
    expect(await heard.heard).toBe("hello");
  });

  test(
    "silently is found within 15 s though nobody calls, and is made anew",
    { timeout: 40_000 },
    async () => {
      const { proxy, connection } = await proxied();
      const heard = signal<string>();
      const resumed = signal();
      await connection.subscribe("c", { message: heard.hear, resumed: resumed.hear }, subject);
      const before = proxy.accepted;
      expect(before).toBe(2);
      proxy.blackhole();
      proxy.heal();
      // Nothing is sent by this test: the link has to find out alone.
      const found = await taking(() =>
        Promise.all([proxy.until(({ accepted }) => accepted >= before + 2), resumed.heard]),
      );
      expect(found).toBeLessThan(15_000);
      await connection.run(publish, [], ["c", "hello"], { subject });
      expect(await heard.heard).toBe("hello");
    },
  );

  test("silently under a call ends that call by its deadline, and is made anew", async () => {
    const server = ending(await privateRedis());
    const proxy = ending(await TcpProxy.open(server.port));
    const connection = open({ ...at(proxy.redisUrl), callTimeoutMs: 500 });
    await reachable(connection);
    proxy.blackhole();
    const took = await taking(async () => {
      const { fields } = await unavailability(connection.run(ping, [], [], { subject }));
      expect(fields).toMatchObject({ accepted: "unknown", retryable: true });
    });
    expect(took).toBeGreaterThan(450);
    expect(took).toBeLessThan(1_500);
    proxy.heal();
    await proxy.until(({ accepted }) => accepted === 2);
    await reachable(connection);
  });

  test("while it is being made is given up: the server took the socket and says nothing", async () => {
    const silent = createServer(() => {}).listen(0, "127.0.0.1");
    await once(silent, "listening");
    onTestFinished(() => void silent.close());
    const { port } = silent.address() as { port: number };
    const connection = open(at(`redis://127.0.0.1:${port}`));
    let sockets = 0;
    const again = new Promise<void>((resolve) =>
      silent.on("connection", (socket) => {
        onTestFinished(() => void socket.destroy());
        if (++sockets === 2) resolve();
      }),
    );
    await unavailability(connection.run(ping, [], [], { subject }));
    expect(await taking(() => again)).toBeLessThan(5_000);
  });
});

describe("a failover", () => {
  test("to a replica is followed through Sentinel, and the subscriber too", { timeout: 60_000 }, async () => {
    const group = ending(await privateSentinelGroup({ sentinels: 1 }));
    const connection = open({
      target: { kind: "sentinel", options: { sentinels: group.addresses, name: group.name } },
      waitReplicas: 1,
    });
    const heard = signal<string>();
    const resumed = signal();
    await connection.subscribe("c", { message: heard.hear, resumed: resumed.hear }, subject);
    expect(await connection.run(append, ["key"], ["x"], { subject, durable: true })).toBe(1);
    const [replica] = group.replicas;
    await group.primary.kill();
    await redisSays(replica?.port ?? 0, "INFO replication", /role:master/);
    expect(await taking(() => reachable(connection))).toBeLessThan(5_000);
    expect(await connection.run(append, ["key"], ["y"], { subject })).toBe(2);
    await resumed.heard;
    await connection.run(publish, [], ["c", "hello"], { subject });
    expect(await heard.heard).toBe("hello");
    expect((await connection.health()).servers).toMatchObject([
      { address: expect.any(String), role: "master" },
    ]);
  });

  test("that makes the server a replica refuses calls, and looks again until it is primary", async () => {
    const server = ending(await privateRedis());
    const other = ending(await privateRedis());
    const connection = open(at(server.url));
    await connection.run(append, ["key"], ["x"], { subject });
    await redisCommand(server.port, `REPLICAOF 127.0.0.1 ${other.port}`);
    await redisSays(server.port, "INFO replication", /role:slave/);
    const refused = await unavailability(connection.run(append, ["key"], ["y"], { subject }));
    expect(refused.fields).toMatchObject({ accepted: "no", retryable: true });
    expect((refused.cause as Error).message).toMatch(/^READONLY/);
    const waiting = await unavailability(connection.run(append, ["key"], ["y"], { subject }));
    expect((waiting.cause as Error).message).toMatch(/is a replica/);
    await redisCommand(server.port, "REPLICAOF NO ONE");
    expect(await taking(() => reachable(connection))).toBeLessThan(5_000);
  });
});

describe("what the server says of itself", () => {
  test("is warned of once for each logger, and told in health", async () => {
    const server = ending(
      await privateRedis(
        "--appendfsync",
        "everysec",
        "--maxmemory",
        "100mb",
        "--maxmemory-policy",
        "allkeys-lru",
      ),
    );
    const replica = ending(await privateReplica(server));
    expect(replica.port).not.toBe(server.port);
    const [first, second] = [heardLogger(), heardLogger()];
    const connection = open({ ...at(server.url), logger: first });
    await reachable(connection);
    await redisCommand(server.port, "CLIENT KILL TYPE normal");
    await reachable(connection);
    open({ ...at(server.url), logger: second });
    const risks = (lines: typeof first.lines): unknown[] =>
      lines.filter(({ level }) => level === "warn").map(({ fields }) => fields["risk"]);
    const all = [/evicted/, /last second/, /waitReplicas 0/].map((words) => expect.stringMatching(words));
    expect(risks(first.lines)).toEqual(all);
    expect(risks(second.lines)).toEqual(all);
    const { servers, latencyMs } = await connection.health();
    expect(servers).toMatchObject([
      { product: "Redis", durability: "everysec", role: "master", replicas: 1, risks: all },
    ]);
    expect(latencyMs).toBeGreaterThan(0);
  });

  test("may be nothing: a managed server refuses CONFIG and INFO", async () => {
    const server = ending(await privateRedis("--rename-command", "CONFIG", ""));
    await redisCommand(server.port, "ACL SETUSER app on >pw ~* &* +@all -info -config");
    const connection = open(at(server.url.replace("//", "//app:pw@")));
    await reachable(connection);
    expect((await connection.health()).servers).toMatchObject([
      { version: "unknown", durability: "unknown" },
    ]);
  });

  test("never holds a password, in errors, logs or health", async () => {
    const server = ending(await privateRedis("--requirepass", "hunter2"));
    const logger = heardLogger();
    const texts: string[] = [];
    const keep = (error: Error | undefined): void => {
      for (let e: unknown = error; e instanceof Error; e = e.cause)
        texts.push(e.message, e.stack ?? "", JSON.stringify(Object.entries(e)), JSON.stringify(e));
    };
    const wrong = open({ ...at(server.url.replace("//", "//:hunter2wrong@")), logger });
    const refused = await unavailability(wrong.run(ping, [], [], { subject }));
    expect(refused.fields).toMatchObject({ accepted: "no", retryable: false });
    keep(refused);
    const away = open({ ...at(`redis://me:hunter2@127.0.0.1:${await freePort()}`), logger });
    keep(await unavailability(away.run(ping, [], [], { subject })));
    const right = open({ ...at(server.url.replace("//", "//:hunter2@")), logger });
    await reachable(right);
    for (const one of [wrong, away, right]) {
      const health = await one.health();
      keep(health.error);
      texts.push(JSON.stringify(health));
    }
    texts.push(JSON.stringify(logger.lines));
    for (const { fields } of logger.lines) keep(fields["error"] as Error);
    expect(texts.join("\n")).not.toContain("hunter2");
  });

  test("is too old: the error says what to use", async () => {
    const old = createServer((socket) => {
      socket.on("error", () => {});
      socket.on("data", (data) => {
        // As a Redis 5 answers: it knows no HELLO.
        for (const command of String(data).split(/(?=\*\d+\r\n)/)) {
          const name = /^\*\d+\r\n\$\d+\r\n(\w+)/.exec(command)?.[1]?.toUpperCase();
          const info = "redis_version:5.0.14\r\nrole:master\r\n";
          if (name === "INFO") socket.write(`$${info.length}\r\n${info}\r\n`);
          else if (name === "HELLO") socket.write("-ERR unknown command `HELLO`\r\n");
          else if (name === "CONFIG") socket.write("*0\r\n");
          else socket.write("+OK\r\n");
        }
      });
    }).listen(0, "127.0.0.1");
    await once(old, "listening");
    onTestFinished(() => void old.close());
    const { port } = old.address() as { port: number };
    const connection = open(at(`redis://127.0.0.1:${port}`));
    const error: unknown = await connection.run(ping, [], [], { subject }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(TaskConfigError);
    expect(error).toMatchObject({ hint: "use Redis 6.2 or newer, or Valkey 7 or newer" });
    await connection.close();
  });
});

describe("channels", () => {
  test("are heard by each listener until it ends", async () => {
    const connection = open(at(sharedServers.redis));
    const channel = uniqueName("c");
    const say = (text: string): Promise<unknown> => connection.run(publish, [], [channel, text], { subject });
    const heard: string[] = [];
    const [first, last] = [signal<string>(), signal<string>()];
    const end = await connection.subscribe(
      channel,
      { message: (text) => void heard.push(`a:${text}`) },
      subject,
    );
    await connection.subscribe(
      channel,
      {
        message(text) {
          heard.push(`b:${text}`);
          (text === "one" ? first : last).hear(text);
          throw new Error("a listener must not break the others");
        },
      },
      subject,
    );
    await say("one");
    await first.heard;
    end();
    end();
    await say("two");
    await last.heard;
    expect(heard).toEqual(["a:one", "b:one", "b:two"]);
  });

  test("that nobody hears any more are ended on the server, and can be heard again", async () => {
    const connection = open(at(sharedServers.redis));
    const channel = uniqueName("c");
    const heard = signal<string>();
    const end = await connection.subscribe(channel, { message: () => {} }, subject);
    end();
    await connection.subscribe(channel, { message: heard.hear }, subject);
    expect(await connection.run(publish, [], [channel, "again"], { subject })).toBe(1);
    expect(await heard.heard).toBe("again");
  });

  test("cannot be heard while the server is away, and the listener is forgotten", async () => {
    const connection = open(at(`redis://127.0.0.1:${await freePort()}`));
    const { fields } = await unavailability(connection.subscribe("c", { message: () => {} }, subject));
    expect(fields).toMatchObject({ queue: subject, accepted: "no", retryable: true });
  });
});
